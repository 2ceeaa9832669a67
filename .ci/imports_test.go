package ci

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program imports nothing of this repository, so that it can be copied. Its tests
// import the kit and the servers, and no other chapter.

const module = "gin-sessions-tutorial/"

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

// dependencies returns the packages of this pattern that others depend on.
func dependencies(t *testing.T, pattern string, args ...string) []string {
	t.Helper()
	others := regexp.MustCompile(pattern)
	return slices.DeleteFunc(goList(t, append([]string{"-deps"}, args...)...), func(name string) bool { return !others.MatchString(name) })
}

func goList(t *testing.T, args ...string) (lines []string) {
	t.Helper()
	command := exec.Command("go", append([]string{"list"}, args...)...)
	command.Dir = repository.root
	output, err := command.Output()
	require.NoError(t, err, "go list %q", args)
	return splitLines(strings.TrimSpace(string(output)))
}

var tools = regexp.MustCompile("^" + module + "01-install/(sessiontest$|servers/?)")

// checkImports takes lines of a package, its imports, and those of its tests.
func checkImports(packages []string) (problems []string) {
	for _, line := range packages {
		parts := strings.Split(line, "|")
		importer := parts[0]
		chapter := strings.Join(strings.Split(importer, "/")[:2], "/") + "/"
		for i, imports := range parts[1:] {
			isTest := i > 0
			for _, name := range strings.FieldsFunc(imports, func(c rune) bool { return strings.ContainsRune("[], ", c) }) {
				mayImport := tools.MatchString(name) && (isTest || tools.MatchString(importer)) || isTest && strings.HasPrefix(name, chapter)
				if strings.HasPrefix(name, module) && !mayImport {
					problems = append(problems, fmt.Sprintf("%s imports %s: chapters stand alone", importer, name))
				}
			}
		}
	}
	return problems
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
