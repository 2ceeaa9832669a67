// Package ci proves the exercises, on copies of the tree:
//
//	go test ./.ci
package ci

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The states of an exercise, as the board calls them.
const (
	solved   = "solved"
	red      = "red"
	notBegun = "not begun"
)

func TestEveryExerciseIsNotBegunAsShipped(t *testing.T) {
	t.Parallel()
	tree := copyTree(t)
	wanted := map[string]string{}
	for _, e := range exercises(t, tree) {
		wanted[e.number] = notBegun
	}
	assert.GreaterOrEqual(t, len(wanted), 19)
	for number, output := range run(t, tree, wanted) {
		todo := "TODO(" + strings.Replace(number, "_", ".", 1) + "): "
		assert.Regexp(t, `Open \./\S+/exercise/`+number+`_\w+\.go,(.*\n)*.*`+regexp.QuoteMeta(todo)+`.*\w`, output)
		assert.Contains(t, output, "go test -v -run 'Exercise"+number+"' ./", number)
	}
}

func TestEverySolutionIsGreen(t *testing.T) {
	t.Parallel()
	tree := copyTree(t)
	wanted := map[string]string{}
	for _, e := range exercises(t, tree) {
		e.solve(t)
		wanted[e.number] = solved
	}
	run(t, tree, wanted)
}

func TestEveryExerciseIsRedWithoutItsTODOAndSaysWhy(t *testing.T) {
	t.Parallel()
	tree := copyTree(t)
	wanted := map[string]string{}
	for _, e := range exercises(t, tree) {
		e.begin(t)
		wanted[e.number] = red
	}
	run(t, tree, wanted)
}

// Each diff in testdata makes a tempting fix of an exercise, and does not solve it.
func TestEveryNearMissIsRedAndSaysWhy(t *testing.T) {
	t.Parallel()
	for round := 0; ; round++ { // one diff of each exercise, then the next
		tree := copyTree(t)
		wanted := map[string]string{}
		for _, e := range exercises(t, tree) {
			diffs := e.nearMisses(t)
			require.NotEmpty(t, diffs, "exercise %s", e.number)
			if round < len(diffs) {
				t.Logf("round %d: %s", round, filepath.Base(diffs[round]))
				e.apply(t, diffs[round])
				wanted[e.number] = red
			} else {
				e.solve(t)
				wanted[e.number] = solved
			}
		}
		if !slices.Contains(slices.Collect(maps.Values(wanted)), red) {
			return
		}
		run(t, tree, wanted)
	}
}

// A chapter's README says of each exercise: the symptom, the file, the command,
// and two hints.
func TestTheREADMEsDescribeEveryExercise(t *testing.T) {
	t.Parallel()
	for _, e := range exercises(t, "..") {
		chapter := filepath.Dir(e.folder)
		code, err := os.ReadFile(filepath.Join(e.folder, e.file))
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(chapter, "README.md"))
		require.NoError(t, err)

		title := "Exercise " + strings.Replace(e.number, "_", ".", 1)
		symptom := regexp.MustCompile(`(?m)^// ` + regexp.QuoteMeta(title) + `: (".{1,61}")$`).FindSubmatch(code)
		require.NotNil(t, symptom, "%s has no title, or one that is too long for the board", e.file)
		_, section, found := strings.Cut(string(text), "\n### "+title+"\n")
		require.True(t, found, "%s/README.md has no %s", chapter, title)
		section, _, _ = strings.Cut(section, "\n##")
		assert.Contains(t, section, "\n> "+string(symptom[1])+"\n", title)
		assert.Contains(t, section, "`"+e.file+"`", title)
		assert.Contains(t, section, "\ngo test -v -run 'Exercise"+e.number+"' ./"+filepath.Base(chapter)+"/exercise\n", title)
		assert.Equal(t, 2, strings.Count(section, "<details>\n"), title)
	}
}

// exercise is one file to edit, in a copy of the tree.
type exercise struct {
	folder string // of the copy
	file   string // like 2_1_save.go
	number string // like 2_1
}

func copyTree(t *testing.T) (tree string) {
	t.Helper()
	tree = t.TempDir()
	require.NoError(t, os.CopyFS(tree, os.DirFS("..")))
	require.NoError(t, os.RemoveAll(filepath.Join(tree, ".git"))) // git apply would look at its root
	return tree
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

func (e exercise) nearMisses(t *testing.T) []string {
	t.Helper()
	diffs, err := filepath.Glob(filepath.Join(e.folder, "testdata", e.number+"_*.diff"))
	require.NoError(t, err)
	return diffs
}

func (e exercise) apply(t *testing.T, diff string) {
	t.Helper()
	command := exec.Command("git", "apply", "-p0", diff)
	command.Dir = e.folder
	output, err := command.CombinedOutput()
	require.NoError(t, err, "git apply %s: %s", diff, output)
}

// run runs all exercises of a tree, and returns what each printed. They have to
// be in the wanted states, also on the board; what is red has to say why.
func run(t *testing.T, tree string, wanted map[string]string) (outputs map[string]string) {
	t.Helper()
	outputs, states := goTest(t, tree)
	assert.Equal(t, wanted, states)
	assert.Equal(t, wanted, board(t, tree), "the board shows something else than go test")
	for number, state := range states {
		if state == red {
			assert.Contains(t, outputs[number], "likely cause: ", "exercise %s is red without its message:\n%s", number, outputs[number])
		}
	}
	return outputs
}

// goTest runs the exercises, and returns what each printed, and its state.
func goTest(t *testing.T, tree string) (outputs, states map[string]string) {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(tree, "*", "exercise"))
	require.NoError(t, err)
	command := exec.Command("go", append([]string{"test", "-json"}, folders...)...)
	command.Dir = tree
	printed, err := command.Output()
	if failed := new(exec.ExitError); !errors.As(err, &failed) { // as it does when an exercise is red
		require.NoError(t, err)
	}
	outputs, states = map[string]string{}, map[string]string{}
	for events := json.NewDecoder(bytes.NewReader(printed)); events.More(); {
		var event struct{ Action, Test, Output string }
		require.NoError(t, events.Decode(&event))
		if event.Action == "build-output" {
			assert.Fail(t, "does not compile", event.Output)
		}
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
