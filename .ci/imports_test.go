package ci

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoChapterImportsAnother(t *testing.T) {
	t.Parallel()
	report(t, checkImports(goList(t, "-f", "{{.ImportPath}}|{{.Imports}}|{{.TestImports}} {{.XTestImports}}", "./...")))
}

// Chapters 02 and 03 do without the stand-in of MongoDB, which takes a minute to
// compile, and the programs without what is for tests.
func TestThePackagesDependOnNothingTheyDoNotNeed(t *testing.T) {
	t.Parallel()
	require.Empty(t, dependencies(t, `FerretDB`, "-test", "./02-cookie-basic", "./03-redis-store"))
	programs := []string{"./" + pool}
	for _, chapter := range chapters {
		programs = append(programs, "./"+chapter)
	}
	require.Empty(t, dependencies(t, `^testing$|/sessiontest$`, programs...))
}

func TestTheCheckerFindsDependencies(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, dependencies(t, `FerretDB`, "-test", "./05-mongo-memcached"))
	require.Subset(t, dependencies(t, `^testing$|/sessiontest$`, "-test", "./02-cookie-basic"), []string{"testing", module + kit})
}

func TestTheCheckerFindsImportsOfOtherChapters(t *testing.T) {
	t.Parallel()
	for line, problem := range map[string]string{
		"m/02|[fmt]|[m/01-install/sessiontest] [m/01-install/servers/redisserver]": "",
		"m/01-install/servers|[fmt,m/01-install/servers/redisserver]|[]":           "",
		"m/02/exercise|[fmt]|[m/02/exercise/solution]":                             "",
		"m/02|[m/03/pool]|[]":                 "m/02 imports m/03/pool: chapters stand alone",
		"m/02|[m/02/sub]|[]":                  "m/02 imports m/02/sub: chapters stand alone",
		"m/02|[m/01-install/sessiontest]|[]":  "m/02 imports m/01-install/sessiontest: chapters stand alone",
		"m/02|[fmt]|[testing] [m/03/pool]":    "m/02 imports m/03/pool: chapters stand alone",
		"m/02|[]|[m/01-install/exercise] []":  "m/02 imports m/01-install/exercise: chapters stand alone",
		"m/01-install|[]|[m/02-cookie-basic]": "m/01-install imports m/02-cookie-basic: chapters stand alone",
	} {
		requireProblem(t, strings.ReplaceAll(problem, "m/", module), checkImports([]string{strings.ReplaceAll(line, "m/", module)}))
	}
}
