package ci

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	markup "github.com/yuin/goldmark/ast"
)

// The tests that a page names exist: `TestX` in its folder or in its chapter's, a
// name with a link in the file that it leads to, and what the repository's own
// pages name, anywhere. `TestX/some_subtest` is the literal "some subtest" in the
// tests of the same folder, or a promise of the kit.

const kit = "01-install/sessiontest"

// testFile is what pages may name of a test file, or of a file of the kit.
type testFile struct{ functions, literals []string }

var testFunction = regexp.MustCompile(`^(Test|Fuzz|Benchmark)`)

func (tr *tree) readTests() map[string]testFile {
	files := map[string]testFile{}
	names, _ := tr.find(".go") // no such folder: no tests
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") && path.Dir(name) != kit {
			continue
		}
		code, _ := parser.ParseFile(token.NewFileSet(), tr.file(name), nil, parser.SkipObjectResolution)
		if code == nil {
			continue // it cannot be read: no tests
		}
		var found testFile
		ast.Inspect(code, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && testFunction.MatchString(n.Name.Name) {
					found.functions = append(found.functions, n.Name.Name)
				}
			case *ast.BasicLit:
				if literal, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					found.literals = append(found.literals, strings.ReplaceAll(literal, " ", "_"))
				}
			}
			return true
		})
		files[name] = found
	}
	return files
}

// testsIn returns the names of the tests in a folder or, as for go test, of all
// folders below it when it ends in "...".
func (tr *tree) testsIn(folder string) (names []string) {
	folder, everywhere := strings.CutSuffix(path.Clean(folder), "...")
	for name, file := range tr.tests() {
		own := path.Dir(name)
		if strings.HasSuffix(name, "_test.go") && (own == folder || everywhere && strings.HasPrefix(own+"/", folder)) {
			names = append(names, file.functions...)
		}
	}
	return names
}

var testName = regexp.MustCompile(`^((?:Test|Fuzz|Benchmark)[A-Z]\w*)(?:/([^/]*).*)?$`)

func (p *page) checkTestNames() {
	each(p, func(span *markup.CodeSpan, line int) {
		match := testName.FindStringSubmatch(p.text(span))
		if match == nil {
			return
		}
		function, subtest := match[1], match[2]
		place, isThere := p.placeOfTests(span)
		var folders []string
		for name, file := range p.tree.tests() {
			if isThere(name) && slices.Contains(file.functions, function) {
				folders = append(folders, path.Dir(name))
			}
		}
		if len(folders) == 0 {
			p.problem(line, "%s has no test %s", place, function)
		} else if subtest != "" && !p.tree.hasLiteral(subtest, append(folders, kit)) {
			p.problem(line, "%s has no subtest %q", function, subtest)
		}
	})
}

func (tr *tree) hasLiteral(literal string, folders []string) bool {
	for name, file := range tr.tests() {
		if slices.Contains(folders, path.Dir(name)) && slices.Contains(file.literals, literal) {
			return true
		}
	}
	return false
}

// placeOfTests returns where the test is that a span names: what to call that
// place, and which files are there.
func (p *page) placeOfTests(span markup.Node) (place string, isThere func(file string) bool) {
	if link, ok := span.Parent().(*markup.Link); ok {
		if target, _, _ := strings.Cut(string(link.Destination), "#"); target != "" {
			return target, func(file string) bool { return file == p.beside(target) }
		}
	}
	chapter, _, _ := strings.Cut(p.name, "/")
	own := path.Dir(p.name)
	if own == "." || own == ".github" {
		return "./...", func(string) bool { return true }
	}
	return own, func(file string) bool { return path.Dir(file) == own || path.Dir(file) == chapter }
}
