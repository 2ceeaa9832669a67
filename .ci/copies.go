package ci

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Copies of the tree: the exercises are solved there, and the log-in is attacked.

func copyTree(t *testing.T) (tree string) {
	t.Helper()
	tree = t.TempDir()
	require.NoError(t, os.CopyFS(tree, os.DirFS("..")))
	require.NoError(t, os.RemoveAll(filepath.Join(tree, ".git"))) // git apply would look at its root
	return tree
}

// applyDiff changes files in a folder of a copy, and returns the diff's text.
func applyDiff(t *testing.T, folder, diff string) string {
	t.Helper()
	command := exec.Command("git", "apply", "-p0", diff)
	command.Dir = folder
	output, err := command.CombinedOutput()
	require.NoError(t, err, "git apply %s: %s", diff, output)
	text, err := os.ReadFile(diff)
	require.NoError(t, err)
	return string(text)
}

// testEvent is a line of go test -json.
type testEvent struct{ Package, Test, Action, Output string }

// testCopies runs the tests in these folders of a copy, which have to compile.
func testCopies(t *testing.T, tree string, folders []string) (events []testEvent) {
	t.Helper()
	command := exec.Command("go", append([]string{"test", "-json"}, folders...)...)
	command.Dir = tree
	printed, err := command.Output()
	if failed := new(exec.ExitError); !errors.As(err, &failed) { // as it does when a test is red
		require.NoError(t, err)
	}
	for lines := json.NewDecoder(bytes.NewReader(printed)); lines.More(); {
		var event testEvent
		require.NoError(t, lines.Decode(&event))
		if event.Action == "build-output" {
			assert.Fail(t, "does not compile", event.Output)
		}
		events = append(events, event)
	}
	return events
}
