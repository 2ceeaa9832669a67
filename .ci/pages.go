// Package ci proves what this repository says of itself, a subject a file:
//
//	go test ./.ci
//
// The pages are README.md, QUESTIONS.md and exercise/README.md, wherever they are.
// This file finds them and takes them apart; a page's checks are listed in check.
package ci

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// check returns all that is wrong with a page, but for its transcripts and its
// language, which other tests look at.
func (p *page) check() []string {
	p.checkBlocks()
	p.checkLinks()
	p.checkTestNames()
	p.checkCommands()
	p.checkQuestions()
	return p.problems
}

// tree is the repository or, to test a checker, a small one.
type tree struct {
	root    string
	tests   func() map[string]testFile // by the paths of their files
	anchors func(page string) []string // the names of a page's headings
}

var repository = newTree("..") // go test runs the tests in their package's folder

func newTree(root string) *tree {
	tr := &tree{root: root}
	tr.tests = sync.OnceValue(tr.readTests)
	var known sync.Map
	tr.anchors = func(page string) []string {
		read, _ := known.LoadOrStore(page, sync.OnceValue(func() []string { return tr.readAnchors(page) }))
		return read.(func() []string)()
	}
	return tr
}

// file returns where a file of the tree is.
func (tr *tree) file(name string) string { return filepath.Join(tr.root, filepath.FromSlash(name)) }

// find returns the files whose names end like this, .github's among them.
func (tr *tree) find(ending string) (names []string, err error) {
	err = fs.WalkDir(os.DirFS(tr.root), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && !slices.Contains([]string{".", ".ci", ".github"}, name):
			return fs.SkipDir // .git and the like
		case !entry.IsDir() && strings.HasSuffix(name, ending):
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// page is a Markdown file, taken apart.
type page struct {
	tree     *tree
	name     string // path in the tree, with slashes
	source   []byte
	lines    []string
	doc      ast.Node
	blocks   []block
	problems []string // what was found to be wrong
}

// block is a fenced block.
type block struct {
	kind  string   // go, diff, console, …
	line  int      // the number of its opening fence
	above string   // the nearest line above that is not blank
	text  []string // without the fences
}

var markdown = goldmark.New(goldmark.WithExtensions(extension.Table)).Parser()

func (tr *tree) page(name string) (*page, error) {
	source, err := os.ReadFile(tr.file(name))
	p := &page{tree: tr, name: name, source: source, lines: splitLines(string(source))}
	p.doc = markdown.Parse(text.NewReader(source))
	each(p, func(fenced *ast.FencedCodeBlock, line int) {
		lines := splitLines(strings.TrimSuffix(string(fenced.Lines().Value(source)), "\n"))
		b := block{kind: string(fenced.Language(source)), line: line, text: lines}
		for i := line - 2; i >= 0 && b.above == ""; i-- {
			b.above = strings.Trim(p.lines[i], "> ")
		}
		p.blocks = append(p.blocks, b)
	})
	return p, err
}

// each visits the nodes of a kind, with the numbers of their lines.
func each[Kind ast.Node](p *page, visit func(node Kind, line int)) {
	_ = ast.Walk(p.doc, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if wanted, ok := node.(Kind); ok && entering {
			visit(wanted, 1+bytes.Count(p.source[:max(0, node.Pos())], []byte("\n")))
		}
		return ast.WalkContinue, nil
	})
}

// text returns the words in a node, without their marks.
func (p *page) text(node ast.Node) string {
	var words strings.Builder
	_ = ast.Walk(node, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if word, ok := node.(*ast.Text); ok && entering {
			words.Write(word.Value(p.source))
			if word.SoftLineBreak() || word.HardLineBreak() {
				words.WriteByte('\n')
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.ReplaceAll(words.String(), "\n", " ")
}

func splitLines(text string) []string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r") // which nobody sees
	}
	return lines
}

// trimBlank drops the blank lines at both ends.
func trimBlank(lines []string) []string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// beside returns the path in the tree of what the page names relative to itself.
func (p *page) beside(name string) string { return path.Join(path.Dir(p.name), name) }

func (p *page) problem(line int, format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf("%s:%d: %s", p.name, line, fmt.Sprintf(format, args...)))
}
