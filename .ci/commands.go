package ci

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/yuin/goldmark/ast"
)

// What the commands in code name exists: the program that go run runs, the folders
// and tests of go test, the services of docker compose, also in a compose.yml beside
// the page. They are meant to be run in the repository's root, wherever the page is.

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
			if !p.tree.hasService("docker-compose.yml", name) && !p.tree.hasService(p.beside("compose.yml"), name) {
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

func (tr *tree) hasService(composeFile, name string) bool {
	text, _ := os.ReadFile(tr.file(composeFile)) // no such file: no services
	var file struct{ Services map[string]any }
	err := yaml.UnmarshalWithOptions(text, &file, yaml.AllowDuplicateMapKey()) // as where <<: merges
	_, ok := file.Services[name]
	return err == nil && ok
}
