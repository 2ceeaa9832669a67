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

// Each diff in the login's testdata takes one defence out of the program. It begins
// with the test of the attack, which has to be the only one that turns red.
func TestEachAttackOnTheLoginSucceedsWithoutItsDefence(t *testing.T) {
	t.Parallel()
	tree := copyTree(t)
	login := filepath.Join(tree, "03-redis-store", "login")
	diffs, err := filepath.Glob(filepath.Join(login, "testdata", "*.diff"))
	require.NoError(t, err)

	wanted, got := map[string][]string{}, map[string][]string{} // the tests that are red
	var folders []string
	for _, diff := range diffs {
		name := "login_" + strings.TrimSuffix(filepath.Base(diff), ".diff")
		folder := filepath.Join(filepath.Dir(login), name)
		require.NoError(t, os.CopyFS(folder, os.DirFS(login)))
		text := applyDiff(t, folder, diff)
		line, _, _ := strings.Cut(text, "\n")
		test, ok := strings.CutPrefix(line, "red: ")
		require.True(t, ok, "%s does not begin with a line \"red: Test…\"", diff)
		wanted[name] = []string{test}
		folders = append(folders, "./03-redis-store/"+name)
	}
	attacks, err := os.ReadFile(filepath.Join(login, "attacks_test.go"))
	require.NoError(t, err)
	for _, found := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(attacks, -1) {
		test := string(found[1])
		assert.Contains(t, slices.Concat(slices.Collect(maps.Values(wanted))...), test, "wanted: a diff that takes this defence out")
	}

	for _, event := range testCopies(t, tree, folders) {
		if event.Action == "fail" && event.Test != "" && !strings.Contains(event.Test, "/") {
			name := filepath.Base(event.Package)
			got[name] = append(got[name], event.Test)
		}
	}
	assert.Equal(t, wanted, got, "wanted: each of these turns its test red, and no other")
}
