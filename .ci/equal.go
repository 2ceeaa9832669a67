package ci

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"strings"
)

// Each program stands alone and imports no other. So what they have in common, they
// have to the letter: only the store differs from chapter to chapter.

var (
	chapters        = []string{"01-install", "02-cookie-basic", "03-redis-store", "04-memstore", "05-mongo-memcached"}
	pool            = "03-redis-store/pool"
	login           = "03-redis-store/login"
	frontend        = "02-cookie-basic/frontend"
	inspect         = "01-install/inspect"
	sessionPrograms = append([]string{pool}, chapters[1:]...)
	counterPrograms = append([]string{pool}, chapters[2:]...)
	serverPrograms  = []string{"03-redis-store", pool, "05-mongo-memcached"}
)

// common is a function that is equal in the main.go of some folders.
type common struct {
	function string
	folders  []string
}

// checkEqual compares each function with the one in the first folder.
func checkEqual(tr *tree, functions []common) (problems []string) {
	for _, c := range functions {
		first := path.Join(c.folders[0], "main.go")
		want, err := source(tr, first, c.function)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		for _, folder := range c.folders[1:] {
			name := path.Join(folder, "main.go")
			got, err := source(tr, name, c.function)
			if err != nil {
				problems = append(problems, err.Error())
			} else if got != want {
				problems = append(problems, fmt.Sprintf("%s differs from %s: %s%s", name, first, c.function, firstDifferingLine(got, want)))
			}
		}
	}
	return problems
}

// source returns a function in a file, with its comment.
func source(tr *tree, name, function string) (string, error) {
	text, err := os.ReadFile(tr.file(name))
	if err != nil {
		return "", err
	}
	files := token.NewFileSet()
	code, err := parser.ParseFile(files, name, text, parser.ParseComments)
	if err != nil {
		return "", err
	}
	for _, declaration := range code.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Name.Name != function {
			continue
		}
		start := f.Pos()
		if f.Doc != nil {
			start = f.Doc.Pos()
		}
		return string(text[files.Position(start).Offset:files.Position(f.End()).Offset]), nil
	}
	return "", fmt.Errorf("%s has no func %s", name, function)
}

func firstDifferingLine(got, want string) string {
	here, there := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(here), len(there)) {
		if here[i] != there[i] {
			return fmt.Sprintf(" line %d is\n%s\nand not\n%s", i+1, here[i], there[i])
		}
	}
	return fmt.Sprintf(" it has %d lines and not %d", len(here), len(there))
}
