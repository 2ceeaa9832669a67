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
