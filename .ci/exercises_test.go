package ci

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryExerciseIsNotBegunAsShipped(t *testing.T) {
	t.Parallel()
	tree := copyTree(t)
	wanted := map[string]string{}
	for _, e := range exercises(t, tree) {
		wanted[e.number] = notBegun
	}
	assert.GreaterOrEqual(t, len(wanted), 22)
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

// Each diff in testdata makes a tempting answer that is wrong. It begins with the
// cause that the test has to name.
func TestEveryNearMissIsRedForItsTrueCause(t *testing.T) {
	t.Parallel()
	inTurn(t, "testdata", 5, func(t *testing.T, applied map[string]string, outputs map[string]string) {
		for number, diff := range applied {
			cause := causeOf(diff)
			require.NotEmpty(t, cause, "exercise %s: this diff does not begin with a line \"likely cause: …\":\n%s", number, diff)
			assert.Contains(t, unwrapped(outputs[number]), cause, "exercise %s is red for another cause, with\n%s", number, diff)
		}
	})
}

// Each diff in testdata/right makes an answer that is not the solution's, and right.
func TestEveryOtherRightAnswerIsGreen(t *testing.T) {
	t.Parallel()
	inTurn(t, "testdata/right", 0, func(*testing.T, map[string]string, map[string]string) {})
}

// inTurn applies one diff of each exercise to a copy of the tree and runs them,
// then the next. All diffs have to be red, or green if they are right.
func inTurn(t *testing.T, folder string, atLeast int, look func(t *testing.T, applied, outputs map[string]string)) {
	for round := 0; ; round++ {
		tree := copyTree(t)
		wanted, applied := map[string]string{}, map[string]string{}
		for _, e := range exercises(t, tree) {
			wanted[e.number] = solved
			diffs := e.diffs(t, folder)
			if round == 0 {
				assert.GreaterOrEqual(t, len(diffs), atLeast, "diffs in %s for exercise %s", folder, e.number)
			}
			if round >= len(diffs) {
				e.solve(t)
				continue
			}
			t.Logf("round %d: %s", round, filepath.Base(diffs[round]))
			applied[e.number] = e.apply(t, diffs[round])
			if folder == "testdata" {
				wanted[e.number] = red
			}
		}
		if len(applied) == 0 {
			return
		}
		look(t, applied, run(t, tree, wanted))
	}
}

func TestThePagesDescribeEveryExercise(t *testing.T) {
	t.Parallel()
	for _, e := range exercises(t, repository.root) {
		code, err := os.ReadFile(filepath.Join(e.folder, e.file))
		require.NoError(t, err)
		for _, language := range exerciseLanguages {
			page, err := os.ReadFile(filepath.Join(e.folder, language.page))
			require.NoError(t, err)
			report(t, e.checkDescription(language, string(code), string(page)))
		}
	}
}

func TestTheCheckerFindsWrongDescriptions(t *testing.T) {
	t.Parallel()
	e := exercise{"09-more/exercise", "9_1_it.go", "9_1"}
	const code = "// Exercise 9.1: \"It fails.\"\npackage exercise\n"
	english := strings.ReplaceAll("## Exercise 9.1\n\n> \"It fails.\"\n\nMend '9_1_it.go'.\n\ngo test -v -run 'Exercise9_1' ./09-more/exercise\n\n"+
		"<details>\nOne\n</details>\n<details>\nTwo\n</details>\n\n## Exercise 9.2\n\n<details>\n", "'9_1_it.go'", "`9_1_it.go`")
	chinese := strings.NewReplacer("Exercise 9", "练习 9", `"It fails."`, "“坏了。”").Replace(english)
	for _, test := range []struct{ name, old, new, problem string }{
		{"described", "", "", ""},
		{"below another heading", "## ", "### ", ""},
		{"not described", " 9.1", " 9.3", "it is not described"},
		{"no symptom", "> ", "", "it has no line like > "},
		{"no file", "`9_1_it.go`", "it", "it has no line like .*`9_1_it"},
		{"another command", "'Exercise9_1'", "'Exercise9_2'", "it has no line like go test"},
		{"one hint", "<details>\nTwo", "Two", "it has 1 hints"},
	} {
		for i, page := range []string{english, chinese} {
			changed := strings.ReplaceAll(page, test.old, test.new)
			if test.old == "" {
				changed = page
			}
			requireProblem(t, test.problem, e.checkDescription(exerciseLanguages[i], code, changed))
		}
	}
	quoted := strings.Replace(english, "It fails.", "It works.", 1)
	requireProblem(t, "it has no line like", e.checkDescription(exerciseLanguages[0], code, quoted))
	for _, noTitle := range []string{"package exercise", "// Exercise 9.1: \"" + strings.Repeat("x", 62) + "\"\n"} {
		requireProblem(t, "9_1_it.go has no symptom", e.checkDescription(exerciseLanguages[0], noTitle, english))
	}
}
