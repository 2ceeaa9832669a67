package ci

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
