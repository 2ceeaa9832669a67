package ci

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/yuin/goldmark/ast"
)

// What the commands in code name exists: the program that go run runs, the folders
// and tests of go test, the services of docker compose. They are meant to be run in
// the repository's root, wherever the page is.

var (
	goRunFolder = regexp.MustCompile(`\bgo run \./([\w./-]*\w)`)
	goTest      = regexp.MustCompile(`\bgo test\b([^#&;]*)`)
	testFilter  = regexp.MustCompile(`-(?:run|fuzz|bench)[ =]('[^']*'|"[^"]*"|\S+)`)
	compose     = regexp.MustCompile(`\bdocker compose (\w+)((?: +[\w./=-]+)*)`)
	packageMain = regexp.MustCompile(`(?m)^package main\s*$`)
)

func (p *page) checkCommands() {
	each(p, func(span *ast.CodeSpan, line int) { p.checkCommand(line, p.text(span)) })
	for _, b := range p.blocks {
		for i, code := range b.text {
			p.checkCommand(b.line+1+i, code)
		}
	}
}

func (p *page) checkCommand(line int, code string) {
	for _, match := range goRunFolder.FindAllStringSubmatch(code, -1) {
		if !p.tree.isProgram(match[1]) {
			p.problem(line, "go run: ./%s has no package main", match[1])
		}
	}
	for _, match := range goTest.FindAllStringSubmatch(code, -1) {
		if err := p.tree.checkGoTest(match[1]); err != nil {
			p.problem(line, "go test: %v", err)
		}
	}
	for _, match := range compose.FindAllStringSubmatch(code, -1) {
		for _, name := range serviceArgs(match[1], match[2]) {
			if !p.tree.hasService(name) {
				p.problem(line, "docker-compose.yml has no service %s", name)
			}
		}
	}
}

func (tr *tree) isProgram(folder string) bool {
	files, _ := filepath.Glob(filepath.Join(tr.file(folder), "*.go"))
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && !strings.HasSuffix(file, "_test.go") && packageMain.Match(text)
	})
}

// checkGoTest refuses folders without tests, and a -run, -fuzz or -bench that none of
// the tests there matches.
func (tr *tree) checkGoTest(args string) error {
	var names []string
	for _, arg := range strings.Fields(testFilter.ReplaceAllString(args, "")) {
		if arg != "." && !strings.HasPrefix(arg, "./") {
			continue
		}
		found := tr.testsIn(arg)
		if len(found) == 0 {
			return fmt.Errorf("%s has no tests", arg)
		}
		names = append(names, found...)
	}
	for _, match := range testFilter.FindAllStringSubmatch(args, -1) {
		pattern, _, _ := strings.Cut(strings.Trim(match[1], `'"`), "/") // the rest chooses subtests
		re, err := regexp.Compile(pattern)
		if err != nil {
			return err
		}
		if pattern != "^$" && !slices.ContainsFunc(names, re.MatchString) { // ^$: none, to fuzz only
			return fmt.Errorf("no test there matches %s", pattern)
		}
	}
	return nil
}

// serviceArgs returns the arguments of a docker compose command that are services.
func serviceArgs(command, args string) []string {
	names := slices.DeleteFunc(strings.Fields(args), func(arg string) bool { return strings.HasPrefix(arg, "-") })
	if command == "exec" || command == "run" {
		return names[:min(1, len(names))] // the others are a command
	}
	return names
}

func (tr *tree) hasService(name string) bool {
	text, _ := os.ReadFile(tr.file("docker-compose.yml")) // no such file: no services
	var file struct{ Services map[string]any }
	err := yaml.Unmarshal(text, &file)
	_, ok := file.Services[name]
	return err == nil && ok
}

func TestTheCheckerFindsWrongCommands(t *testing.T) {
	testPages(t, "02/README.md", []pageTest{
		{"commands", "'go run ./02' 'go test ./...' 'go test -race ./02 ./03' 'go test ./03 -fuzz=Sum' 'docker compose up -d redis mongo'\n" +
			"'''sh\nGIN_MODE=release go run ./02 # serves\ngo test ./02 -run \"TestS|No/one\" -v\ndocker compose exec redis redis-cli\n'''", ""},
		{"go run of a missing folder", "'go run ./04'", "go run: ./04 has no package main"},
		{"go run of a package without main", "'''sh\n\ngo run ./03\n'''", "02/README.md:3: go run: ./03 has no package main"},
		{"go test of a folder without tests", "'go test ./01'", "go test: ./01 has no tests"},
		{"go test of the kit without its tests", "'go test ./01-install/...'", "go test: ./01-install/... has no tests"},
		{"go test of a missing folder", "'go test ./02 ./04/...'", "go test: ./04/... has no tests"},
		{"go test -run of nothing", "'go test -run TestProduct ./02'", "no test there matches TestProduct"},
		{"go test -fuzz of everything in no folder", "'go test -fuzz . ./01'", "go test: ./01 has no tests"},
		{"go test -bench of nothing", "'go test -bench Product ./02'", "no test there matches Product"},
		{"go test -run of a bad pattern", "'go test -run=( ./02'", "missing closing"},
		{"unknown service", "'''console\n$ docker compose up -d redis data\n'''", "docker-compose.yml has no service data"},
		{"key of a service", "'docker compose up -d image'", "docker-compose.yml has no service image"},
	})
}
