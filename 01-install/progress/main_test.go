package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

// tutorial writes a small tutorial of these exercises into a folder of its own:
// file name in 1-first/exercise or 2-second/exercise → the test's body.
func tutorial(t *testing.T, tests map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	write("go.mod", "module tutorial\n\ngo 1.25\n")
	for name, body := range tests {
		file, number := filepath.Base(name), strings.Join(strings.SplitN(filepath.Base(name), "_", 3)[:2], "_")
		write(name, "package exercise\n\n// Exercise "+strings.Replace(number, "_", ".", 1)+": \""+file+"\"\n")
		write(path.Dir(name)+"/exercise"+number+"_test.go", "package exercise\n\nimport \"testing\"\n\nfunc TestExercise"+number+"(t *testing.T) {"+body+"}\n")
	}
	return root
}

func board(t *testing.T, root string, colour bool) string {
	t.Helper()
	var printed strings.Builder
	require.NoError(t, show(&printed, root, colour))
	return printed.String()
}

func TestTheBoardTellsTheStatesApart(t *testing.T) {
	t.Parallel()
	root := tutorial(t, map[string]string{
		"1-first/exercise/1_1_a.go":  ``,
		"1-first/exercise/1_2_b.go":  `t.Skip("not begun")`,
		"1-first/exercise/1_3_c.go":  `t.Error("wrong")`,
		"2-second/exercise/2_1_d.go": ``,
	})
	assert.Equal(t, `Running 4 exercises. The first time takes a while.

1-first
  1.1  solved    "1_1_a.go"
  1.2  not begun "1_2_b.go"
  1.3  red       "1_3_c.go"
2-second
  2.1  solved    "2_1_d.go"

[####################....................] 2 of 4 solved

Next: 1.3, in 1-first/exercise/1_3_c.go
  go test -v -run 'Exercise1_3' ./1-first/exercise
`, board(t, root, false), "a red one was begun, so it comes next")
}

func TestWhatDoesNotCompileIsShownWithTheCompilersWords(t *testing.T) {
	t.Parallel()
	root := tutorial(t, map[string]string{
		"1-first/exercise/1_1_a.go":  ``,
		"2-second/exercise/2_1_b.go": `return 1`,
	})
	printed := board(t, root, false)
	assert.Contains(t, printed, "  1.1  solved    \"1_1_a.go\"\n", "the other chapter is not to blame")
	assert.Contains(t, printed, "  2.1  broken    \"2_1_b.go\"\n")
	assert.Regexp(t, "(?s)Next: mend what does not compile\n.*exercise2_1_test.go:5:.*too many return values", printed)
}

func TestWhenAllIsSolvedNothingComesNext(t *testing.T) {
	t.Parallel()
	printed := board(t, tutorial(t, map[string]string{"1-first/exercise/1_1_a.go": ``}), false)
	assert.Contains(t, printed, "[########################################] 1 of 1 solved\n")
	assert.Contains(t, printed, "All solved.")
	assert.NotContains(t, printed, "Next")
}

func TestColourIsForTerminals(t *testing.T) {
	t.Parallel()
	root := tutorial(t, map[string]string{"1-first/exercise/1_1_a.go": ``})
	assert.Contains(t, board(t, root, true), "\x1b[32msolved   \x1b[0m \"1_1_a.go\"")
	assert.NotContains(t, board(t, root, false), "\x1b")
}

func TestAnotherFolderIsAClearError(t *testing.T) {
	t.Parallel()
	status, output := sessiontest.Run(t, nil) // in this folder
	assert.Equal(t, 1, status)
	assert.Equal(t, "no exercises here: run this in the tutorial's root folder\n", output)
}
