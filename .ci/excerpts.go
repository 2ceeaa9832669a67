package ci

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// A go or js block quotes the file that the line above names, like `main.go`, and may
// be indented less. A line "…" or "// …" leaves something out. An nginx or yaml block
// quotes a file if the line above names one, with "# …".
//
// A diff block stands below the names of the old file and of the new one. It quotes
// what git diff prints for them, and a line "@@ why" leaves something out.

// checkBlocks checks all blocks but those of the transcripts.
func (p *page) checkBlocks() {
	for _, b := range p.blocks {
		switch b.kind {
		case "go", "js", "diff":
			if err := p.checkExcerpt(b); err != nil {
				p.problem(b.line, "%v", err)
			}
		case "nginx", "yaml":
			if !fileSpan.MatchString(b.above) {
				break // it stands for itself
			}
			if err := p.checkExcerpt(b); err != nil {
				p.problem(b.line, "%v", err)
			}
		case "console", "sh", "text", "json", "mermaid":
		default: // like golang or shell, which nobody would check
			p.problem(b.line, "a block of %q: use go, js, diff, console, sh, text, json, yaml, nginx or mermaid", b.kind)
		}
	}
	each(p, func(_ *ast.CodeBlock, line int) {
		p.problem(line, "an indented block, which nobody checks: use a fence")
	})
}

var (
	fileSpan = regexp.MustCompile("`([^`\\s]+\\.(?:go|js|conf|yml))`")
	left     = map[string]*regexp.Regexp{ // a line that leaves something out
		"go":    regexp.MustCompile(`^\s*(// )?…$`),
		"js":    regexp.MustCompile(`^\s*(// )?…$`),
		"nginx": regexp.MustCompile(`^\s*(# )?…$`),
		"yaml":  regexp.MustCompile(`^\s*(# )?…$`),
		"diff":  regexp.MustCompile(`^(@@|--- |\+\+\+ )`),
	}
)

// checkExcerpt looks for a block in its file, or in the diff of its files. What is
// indented there may start at the margin here, so it tries several depths.
func (p *page) checkExcerpt(b block) error {
	var names []string
	for _, span := range fileSpan.FindAllStringSubmatch(b.above, -1) {
		names = append(names, span[1])
	}
	var lines []string
	var err error
	switch {
	case b.kind != "diff" && len(names) == 1:
		var text []byte
		text, err = os.ReadFile(p.tree.file(p.beside(names[0])))
		lines = splitLines(string(text))
	case b.kind != "diff":
		err = errors.New("the line above a go or js block names its file, like `main.go`")
	case len(names) == 2:
		lines, err = gitDiff(p.tree.file(p.beside(names[0])), p.tree.file(p.beside(names[1])))
	default:
		err = errors.New("the line above a diff names the old file and the new one, like `../01/main.go` → `main.go`")
	}
	if err != nil {
		return err
	}
	parts := split(b.text, left[b.kind])
	if len(parts) == 0 {
		return errors.New("this excerpt shows nothing")
	}
	for _, part := range parts {
		if b.kind == "diff" && !slices.ContainsFunc(part, isChange) {
			return fmt.Errorf("this hunk changes nothing: %q", part[0])
		}
	}
	most, missing := -1, ""
	for depth := range 8 {
		found, line := findInOrder(outdented(lines, depth), parts)
		if line == "" {
			return nil
		}
		if found > most {
			most, missing = found, line
		}
	}
	return fmt.Errorf("this excerpt does not stand in %s: first line not found: %s", strings.Join(names, " → "), missing)
}

// gitDiff returns the lines of both files, and which are old and new.
func gitDiff(before, after string) ([]string, error) {
	command := exec.Command("git", "diff", "--no-index", "--no-ext-diff", "--no-color", "--unified=100000", before, after)
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	output, err := command.CombinedOutput()
	if command.ProcessState != nil && command.ProcessState.ExitCode() == 1 && strings.HasPrefix(string(output), "diff ") {
		return splitLines(string(output)), nil // 1: they differ
	}
	return nil, fmt.Errorf("git diff finds no difference: %w\n%s", err, output)
}

func isChange(line string) bool { return strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+") }

// split returns what stands between the lines that leave something out.
func split(lines []string, leftOut *regexp.Regexp) (parts [][]string) {
	var part []string
	end := func() {
		if part = trimBlank(part); len(part) > 0 {
			parts = append(parts, part)
		}
		part = nil
	}
	for _, line := range lines {
		if leftOut.MatchString(line) {
			end()
		} else {
			part = append(part, line)
		}
	}
	end()
	return parts
}

func outdented(lines []string, depth int) []string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, strings.Repeat("\t", depth))
	}
	return lines
}

// findInOrder looks for the parts, each below the one before. It returns how
// many lines it found and, unless that is all, the first that is missing.
func findInOrder(lines []string, parts [][]string) (found int, missing string) {
	for _, part := range parts {
		at, length := longestMatch(lines, part)
		found += length
		if length < len(part) {
			return found, strconv.Quote(part[length])
		}
		lines = lines[at+length:]
	}
	return found, ""
}

// longestMatch returns the first place where the most lines of part, from its
// first on, stand together.
func longestMatch(lines, part []string) (at, length int) {
	for i := range lines {
		n := 0
		for n < len(part) && i+n < len(lines) && lines[i+n] == part[n] {
			n++
		}
		if n > length {
			at, length = i, n
		}
	}
	return at, length
}
