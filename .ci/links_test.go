package ci

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark/ast"
)

// Links inside the repository lead somewhere. An anchor has to be a heading: a
// line's number, as in main.go#L12, is wrong after the next edit.

func (p *page) checkLinks() {
	each(p, func(node ast.Node, line int) {
		text, isLink := linkTarget(node)
		if !isLink {
			return
		}
		target, err := url.Parse(text)
		if err == nil && target.Scheme != "" {
			return // another site
		}
		if err != nil || !p.exists(target) {
			p.problem(line, "dead link: %s", text)
		}
	})
}

// linkTarget returns where a node leads, if it is a link, an image, or what
// "[name]: target" defines.
func linkTarget(node ast.Node) (target string, isLink bool) {
	switch link := node.(type) {
	case *ast.Link:
		return string(link.Destination), link.Reference == nil // else its definition says it
	case *ast.Image:
		return string(link.Destination), link.Reference == nil
	case *ast.LinkReferenceDefinition:
		return string(link.Destination), true
	}
	return "", false
}

// exists says whether the target of a link does, and the heading in it.
func (p *page) exists(target *url.URL) bool {
	name := p.name
	if target.Path != "" {
		name = p.beside(target.Path)
	}
	info, err := os.Stat(p.tree.file(name))
	if err != nil || !filepath.IsLocal(filepath.FromSlash(name)) {
		return false
	}
	if info.IsDir() {
		name = path.Join(name, "README.md") // as GitHub shows it
	}
	return target.Fragment == "" || slices.Contains(p.tree.anchors(name), target.Fragment)
}

// readAnchors returns the names that GitHub gives to the headings of a page.
func (tr *tree) readAnchors(name string) (names []string) {
	p, err := tr.page(name)
	if err != nil || path.Ext(name) != ".md" {
		return nil
	}
	used := map[string]int{}
	each(p, func(heading *ast.Heading, _ int) {
		anchor := slug(p.text(heading))
		if used[anchor]++; used[anchor] > 1 {
			anchor += "-" + strconv.Itoa(used[anchor]-1)
		}
		names = append(names, anchor)
	})
	return names
}

func slug(heading string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case c == '-' || c == '_' || unicode.In(c, unicode.L, unicode.M, unicode.N):
			return unicode.ToLower(c)
		}
		return -1
	}, heading)
}

func TestTheCheckerFindsDeadLinks(t *testing.T) {
	testPages(t, "02/README.md", []pageTest{
		{"links", "# Über: [x](main.go), 'z'\n[a](../01) [b](main.go) [c](../README.md#one-two-1) [d](#über-x-z)\n" +
			"[e](https://example.com/no) [f](..#all) [g]\n\n[g]: ../README.md", ""},
		{"dead link", "\nsee [this](../03/main.go)", "02/README.md:2: dead link: ../03/main.go"},
		{"dead link in a table", "| a |\n|---|\n| [this](gone.go) |", "02/README.md:3: dead link: gone.go"},
		{"dead image", "![this](gone.svg)", "02/README.md:1: dead link: gone.svg"},
		{"dead reference", "\n[this]: ../04", "02/README.md:2: dead link: ../04"},
		{"dead reference in use", "[this]\n\n[this]: ../04", "02/README.md:3: dead link: ../04"},
		{"link out of the repository", "[up](../../)", "dead link: ../../"},
		{"dead anchor", "[this](../README.md#three)", "dead link: ../README.md#three"},
		{"dead anchor here", "# Here\n[this](#there)", "dead link: #there"},
		{"heading in a block", "[this](#here)\n'''sh\n# Here\n'''", "dead link: #here"},
		{"anchor of a line", "[this](main.go#L3)", "dead link: main.go#L3"},
	})
}
