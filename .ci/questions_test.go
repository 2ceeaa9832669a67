package ci

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
)

// A page of questions begins with a list of links to all of them, in order, and
// each names the test that proves its answer.

func (p *page) checkQuestions() {
	if !strings.HasPrefix(path.Base(p.name), "QUESTIONS.") {
		return
	}
	var listed, asked []string
	proved, anchors := true, p.tree.anchors(p.name)
	each(p, func(node ast.Node, line int) {
		switch n := node.(type) {
		case *ast.Heading:
			if !proved {
				p.problem(line, "the question above names no test")
			}
			if proved = n.Level != 2; !proved {
				asked = append(asked, "#"+anchors[0])
			}
			anchors = anchors[1:]
		case *ast.Link:
			if target := string(n.Destination); len(asked) == 0 && strings.HasPrefix(target, "#") {
				listed = append(listed, target)
			}
		case *ast.CodeSpan:
			proved = proved || testName.MatchString(p.text(n))
		}
	})
	if !proved {
		p.problem(len(p.lines), "the question above names no test")
	}
	if len(asked) == 0 || !slices.Equal(listed, asked) {
		p.problem(1, "the page begins with a list of its questions, in order. Listed: %q, asked: %q", listed, asked)
	}
}

func TestTheCheckerFindsWrongPagesOfQuestions(t *testing.T) {
	const one, two = "## One?\n\nYes: 'TestSum'.\n\n", "## Two?\n\nSee [one](#one).\n\n['TestSum'](main_test.go)\n\n"
	const list = "# Questions\n\n- [One?](#one)\n- [Two?](#two)\n\n"
	testPages(t, "02/QUESTIONS.md", []pageTest{
		{"questions", list + one + two, ""},
		{"no list", one + two, `Listed: [], asked: ["#one" "#two"]`},
		{"a question that is not listed", list + one + two + "## Three?\n\n'TestSum'\n", "in order. Listed"},
		{"another order", list + two + one, "in order. Listed"},
		{"no questions", "# Questions\n", "in order. Listed"},
		{"no test", list + "## One?\n\nYes: 'main.go'.\n\n" + two, "02/QUESTIONS.md:10: the question above names no test"},
		{"no test in the last one", list + one + "## Two?\n\nNo.\n", "the question above names no test"},
	})
}
