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
	"testing"

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

func TestTheCheckerFindsWrongTestNames(t *testing.T) {
	tests := []pageTest{
		{"test names", "'TestSum', 'TestSum/one', ['FuzzSum'](../03/main_test.go), ['TestSum'](#tests) and 'gin.TestMode'\n# Tests", ""},
		{"subtest in another file of the folder", "'TestSum/one_and_two/redis'", ""},
		{"subtest of the kit", "['TestSum/it_holds_(always)'](main_test.go)", ""},
		{"unknown test", "'TestSum' and 'TestProduct/one'", "02 has no test TestProduct"},
		{"unknown subtest", "\n'TestSum/three'", `02/README.md:2: TestSum has no subtest "three"`},
		{"subtest of another folder", "'TestSum/deep'", "TestSum has no subtest"},
		{"test of a folder below", "'TestDeep'", "02 has no test TestDeep"},
		{"test of another folder", "'FuzzSum'", "02 has no test FuzzSum"},
		{"test not where it links to", "['TestSum'](../03/main_test.go)", "../03/main_test.go has no test TestSum"},
	}
	testPages(t, "02/README.md", tests)
}

func TestTheCheckerKnowsWhereAPageMayFindItsTests(t *testing.T) {
	t.Run("its own folder and the chapter's", func(t *testing.T) {
		testPages(t, "02/sub/README.md", []pageTest{
			{"both", "'TestDeep/deep' and 'TestSum/one'", ""},
			{"another", "'FuzzSum'", "02/sub has no test FuzzSum"},
		})
	})
	t.Run("anywhere", func(t *testing.T) {
		testPages(t, ".github/CONTRIBUTING.md", []pageTest{
			{"all", "'TestDeep', 'TestSum' and 'FuzzSum'", ""},
			{"none", "'TestProduct'", "./... has no test TestProduct"},
			{"subtest of another folder", "'TestSum/deep'", "TestSum has no subtest"},
		})
	})
}
