package ci

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheSharedCodeIsEqual(t *testing.T) {
	t.Parallel()
	report(t, checkEqual(repository, []common{
		{"sessionSecret", append([]string{frontend}, sessionPrograms...)},
		{"noStore", append([]string{frontend}, sessionPrograms...)},
		{"cookieOptions", sessionPrograms},
		{"incr", counterPrograms},
		{"logout", counterPrograms},
		{"storeUnavailable", counterPrograms},
		{"requireStore", serverPrograms},
		{"newRouter", serverPrograms},
	}))
}

// Everybody knows the key that signs the cookies while people learn.
func TestEveryProgramServesThisComputerOnly(t *testing.T) {
	t.Parallel()
	for _, folder := range sessionPrograms {
		text, err := os.ReadFile(repository.file(folder + "/main.go"))
		require.NoError(t, err)
		require.Contains(t, string(text), `.Run(cmp.Or(os.Getenv("ADDR"), "localhost:8000"))`, folder)
	}
}

func TestTheCheckerFindsDifferentCode(t *testing.T) {
	t.Parallel()
	tr := write(t, map[string]string{
		"a/main.go": "package main\n\n// f does.\nfunc f() {\n\tprintln(1)\n}\n",
		"b/main.go": "package main\n\nvar x = 1\n\n// f does.\nfunc f() {\n\tprintln(1)\n}\n",
		"c/main.go": "package main\n\n// f does not.\nfunc f() {\n\tprintln(1)\n}\n",
		"d/main.go": "package main\n\n// f does.\nfunc f() {\n\tprintln(1)\n\tprintln(2)\n}\n",
		"e/main.go": "package main\n\nfunc (t T) f() {}\n",
	})
	for problem, folders := range map[string][]string{
		"": {"a", "b"},
		"c/main.go differs from a/main.go: f line 1 is\n// f does not.\nand not\n// f does.": {"a", "b", "c"},
		"d/main.go differs from a/main.go: f line 4 is\n\tprintln(2)\nand not\n}":            {"a", "d"},
		"e/main.go has no func f": {"a", "e"},
		"no such file":            {"gone", "a"},
	} {
		requireProblem(t, problem, checkEqual(tr, []common{{"f", folders}}))
	}
}
