package ci

import (
	"regexp"
	"slices"
	"strings"
)

// chapter returns the folder whose program a page is about.
func (p *page) chapter() string {
	folder, _, _ := strings.Cut(p.name, "/")
	return folder
}

func (p *page) consoles() []block {
	return slices.DeleteFunc(slices.Clone(p.blocks), func(b block) bool { return b.kind != "console" })
}

// step is a command, with what the page shows below it.
type step struct {
	command string
	line    int // the number of the first line below
	output  []string
}

func (p *page) steps(b block) (steps []step) {
	for i := 0; i < len(b.text); i++ {
		command, prompt := strings.CutPrefix(b.text[i], "$ ")
		switch {
		case prompt || strings.HasPrefix(command, "^C"):
			for strings.HasSuffix(command, `\`) && i+1 < len(b.text) {
				i++
				command = strings.TrimSuffix(command, `\`) + strings.TrimLeft(b.text[i], " ")
			}
			steps = append(steps, step{command: command, line: b.line + i + 2})
		case len(steps) == 0:
			p.problem(b.line+i+1, "a console block starts with a command: $ …")
			return nil
		default:
			last := &steps[len(steps)-1]
			last.output = append(last.output, b.text[i])
		}
	}
	return steps
}

// compare compares all that a command printed with what the page shows.
func (p *page) compare(st step, output []string) {
	shown, output := trimBlank(st.output), trimBlank(output)
	i := firstDifference(masked(shown), masked(output))
	switch {
	case i < 0:
	case i == len(shown):
		p.problem(st.line+i, "%s prints more than this:\n%s", st.command, strings.Join(output, "\n"))
	default:
		p.problem(st.line+i, "%s does not print this: %s\nbut:\n%s", st.command, shown[i], strings.Join(output, "\n"))
	}
}

// checkShown looks for each line that the page shows among those that a running
// program printed: Gin prints many that explain nothing.
func (p *page) checkShown(st step, output []string) {
	for i, line := range masked(st.output) {
		if line != "" && line != elision && !slices.Contains(masked(output), line) {
			p.problem(st.line+i, "%s does not print this: %s\nbut:\n%s", st.command, st.output[i], strings.Join(output, "\n"))
		}
	}
}

const elision = "…"

// firstDifference returns the first line of want that is not in got, len(want)
// when got goes on, and -1 when there is no difference. A line "…" in want
// stands for any number of lines.
func firstDifference(want, got []string) int {
	for i, line := range want {
		if line == elision {
			furthest := i
			for skip := i; skip <= len(got); skip++ {
				difference := firstDifference(want[i+1:], got[skip:])
				if difference < 0 {
					return -1
				}
				furthest = max(furthest, i+1+difference)
			}
			return furthest
		}
		if i >= len(got) || line != got[i] {
			return i
		}
	}
	if len(got) > len(want) {
		return len(want)
	}
	return -1
}

// masks hide what differs from run to run. An empty cookie and the expiry in
// 1970, which tell the browser to forget, stay as they are.
var masks = []struct {
	variable *regexp.Regexp
	mask     string
}{
	{regexp.MustCompile(`mysession=[^;\s]+`), "mysession=(cookie)"},
	{regexp.MustCompile(`[A-Z2-7]{52}`), "(ID)"},
	{regexp.MustCompile(`[A-Z2-7]{8}…`), "(ID)…"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC`), "(time)"},
	{regexp.MustCompile(`\b(\d+h)?(\d+m)?\d+s (ago|to go)`), "(duration) $3"},
	{regexp.MustCompile(`^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$`), "Date: (date)"},
	{regexp.MustCompile(`Expires=\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT`), "Expires=(date)"},
	{regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `), "(time) "},
	{regexp.MustCompile(`\bgo1\.[\w.]+`), "(Go)"},
}

func masked(lines []string) []string {
	lines = slices.Clone(lines)
	for i := range lines {
		for _, m := range masks {
			lines[i] = m.variable.ReplaceAllString(lines[i], m.mask)
		}
	}
	return lines
}
