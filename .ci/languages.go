package ci

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	table "github.com/yuin/goldmark/extension/ast"
)

const chineseEnding = ".zh-CN.md"

func (p *page) isChinese() bool { return strings.HasSuffix(p.name, chineseEnding) }

// otherLanguage returns the name of a page's twin.
func (p *page) otherLanguage() string {
	if english, ok := strings.CutSuffix(p.name, chineseEnding); ok {
		return english + ".md"
	}
	return strings.TrimSuffix(p.name, ".md") + chineseEnding
}

func exists(tr *tree, name string) bool {
	_, err := os.Stat(tr.file(name))
	return err == nil
}

func checkLanguages(english *page) (problems []string) {
	chinese, err := english.tree.page(english.otherLanguage())
	if err != nil {
		return []string{err.Error()}
	}
	for p, first := range map[*page]string{
		english: "English · [简体中文](" + path.Base(chinese.name) + ")",
		chinese: "[English](" + path.Base(english.name) + ") · 简体中文",
	} {
		if p.lines[0] != first {
			problems = append(problems, fmt.Sprintf("%s:1: the first line is %s", p.name, first))
		}
	}
	here, there := english.sections(), chinese.sections()
	if len(here) != len(there) {
		return append(problems, fmt.Sprintf("%s has %d headings in English and %d in Chinese", english.name, len(here)-1, len(there)-1))
	}
	for i := range here {
		for _, feature := range features {
			if a, b := here[i].features[feature], there[i].features[feature]; !slices.Equal(a, b) {
				problems = append(problems, fmt.Sprintf("%s: %s of %q differ in Chinese, line %d:\nonly in English: %q\nonly in Chinese: %q",
					english.name, feature, here[i].title, there[i].line, without(a, b), without(b, a)))
			}
		}
	}
	return problems
}

// without returns what is in a and not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// features are what has to be the same in every language.
var features = []string{"heading", "blocks", "tables", "links", "code", "numbers"}

// section is a part of a page, with its features.
type section struct {
	title    string
	line     int
	features map[string][]string
}

var (
	number = regexp.MustCompile(`\d[\d,.]*\d`) // of two digits or more: the others may be words
	// What people read in a line of mermaid: names, labels of boxes, of arrows and
	// of their ends, and after a colon.
	diagramWords = regexp.MustCompile(`"[^"]*"| as .*|: .*|-- .* --|^( *(?:alt|else|opt|loop)) .*`)
)

// sections takes a page apart at its headings.
func (p *page) sections() (sections []section) {
	sections = []section{{title: "the beginning", line: 1, features: map[string][]string{}}}
	blocks := p.blocks
	each(p, func(node ast.Node, line int) {
		if line == 1 {
			return // the languages
		}
		if heading, ok := node.(*ast.Heading); ok {
			sections = append(sections, section{title: p.text(heading), line: line, features: map[string][]string{}})
		}
		last := sections[len(sections)-1].features
		add := func(feature, text string) { last[feature] = append(last[feature], text) }
		if target, isLink := linkTarget(node); isLink {
			add("links", p.anyLanguage(target))
		}
		switch n := node.(type) {
		case *ast.Heading:
			add("heading", strings.Repeat("#", n.Level))
		case *ast.FencedCodeBlock:
			add("blocks", blocks[0].anyLanguage())
			blocks = blocks[1:]
		case *table.TableHeader, *table.TableRow:
			add("tables", strconv.Itoa(strings.Count(p.lines[line-1], "|"))) // also of cells that are not shown
		case *ast.AutoLink:
			add("links", string(n.URL(p.source)))
		case *ast.CodeSpan:
			add("code", p.text(n))
		case *ast.Text:
			if _, isCode := n.Parent().(*ast.CodeSpan); !isCode {
				last["numbers"] = append(last["numbers"], number.FindAllString(string(n.Value(p.source)), -1)...)
			}
		case *ast.HTMLBlock:
			last["numbers"] = append(last["numbers"], number.FindAllString(string(n.Lines().Value(p.source)), -1)...)
		}
	})
	for _, s := range sections { // sentences may have another order, and say a thing twice
		for _, feature := range features[3:] {
			slices.Sort(s.features[feature])
			s.features[feature] = slices.Compact(s.features[feature])
		}
	}
	return sections
}

// anyLanguage returns a link with the number of the heading in place of its anchor,
// and without the name of this language.
func (p *page) anyLanguage(target string) string {
	file, anchor, found := strings.Cut(target, "#")
	if strings.Contains(file, "://") {
		return target
	}
	name := p.name
	if file != "" {
		name = p.beside(file)
	}
	if found {
		anchor = "#" + strconv.Itoa(slices.Index(p.tree.anchors(name), anchor))
	}
	linked := page{name: name}
	switch {
	case p.isChinese() && linked.isChinese() && file != "":
		file = strings.TrimSuffix(file, chineseEnding) + ".md"
	case p.isChinese() && path.Ext(file) == ".md" && exists(p.tree, linked.otherLanguage()):
		file += " in English"
	}
	return file + anchor
}

// anyLanguage returns a block without the words that are translated.
func (b block) anyLanguage() string {
	lines := slices.Clone(b.text)
	for i, line := range lines {
		switch {
		case b.kind == "mermaid":
			lines[i] = diagramWords.ReplaceAllString(line, "$1")
		case b.kind == "diff" && strings.HasPrefix(line, "@@"):
			lines[i] = "@@"
		}
	}
	return b.kind + "\n" + strings.Join(lines, "\n")
}
