package ci

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
