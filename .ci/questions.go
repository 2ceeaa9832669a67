package ci

import (
	"path"
	"slices"
	"strings"

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
