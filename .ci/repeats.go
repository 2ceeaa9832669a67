package ci

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"unicode"
)

// No test code stands in two places: no six lines in a row are in two test files.
// Blank lines, comments, imports and lines of punctuation only do not count.

const tooMany = 6

// codeLine is a line that counts.
type codeLine struct {
	file   string
	number int
	text   string
}

// checkRepeats returns the first repeated lines of each two files.
func checkRepeats(tr *tree) (problems []string, err error) {
	names, err := tr.find("_test.go")
	if err != nil {
		return nil, err
	}
	seen := map[string]codeLine{}    // by so many lines: the first of them
	reported := map[[2]string]bool{} // two files
	for _, name := range names {
		lines, err := codeLines(tr, name)
		if err != nil {
			return nil, err
		}
		for i := range len(lines) - tooMany + 1 {
			var run strings.Builder
			for _, line := range lines[i : i+tooMany] {
				run.WriteString(line.text + "\n")
			}
			first, again := seen[run.String()]
			files := [2]string{first.file, name}
			switch {
			case !again:
				seen[run.String()] = lines[i]
			case first.file != name && !reported[files]:
				reported[files] = true
				problems = append(problems, fmt.Sprintf("%s:%d: these lines stand in %s:%d, too:\n%s",
					name, lines[i].number, first.file, first.number, run.String()))
			}
		}
	}
	return problems, nil
}

func codeLines(tr *tree, name string) (counted []codeLine, err error) {
	text, err := os.ReadFile(tr.file(name))
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	code, err := parser.ParseFile(files, name, text, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	top := files.Position(code.Name.End()).Line
	for _, declaration := range code.Decls {
		top = files.Position(declaration.End()).Line
	}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		hasWords := strings.ContainsFunc(line, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) })
		if i >= top && hasWords && !strings.HasPrefix(line, "//") {
			counted = append(counted, codeLine{name, i + 1, line})
		}
	}
	return counted, nil
}
