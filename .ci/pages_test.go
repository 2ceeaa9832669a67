package ci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPages(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		t.Run(p.name, func(t *testing.T) { report(t, p.check()) })
	}
}

// report takes what a checker found.
func report(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Error(problem)
	}
}

// pages returns every page of the repository, in every language.
func pages(t *testing.T) (found []*page) {
	t.Helper()
	names, err := repository.find(".md")
	require.NoError(t, err)
	for _, name := range names {
		p, err := repository.page(name)
		require.NoError(t, err)
		found = append(found, p)
	}
	return found
}

// write makes a small tree for a test of a checker. In the texts, ' stands for `.
func write(t *testing.T, texts map[string]string) *tree {
	t.Helper()
	tr := newTree(t.TempDir())
	for name, text := range texts {
		require.NoError(t, os.MkdirAll(filepath.Dir(tr.file(name)), 0o755))
		require.NoError(t, os.WriteFile(tr.file(name), []byte(strings.ReplaceAll(text, "'", "`")), 0o644))
	}
	return tr
}

// requireProblem wants one problem, which contains what is expected. Nothing
// expected means that there must be none.
func requireProblem(t *testing.T, expected string, problems []string) {
	t.Helper()
	if expected == "" {
		require.Empty(t, problems)
		return
	}
	require.Len(t, problems, 1)
	require.Contains(t, problems[0], expected)
}

// pageTest is a page for a test of the checkers, with the one problem it has.
type pageTest struct{ name, text, problem string }

// testPages checks pages of this name, each in a small tree of its own.
func testPages(t *testing.T, name string, tests []pageTest) {
	t.Parallel()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tr := write(t, map[string]string{
				"README.md":                         "# All\n\n## One, two\n\n## One, 'two'!\n",
				"docker-compose.yml":                "services:\n  redis:\n    image: redis\n  # and\n  mongo:\n\nvolumes:\n  data:\n",
				"01/main.go":                        "package main\n\nfunc main() {\n\tif true {\n\t\tprintln(1)\n\n\t\tprintln(2)\n\t}\n\tprintln(3)\n}\n",
				"02/compose.yml":                    "services:\n  web: &web\n    image: web\n  web2:\n    <<: *web\n    image: web2\n",
				"02/main.go":                        "package main\n\nfunc main() {\n\tif true {\n\t\tprintln(1)\n\n\t\tprintln(22)\n\t}\n\tprintln(4)\n}\n",
				"02/main_test.go":                   "package main\n\nfunc TestSum(t *testing.T) { t.Run(\"one\", nil) }\n",
				"02/more_test.go":                   "package main\n\nvar more = \"one and two\"\n",
				"02/sub/sub_test.go":                "package sub\n\nfunc TestDeep(t *testing.T) { t.Run(\"deep\", nil) }\n",
				"03/main_test.go":                   "package lib\n\nfunc FuzzSum(f *testing.F) {}\n",
				"01-install/sessiontest/promise.go": "package sessiontest\n\nvar promise = \"it_holds (always)\"\n",
				name:                                test.text,
			})
			p, err := tr.page(name)
			require.NoError(t, err)
			requireProblem(t, test.problem, p.check())
		})
	}
}
