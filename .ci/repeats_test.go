package ci

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoTestCodeStandsTwice(t *testing.T) {
	t.Parallel()
	problems, err := checkRepeats(repository)
	require.NoError(t, err)
	report(t, problems)
}

func TestTheCheckerFindsTestCodeThatStandsTwice(t *testing.T) {
	t.Parallel()
	const imports = "package a\n\nimport (\n\t\"a\"\n\t\"b\"\n\t\"c\"\n\t\"d\"\n\t\"e\"\n)\n\n"
	const five = "func f() {\n\ta()\n\n\t// b\n\tb()\n\t{\n\t\tc()\n\t}\n\td()\n"
	for _, test := range []struct{ name, one, other, problem string }{
		{"five lines", imports + five + "}\n", imports + five + "\n\tx()\n}\n", ""},
		{"six lines", imports + five + "\te()\n}\n", "package b\n\nvar x int\n\n" + five + "\n\te() \n}\n",
			"b/b_test.go:5: these lines stand in a/a_test.go:11, too:\nfunc f() {\na()\nb()\nc()\nd()\ne()"},
		{"six lines twice in a file", "package a\n" + five + "e()\n}\n" + five + "e()\n}\n", "package b\n", ""},
		{"another order", imports + five + "e()\n}\n", strings.Replace(imports+five+"e()\n}\n", "d()\n", "", 1) + "d()\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			problems, err := checkRepeats(write(t, map[string]string{"a/a_test.go": test.one, "b/b_test.go": test.other, "b/c.go": test.one}))
			require.NoError(t, err)
			requireProblem(t, test.problem, problems)
		})
	}
}
