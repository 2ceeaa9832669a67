package ci

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The exercises are proved on copies of the tree: skipped as shipped, red when
// begun, red on each near miss, green when solved. Their pages describe them.

// The states of an exercise, as the board calls them.
const (
	solved   = "solved"
	red      = "red"
	notBegun = "not begun"
)

// exerciseLanguage is how an exercise is described: under which heading, and where
// its symptom stands, which only the English page quotes from the code.
type exerciseLanguage struct{ page, title, symptom string }

var exerciseLanguages = []exerciseLanguage{
	{"README.md", "Exercise", "> %s"},
	{"README.zh-CN.md", "练习", `> “.+”`},
}

// checkDescription wants of a page the symptom, the file, the command, and two hints.
func (e exercise) checkDescription(language exerciseLanguage, code, page string) (problems []string) {
	number := strings.Replace(e.number, "_", ".", 1)
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%s, exercise %s: ", language.page, number)+fmt.Sprintf(format, args...))
	}
	symptom := regexp.MustCompile(`(?m)^// Exercise ` + regexp.QuoteMeta(number) + `: (".{1,61}")$`).FindStringSubmatch(code)
	if symptom == nil {
		problem("%s has no symptom, or one that is too long for the board", e.file)
		return problems
	}
	_, section, found := strings.Cut(page, "# "+language.title+" "+number+"\n") // of any level
	if !found {
		problem("it is not described")
		return problems
	}
	section = regexp.MustCompile(`(?ms)^##.*`).ReplaceAllString(section, "")
	chapter := filepath.Base(filepath.Dir(e.folder))
	for _, wanted := range []string{
		strings.ReplaceAll(language.symptom, "%s", regexp.QuoteMeta(symptom[1])),
		".*`" + regexp.QuoteMeta(e.file) + "`.*",
		regexp.QuoteMeta("go test -v -run 'Exercise" + e.number + "' ./" + chapter + "/exercise"),
	} {
		if !regexp.MustCompile(`(?m)^` + wanted + `$`).MatchString(section) {
			problem("it has no line like %s", wanted)
		}
	}
	if hints := strings.Count(section, "<details>\n"); hints != 2 {
		problem("it has %d hints, and not two", hints)
	}
	return problems
}

// exercise is one file to edit, in a copy of the tree.
type exercise struct {
	folder string // of the copy
	file   string // like 2_1_save.go
	number string // like 2_1
}

func exercises(t *testing.T, tree string) (found []exercise) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(tree, "*", "exercise", "[0-9]*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		file := filepath.Base(path)
		parts := strings.SplitN(file, "_", 3)
		require.Len(t, parts, 3, "%s is not named like 2_1_save.go", path)
		found = append(found, exercise{filepath.Dir(path), file, parts[0] + "_" + parts[1]})
	}
	return found
}

var todo = regexp.MustCompile(`(?m)^\s*// TODO\(\d+\.\d+\): .*\n`)

// begin takes out the TODO, as a learner does.
func (e exercise) begin(t *testing.T) {
	t.Helper()
	path := filepath.Join(e.folder, e.file)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, todo.FindAll(text, -1), 1, "%s has one line with a TODO", path)
	require.NoError(t, os.WriteFile(path, todo.ReplaceAll(text, nil), 0o644))
}

// solve puts the solution in its place.
func (e exercise) solve(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.folder, "solution", e.file))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(e.folder, e.file), text, 0o644))
}

// diffs returns the paths of an exercise's diffs in a folder like testdata.
func (e exercise) diffs(t *testing.T, folder string) []string {
	t.Helper()
	diffs, err := filepath.Glob(filepath.Join(e.folder, folder, e.number+"_*.diff"))
	require.NoError(t, err)
	return diffs
}

// apply changes the exercise as shipped, and returns the diff's text.
func (e exercise) apply(t *testing.T, diff string) string { return applyDiff(t, e.folder, diff) }

// causeOf returns the first line of a diff: the cause that the test has to name.
func causeOf(diff string) string {
	line, _, _ := strings.Cut(diff, "\n")
	if !strings.HasPrefix(line, "likely cause: ") {
		return ""
	}
	return line
}

// unwrapped is what a test printed, with each line break and its indentation as one blank.
func unwrapped(output string) string { return strings.Join(strings.Fields(output), " ") }

// run runs all exercises of a tree, and returns what each printed. They have to
// be in the wanted states, also on the board; what is red has to say why.
func run(t *testing.T, tree string, wanted map[string]string) (outputs map[string]string) {
	t.Helper()
	outputs, states := testExercises(t, tree)
	assert.Equal(t, wanted, states)
	assert.Equal(t, wanted, board(t, tree), "the board shows something else than go test")
	for number, state := range states {
		if state == red {
			assert.Contains(t, outputs[number], "likely cause: ", "exercise %s is red without its message:\n%s", number, outputs[number])
		}
	}
	return outputs
}

// testExercises runs the exercises, and returns what each printed, and its state.
func testExercises(t *testing.T, tree string) (outputs, states map[string]string) {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(tree, "*", "exercise"))
	require.NoError(t, err)
	outputs, states = map[string]string{}, map[string]string{}
	for _, event := range testCopies(t, tree, folders) {
		number, ok := strings.CutPrefix(event.Test, "TestExercise")
		if !ok {
			continue
		}
		outputs[number] += event.Output
		if state := map[string]string{"pass": solved, "fail": red, "skip": notBegun}[event.Action]; state != "" {
			states[number] = state
		}
	}
	return outputs, states
}

var boardLine = regexp.MustCompile(`(?m)^  (\d+)\.(\d+) +(solved|red|not begun|broken) `)

// board returns the states that the board shows.
func board(t *testing.T, tree string) (states map[string]string) {
	t.Helper()
	command := exec.Command("go", "run", "./01-install/progress")
	command.Dir = tree
	printed, err := command.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	states = map[string]string{}
	for _, match := range boardLine.FindAllStringSubmatch(string(printed), -1) {
		states[match[1]+"_"+match[2]] = match[3]
	}
	return states
}
