// Package docs_test keeps the READMEs true. What it asks of them:
//
//   - A go block quotes the Go file that the line above names, like `main.go`,
//     and may be indented less. A line "…" or "// …" leaves something out.
//   - A diff block stands below the names of the old file and of the new one.
//   - The console blocks of a README are one shell session, and are run: go run,
//     curl and ^C must print what they show. A line "…" leaves something out. Of
//     a program that goes on running, any of its lines may be shown.
//   - Links, and the tests, folders and services that are named in code, exist.
//
// It also compares the code that the chapters have in common, and the languages:
// README.zh-CN.md says what README.md says.
package docs_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
)

const (
	repository = "." // go test runs the tests in their package's folder
	elision    = "…"
	patience   = time.Minute // for programs that take a moment on most machines
)

var chapters = []string{"01-install", "02-cookie-basic", "03-redis-store", "04-memstore", "05-mongo-memcached"}

func TestReadmes(t *testing.T) {
	t.Parallel()
	for _, r := range readmes(t) {
		t.Run(r.name, func(t *testing.T) { report(t, r.check()) })
	}
}

func TestTranscripts(t *testing.T) {
	t.Parallel()
	needShell(t)
	bin := build(t, append([]string{"01-install/servers"}, chapters...)...)
	for _, r := range readmes(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			// The programs give their servers a second, and a busy machine may take
			// longer, but not each time. What is wrong in a README stays wrong.
			var problems []string
			for range 3 {
				once := *r // it collects the problems
				if problems = runTranscripts(t, &once, bin); len(problems) == 0 {
					break
				}
			}
			report(t, problems)
		})
	}
}

func TestTheSharedCodeIsEqual(t *testing.T) {
	t.Parallel()
	report(t, checkCopies(repository, copies))
}

// Go refuses to import a program, but the exercises are packages.
func TestNoChapterImportsAnother(t *testing.T) {
	t.Parallel()
	command := exec.CommandContext(untilCtrlC, "go", "list", "-f", "{{.ImportPath}} {{.Imports}} {{.TestImports}} {{.XTestImports}}", "./...")
	command.Dir = repository
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	for line := range strings.Lines(string(output)) {
		importer, imports, _ := strings.Cut(line, " ")
		module, _, _ := strings.Cut(importer, "/")
		require.NotContains(t, imports, module+"/", "%s: chapters stand alone", importer)
	}
}

func TestTheLanguagesAreInStep(t *testing.T) {
	t.Parallel()
	for _, folder := range append([]string{"."}, chapters...) {
		report(t, checkLanguages(repository, folder))
	}
}

// report takes what a checker found.
func report(t *testing.T, problems []string) {
	t.Helper()
	for _, problem := range problems {
		t.Error(problem)
	}
}

// readmes returns every README, in every language.
func readmes(t *testing.T) (found []*readme) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(repository), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && strings.HasPrefix(entry.Name(), ".") && entry.IsDir() {
			return fs.SkipDir // .git and the like
		}
		if match, _ := path.Match("README*.md", entry.Name()); !match {
			return nil
		}
		r, err := parse(repository, name)
		found = append(found, r)
		return err
	})
	require.NoError(t, err)
	return found
}

// readme is a Markdown file, taken apart.
type readme struct {
	root     string   // the repository
	name     string   // path in the repository, with slashes
	prose    []string // every line; those of the blocks are empty
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

// fence opens a block, which may stand in a list or in a quotation.
var fence = regexp.MustCompile("^([> ]*)(```+|~~~+) *([^` ]*)[^`]*$")

func parse(root, name string) (*readme, error) {
	lines, err := linesOf(filepath.Join(root, filepath.FromSlash(name)))
	r := &readme{root: root, name: name}
	above := ""
	for i := 0; i < len(lines); i++ {
		opening := fence.FindStringSubmatch(lines[i])
		if opening == nil {
			r.prose = append(r.prose, lines[i])
			if lines[i] != "" {
				above = lines[i]
			}
			continue
		}
		indent, marks, kind := opening[1], opening[2], opening[3]
		b := block{kind: kind, line: i + 1, above: above}
		for i++; i < len(lines) && !strings.HasPrefix(strings.TrimLeft(lines[i], "> "), marks); i++ {
			b.text = append(b.text, strings.TrimPrefix(lines[i], indent))
		}
		r.blocks = append(r.blocks, b)
		r.prose = append(r.prose, make([]string, len(b.text)+2)...)
		above = marks
	}
	return r, err
}

// linesOf returns a file's lines without the blanks at their ends, which nobody sees.
func linesOf(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	return splitLines(string(text)), err
}

func splitLines(text string) []string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
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

// file returns the path of a file that the README names relative to itself.
func (r *readme) file(name string) string {
	return filepath.Join(r.root, filepath.FromSlash(path.Join(path.Dir(r.name), name)))
}

func (r *readme) problem(line int, format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf("%s:%d: %s", r.name, line, fmt.Sprintf(format, args...)))
}

// check returns all problems but those of the transcripts.
func (r *readme) check() []string {
	for i, line := range r.prose {
		r.checkLinks(i+1, line)
		r.checkTestNames(i+1, line)
		for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
			r.checkCommands(i+1, span[1])
		}
	}
	for _, b := range r.blocks {
		switch b.kind {
		case "go":
			r.checkExcerpt(b)
		case "diff":
			r.checkDiff(b)
		case "console", "sh", "text", "json", "yaml", "mermaid":
		default: // like golang or shell, which nobody would check
			r.problem(b.line, "a block of %q: use go, diff, console, sh, text, json, yaml or mermaid", b.kind)
		}
		for i, line := range b.text {
			r.checkCommands(b.line+1+i, line)
		}
	}
	return r.problems
}

var (
	codeSpan   = regexp.MustCompile("`([^`]+)`")
	goFileSpan = regexp.MustCompile("`([^`\\s]+\\.go)`")
)

// filesAbove returns the Go files that the line above a block names.
func (r *readme) filesAbove(b block) (names []string) {
	for _, span := range goFileSpan.FindAllStringSubmatch(b.above, -1) {
		names = append(names, span[1])
	}
	return names
}

// checkExcerpt looks for a go block in its file. What is indented there may
// start at the margin here, so it tries several depths.
func (r *readme) checkExcerpt(b block) {
	names := r.filesAbove(b)
	if len(names) != 1 {
		r.problem(b.line, "the line above a go block names its file, like `main.go`")
		return
	}
	lines, err := linesOf(r.file(names[0]))
	if err != nil {
		r.problem(b.line, "%v", err)
		return
	}
	parts := excerptParts(b.text)
	if len(parts) == 0 {
		r.problem(b.line, "this excerpt shows nothing")
		return
	}
	most, missing := -1, ""
	for depth := range 8 {
		found, line := findInOrder(outdented(lines, depth), parts)
		if line == "" {
			return
		}
		if found > most {
			most, missing = found, line
		}
	}
	r.problem(b.line, "this excerpt does not stand in %s: first line not found: %s", names[0], missing)
}

// excerptParts returns what stands between the elisions.
func excerptParts(lines []string) (parts [][]string) {
	var part []string
	for _, line := range append(slices.Clone(lines), elision) {
		if text := strings.TrimSpace(line); text != elision && text != "// "+elision {
			part = append(part, line)
			continue
		}
		if part = trimBlank(part); len(part) > 0 {
			parts = append(parts, part)
		}
		part = nil
	}
	return parts
}

func outdented(lines []string, depth int) []string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, strings.Repeat("\t", depth))
	}
	return lines
}

// findInOrder looks for the parts, each below the one before. It returns how
// many lines it found and, unless that is all, the first that is missing.
func findInOrder(lines []string, parts [][]string) (found int, missing string) {
	for _, part := range parts {
		at, length := longestMatch(lines, part)
		found += length
		if length < len(part) {
			return found, strconv.Quote(part[length])
		}
		lines = lines[at+length:]
	}
	return found, ""
}

// longestMatch returns the first place where the most lines of part, from its
// first on, stand together.
func longestMatch(lines, part []string) (at, length int) {
	for i := range lines {
		n := 0
		for n < len(part) && i+n < len(lines) && lines[i+n] == part[n] {
			n++
		}
		if n > length {
			at, length = i, n
		}
	}
	return at, length
}

// checkDiff looks for the two sides of a diff in the old file and in the new one.
func (r *readme) checkDiff(b block) {
	names := r.filesAbove(b)
	if len(names) != 2 {
		r.problem(b.line, "the line above a diff names the old file and the new one, like `../01/main.go` → `main.go`")
		return
	}
	before, after, err := hunks(b.text)
	if err != nil {
		r.problem(b.line, "%v", err)
		return
	}
	for i, parts := range [][][]string{before, after} {
		side := []string{"old", "new"}[i]
		if lines, err := linesOf(r.file(names[i])); err != nil {
			r.problem(b.line, "%v", err)
		} else if _, missing := findInOrder(lines, parts); missing != "" {
			r.problem(b.line, "the %s side of this diff does not stand in %s: first line not found: %s", side, names[i], missing)
		}
	}
}

// hunks returns the old and the new lines of each hunk of a diff.
func hunks(lines []string) (before, after [][]string, err error) {
	for len(lines) > 0 && (strings.HasPrefix(lines[0], "--- ") || strings.HasPrefix(lines[0], "+++ ")) {
		lines = lines[1:]
	}
	if len(lines) > 0 && strings.HasPrefix(lines[0], "@@") {
		lines = lines[1:]
	}
	var left, right []string
	changed := false
	for _, line := range append(slices.Clone(lines), "@@") {
		mark, text := line[:min(1, len(line))], line[min(1, len(line)):]
		switch mark {
		case "@":
			if !changed {
				return nil, nil, errors.New("a hunk of this diff changes nothing")
			}
			before, after = append(before, left), append(after, right)
			left, right, changed = nil, nil, false
		case "-":
			left, changed = append(left, text), true
		case "+":
			right, changed = append(right, text), true
		case " ", "": // an empty line has lost its blank
			left, right = append(left, text), append(right, text)
		default:
			return nil, nil, fmt.Errorf("a line of a diff starts with a blank, - or +: %s", line)
		}
	}
	return before, after, nil
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)[^)]*\)|^ *\[[^\]]+\]: +(\S+)`)
	linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	heading  = regexp.MustCompile(`^#{1,6} +(.+?)(?: +#+)?$`)
)

// checkLinks checks the relative links of a line. An anchor has to be a
// heading: a line's number, as in main.go#L12, is wrong after the next edit.
func (r *readme) checkLinks(number int, line string) {
	for _, match := range link.FindAllStringSubmatch(line, -1) {
		text := match[1] + match[2]
		target, err := url.Parse(text)
		if err == nil && target.Scheme != "" {
			continue // another site
		}
		if err != nil || !r.exists(target) {
			r.problem(number, "dead link: %s", text)
		}
	}
}

// exists says whether the target of a link does, and the heading in it.
func (r *readme) exists(target *url.URL) bool {
	name := r.name
	if target.Path != "" {
		name = path.Join(path.Dir(r.name), target.Path)
	}
	info, err := os.Stat(filepath.Join(r.root, filepath.FromSlash(name)))
	if err != nil || !filepath.IsLocal(filepath.FromSlash(name)) {
		return false
	}
	if info.IsDir() {
		name = path.Join(name, "README.md") // as GitHub shows it
	}
	return target.Fragment == "" || slices.Contains(anchors(r.root, name), target.Fragment)
}

// anchors returns the names that GitHub gives to the headings of a Markdown file.
func anchors(root, name string) (names []string) {
	file, err := parse(root, name)
	if err != nil || path.Ext(name) != ".md" {
		return nil
	}
	used := map[string]int{}
	for _, line := range file.prose {
		match := heading.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		anchor := slug(match[1])
		if used[anchor]++; used[anchor] > 1 {
			anchor += "-" + strconv.Itoa(used[anchor]-1)
		}
		names = append(names, anchor)
	}
	return names
}

func slug(heading string) string {
	heading = linkText.ReplaceAllString(heading, "$1")
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

var (
	linkedTest = regexp.MustCompile("\\[`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)(?:/[^`]*)?`\\]\\(([^)\\s#]+)[^)]*\\)")
	testSpan   = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)(?:/[^`]*)?`")
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w*)\(`)
)

// checkTestNames looks for the tests that a line names: in the file that the
// name links to, else in the README's folder. The root's README may name any.
func (r *readme) checkTestNames(number int, line string) {
	for _, match := range linkedTest.FindAllStringSubmatch(line, -1) {
		if !slices.Contains(testFunctions(r.file(match[2])), match[1]) {
			r.problem(number, "%s has no test %s", match[2], match[1])
		}
	}
	folder := path.Dir(r.name)
	if folder == "." {
		folder = "./..."
	}
	for _, match := range testSpan.FindAllStringSubmatch(linkedTest.ReplaceAllString(line, ""), -1) {
		if !slices.Contains(r.testsIn(folder), match[1]) {
			r.problem(number, "%s has no test %s", folder, match[1])
		}
	}
}

// testsIn returns the names of the tests in a folder or, as for go test, of all
// folders below it when it ends in "...".
func (r *readme) testsIn(folder string) (names []string) {
	folder, everywhere := strings.CutSuffix(folder, "...")
	start := filepath.Join(r.root, filepath.FromSlash(folder))
	_ = filepath.WalkDir(start, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err // no such folder: no tests
		case entry.IsDir() && name != start && !everywhere:
			return fs.SkipDir
		case strings.HasSuffix(name, "_test.go"):
			names = append(names, testFunctions(name)...)
		}
		return nil
	})
	return names
}

func testFunctions(file string) (names []string) {
	text, _ := os.ReadFile(file) // no such file: no tests
	for _, match := range testFunc.FindAllStringSubmatch(string(text), -1) {
		names = append(names, match[1])
	}
	return names
}

var (
	goRunFolder = regexp.MustCompile(`\bgo run \./([\w./-]*\w)`)
	goTest      = regexp.MustCompile(`\bgo test\b([^#&;]*)`)
	testFilter  = regexp.MustCompile(`-(?:run|fuzz)[ =]('[^']*'|"[^"]*"|\S+)`)
	compose     = regexp.MustCompile(`\bdocker compose (\w+)((?: +[\w./=-]+)*)`)
	packageMain = regexp.MustCompile(`(?m)^package main\s*$`)
	serviceKey  = regexp.MustCompile(`^( +)([\w.-]+):`)
)

// checkCommands looks for what the commands in a piece of code name. They are
// meant to be run in the repository's root, wherever the README is.
func (r *readme) checkCommands(number int, code string) {
	for _, match := range goRunFolder.FindAllStringSubmatch(code, -1) {
		if !r.isProgram(match[1]) {
			r.problem(number, "go run: ./%s has no package main", match[1])
		}
	}
	for _, match := range goTest.FindAllStringSubmatch(code, -1) {
		if err := r.checkGoTest(match[1]); err != nil {
			r.problem(number, "go test: %v", err)
		}
	}
	for _, match := range compose.FindAllStringSubmatch(code, -1) {
		for _, name := range serviceArgs(match[1], match[2]) {
			if !slices.Contains(r.services(), name) {
				r.problem(number, "docker-compose.yml has no service %s", name)
			}
		}
	}
}

func (r *readme) isProgram(folder string) bool {
	files, _ := filepath.Glob(filepath.Join(r.root, filepath.FromSlash(folder), "*.go"))
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && !strings.HasSuffix(file, "_test.go") && packageMain.Match(text)
	})
}

// checkGoTest refuses folders without tests, and a -run or -fuzz that none of
// the tests there matches.
func (r *readme) checkGoTest(args string) error {
	var names []string
	for _, arg := range strings.Fields(testFilter.ReplaceAllString(args, "")) {
		if arg != "." && !strings.HasPrefix(arg, "./") {
			continue
		}
		found := r.testsIn(arg)
		if len(found) == 0 {
			return fmt.Errorf("%s has no tests", arg)
		}
		names = append(names, found...)
	}
	for _, match := range testFilter.FindAllStringSubmatch(args, -1) {
		pattern, _, _ := strings.Cut(strings.Trim(match[1], `'"`), "/") // the rest chooses subtests
		re, err := regexp.Compile(pattern)
		if err != nil {
			return err
		}
		if pattern != "^$" && !slices.ContainsFunc(names, re.MatchString) { // ^$: none, to fuzz only
			return fmt.Errorf("no test there matches %s", pattern)
		}
	}
	return nil
}

// serviceArgs returns the arguments of a docker compose command that are services.
func serviceArgs(command, args string) []string {
	names := slices.DeleteFunc(strings.Fields(args), func(arg string) bool { return strings.HasPrefix(arg, "-") })
	if command == "exec" || command == "run" {
		return names[:min(1, len(names))] // the others are a command
	}
	return names
}

// services returns the keys below "services:" in docker-compose.yml.
func (r *readme) services() (names []string) {
	lines, _ := linesOf(filepath.Join(r.root, "docker-compose.yml")) // no such file: no services
	indent := ""
	for _, line := range lines[slices.Index(lines, "services:")+1:] {
		if line != "" && !strings.ContainsAny(line[:1], " #") {
			break // the next section
		}
		if match := serviceKey.FindStringSubmatch(line); match != nil && (indent == "" || match[1] == indent) {
			indent = match[1]
			names = append(names, match[2])
		}
	}
	return names
}

// needShell skips a test of transcripts where they cannot be run.
func needShell(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"curl", "sh", "env"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the shell sessions of the READMEs were not run: %v", err)
		}
	}
}

// build builds the programs that the transcripts run. A killed go run would
// leave its child behind.
func build(t *testing.T, folders ...string) (bin string) {
	t.Helper()
	bin = t.TempDir()
	args := []string{"build", "-o", bin + string(filepath.Separator)}
	for _, folder := range folders {
		args = append(args, "./"+folder)
	}
	command := exec.CommandContext(untilCtrlC, "go", args...)
	command.Dir = repository
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return bin
}

// shell is the session that the console blocks of one README show. It runs on
// free ports; the README shows the usual ones.
type shell struct {
	t          *testing.T
	ctx        context.Context // ends the processes in time
	readme     *readme
	bin        string              // the programs
	dir        string              // where curl keeps its cookie jars
	real       map[string]string   // the real address for one that the README shows
	shown      []string            // pairs of what is printed and what the README shows
	programs   map[string]*process // the last one for each ADDR
	started    []*process          // all, in this order
	hasServers bool                // they were started
	broken     bool                // a program did not start: the rest would fail, too
}

// untilCtrlC ends the programs when Ctrl-C ends the test. Without it they might
// not hear a transcript's ^C: what runs in the background is deaf to it.
var untilCtrlC, _ = signal.NotifyContext(context.Background(), os.Interrupt)

// runTranscripts returns where a README shows something else than its commands
// print. It leaves no process behind.
func runTranscripts(t *testing.T, r *readme, bin string) []string {
	ctx := untilCtrlC
	if deadline, ok := t.Deadline(); ok { // at which go test would kill this process, but not its children
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-10*time.Second))
		defer cancel()
	}
	s := &shell{t: t, ctx: ctx, readme: r, bin: bin, dir: t.TempDir(),
		real: map[string]string{}, programs: map[string]*process{}}
	defer func() {
		for _, p := range s.started {
			p.stop()
		}
	}()
	for _, b := range r.blocks {
		if b.kind != "console" {
			continue
		}
		for _, st := range r.steps(b) {
			if !s.broken {
				s.run(st)
			}
		}
	}
	return r.problems
}

// step is a command, with what the README shows below it.
type step struct {
	command string
	line    int // the number of the first line below
	output  []string
}

func (r *readme) steps(b block) (steps []step) {
	for i := 0; i < len(b.text); i++ {
		command, prompt := strings.CutPrefix(b.text[i], "$ ")
		switch {
		case prompt || strings.HasPrefix(command, "^C"):
			for strings.HasSuffix(command, `\`) && i+1 < len(b.text) {
				i++
				command = strings.TrimSuffix(command, `\`) + strings.TrimLeft(b.text[i], " ")
			}
			steps = append(steps, step{command: command, line: b.line + i + 2})
		case len(steps) == 0:
			r.problem(b.line+i+1, "a console block starts with a command: $ …")
			return nil
		default:
			last := &steps[len(steps)-1]
			last.output = append(last.output, b.text[i])
		}
	}
	return steps
}

var (
	goRun     = regexp.MustCompile(`^((?:[A-Z_]+=(?:"[^"]*"|'[^']*'|\$\([^)]*\)|[^\s"'])* +)*)go run \./(\S+)(.*)$`)
	onlyShown = regexp.MustCompile(`^(docker compose|git clone|cd|go test|go get|export|redis-cli|mongosh)\b`)
)

func (s *shell) run(st step) {
	match := goRun.FindStringSubmatch(st.command)
	switch {
	case match != nil && match[2] == "01-install/servers":
		s.compare(st, s.startServers(match[3]))
	case match != nil && slices.Contains(chapters, match[2]):
		s.runChapter(st, match[1], match[2], match[3])
	case strings.HasPrefix(st.command, "curl "), strings.HasPrefix(st.command, "tail "): // of a cookie jar
		s.runCurl(st)
	case strings.HasPrefix(st.command, "^C"):
		s.interrupt(st)
	case !onlyShown.MatchString(st.command):
		s.readme.problem(st.line-1, "transcripts cannot run this command: %s", st.command)
	}
}

var (
	addressInURL = regexp.MustCompile(`https?://([^/\s'"]+)`)
	addrVariable = regexp.MustCompile(`(?:^| )ADDR=\S*(:\d+)`)
	exitStatus   = regexp.MustCompile(`^exit status \d+$`)
)

// runCurl lets curl ignore the machine's proxy and .curlrc.
func (s *shell) runCurl(st step) {
	own := path.Dir(s.readme.name)
	if len(s.programs) == 0 && slices.Contains(chapters[1:], own) { // the chapter's reader has started it
		s.runChapter(step{command: "go run ./" + own, line: st.line}, "", own, "")
	}
	for _, address := range addressInURL.FindAllStringSubmatch(st.command, -1) {
		if s.real[address[1]] == "" {
			s.readme.problem(st.line-1, "no program of this README listens on %s", address[1])
			return
		}
	}
	script := `curl() { command curl -q -sS --max-time 60 --noproxy '*' "$@"; }; ` + s.toReal(st.command)
	command := exec.CommandContext(s.ctx, "sh", "-c", script)
	command.Dir = s.dir
	command.WaitDelay = time.Second       // should a killed shell leave curl behind
	output, _ := command.CombinedOutput() // a failure shows in it
	s.compare(st, s.toShown(string(output)))
}

// runChapter runs the program of a chapter: to its end, if the README shows
// one, or until it answers. Then it is left running, instead of the one before.
func (s *shell) runChapter(st step, assignments, folder, flags string) {
	addr := ":8000"
	if match := addrVariable.FindStringSubmatch(assignments); match != nil {
		addr, assignments = match[1], addrVariable.ReplaceAllString(assignments, " ")
	}
	ends := folder == "01-install" || slices.ContainsFunc(st.output, exitStatus.MatchString)
	if before := s.programs[addr]; before != nil && !ends {
		before.stop()
	}
	p, free := s.startOnFreePort(addr, assignments, folder, flags)
	output := s.toShown(p.text())
	switch {
	case ends != p.hasExited():
		s.broken = true
		s.readme.problem(st.line-1, "%s should have ended: %t; it did: %t; it prints\n%s", st.command, ends, p.hasExited(), strings.Join(output, "\n"))
	case ends:
		s.compare(st, output)
	default:
		s.programs[addr], s.real["localhost"+addr] = p, free
		s.checkShown(st, output)
	}
}

// startOnFreePort starts a program, which then answers or has exited. When
// another process was faster to take the port, it tries another one.
func (s *shell) startOnFreePort(addr, assignments, folder, flags string) (p *process, free string) {
	variables := s.serverVariables(folder)
	for range 5 {
		free = s.freeAddress()
		p = s.start(append(variables, "ADDR="+free), assignments, folder, flags)
		if !p.until(func() bool { return p.answers(free) }) && !p.hasExited() {
			s.t.Fatalf("%s neither answers nor exits; it prints\n%s", folder, p.text())
		}
		if !strings.Contains(p.text(), "address already in use") {
			break
		}
	}
	s.shown = append(s.shown, "HTTP on "+free, "HTTP on "+addr) // Gin prints ADDR as it is
	s.show(free, "localhost"+addr)
	return p, free
}

// servers are those of 01-install/servers, with the variable that tells the
// chapters of another address.
var servers = []struct{ name, usual, variable string }{
	{"redis", "localhost:6379", "REDIS_ADDR="},
	{"memcached", "localhost:11211", "MEMCACHED_ADDR="},
	{"mongo", "localhost:27017", "MONGO_URI=mongodb://"},
}

// serverVariables returns the variables that tell a program where the servers
// are. Chapters 03 and 05 need them, so they are started if the README did not
// do it. To other programs nothing answers until then.
func (s *shell) serverVariables(folder string) (variables []string) {
	if (folder == "03-redis-store" || folder == "05-mongo-memcached") && !s.hasServers {
		s.startServers("")
	}
	for _, server := range servers {
		address := s.real[server.usual]
		if address == "" {
			address = s.freeAddress() // nothing listens there
			s.show(address, server.usual)
		}
		variables = append(variables, server.variable+address)
	}
	return variables
}

// startServers returns what the servers would print on the ports that the
// README means. A server named in the environment of this test, as
// REDIS_ADDR=… go test does, takes the place of the one that is started.
func (s *shell) startServers(flags string) (output []string) {
	shown := map[string]string{}
	for _, server := range servers {
		flag := regexp.MustCompile(`-` + server.name + `[ =](\S+)`).FindStringSubmatch(flags)
		switch {
		case flag == nil:
			shown[server.name] = server.usual
			flags += " -" + server.name + " 127.0.0.1:0"
		case flag[1] != `""`: // that leaves it out
			shown[server.name] = flag[1]
			flags = strings.Replace(flags, flag[1], "127.0.0.1:0", 1)
		}
	}
	p := s.start(nil, "", "servers", flags)
	if !p.until(func() bool { return strings.Contains(p.text(), "For learning only") }) {
		s.t.Fatalf("%s: the servers do not start; they print\n%s", s.readme.name, p.text())
	}
	s.hasServers = true
	text := p.text()
	for _, server := range servers {
		line := regexp.MustCompile(`(?m)^` + server.name + ` +(\S+) `).FindStringSubmatch(text)
		address := shown[server.name]
		if line == nil || address == "" {
			continue
		}
		// On its usual port a chapter finds the server without the variable.
		if address == server.usual {
			text = strings.Replace(text, server.variable+line[1]+" ", "", 1)
		}
		text = strings.Replace(text, fmt.Sprintf("%-16s", line[1]), fmt.Sprintf("%-16s", address), 1)
		s.real[address] = cmp.Or(inEnvironment(server.variable), line[1])
		s.show(line[1], address)
		s.show(s.real[address], address)
	}
	return s.toShown(text)
}

// inEnvironment returns the address in a variable of this test's environment.
func inEnvironment(variable string) string {
	name, prefix, _ := strings.Cut(variable, "=")
	return strings.TrimPrefix(os.Getenv(name), prefix)
}

// interrupt does what Ctrl-C does to the program that was started last.
func (s *shell) interrupt(st step) {
	running := slices.DeleteFunc(slices.Clone(s.started), (*process).hasExited)
	if len(running) == 0 {
		s.readme.problem(st.line-1, "no program runs that ^C could stop")
		return
	}
	p := running[len(running)-1]
	before := len(p.text())
	p.stop()
	if st.command == "^C" && len(trimBlank(st.output)) == 0 {
		return // the README does not say what that prints
	}
	shown := append([]string{st.command}, st.output...)
	s.compare(step{"^C", st.line - 1, shown}, s.toShown("^C"+p.text()[before:]))
}

// show has toShown replace a real address. Errors tell the address in numbers.
func (s *shell) show(address, shown string) {
	_, port, _ := strings.Cut(shown, ":")
	s.shown = append(s.shown, "dial tcp "+address, "dial tcp 127.0.0.1:"+port, address, shown)
}

// toShown returns the lines of an output, with the addresses that READMEs show.
func (s *shell) toShown(output string) []string {
	return splitLines(strings.NewReplacer(s.shown...).Replace(output))
}

// toReal returns a command of the README with the real addresses.
func (s *shell) toReal(command string) string {
	var pairs []string
	for shown, real := range s.real {
		pairs = append(pairs, shown, real)
	}
	return strings.NewReplacer(pairs...).Replace(command)
}

// compare compares all that a command printed with what the README shows.
func (s *shell) compare(st step, output []string) {
	shown, output := trimBlank(st.output), trimBlank(output)
	i := firstDifference(masked(shown), masked(output))
	switch {
	case i < 0:
	case i == len(shown):
		s.readme.problem(st.line+i, "%s prints more than this:\n%s", st.command, strings.Join(output, "\n"))
	default:
		s.readme.problem(st.line+i, "%s does not print this: %s\nbut:\n%s", st.command, shown[i], strings.Join(output, "\n"))
	}
}

// checkShown looks for each line that the README shows among those that a
// running program printed: Gin prints many that explain nothing.
func (s *shell) checkShown(st step, output []string) {
	for i, line := range masked(st.output) {
		if line != "" && line != elision && !slices.Contains(masked(output), line) {
			s.readme.problem(st.line+i, "%s does not print this: %s\nbut:\n%s", st.command, st.output[i], strings.Join(output, "\n"))
		}
	}
}

// firstDifference returns the first line of want that is not in got, len(want)
// when got goes on, and -1 when there is no difference. A line "…" in want
// stands for any number of lines.
func firstDifference(want, got []string) int {
	for i, line := range want {
		if line == elision {
			furthest := i
			for skip := i; skip <= len(got); skip++ {
				difference := firstDifference(want[i+1:], got[skip:])
				if difference < 0 {
					return -1
				}
				furthest = max(furthest, i+1+difference)
			}
			return furthest
		}
		if i >= len(got) || line != got[i] {
			return i
		}
	}
	if len(got) > len(want) {
		return len(want)
	}
	return -1
}

// masks hide what differs from run to run. An empty cookie and the expiry in
// 1970, which tell the browser to forget, stay as they are.
var masks = []struct {
	variable *regexp.Regexp
	mask     string
}{
	{regexp.MustCompile(`mysession=[^;\s]+`), "mysession=(cookie)"},
	{regexp.MustCompile(`[A-Z2-7]{52}`), "(ID)"},
	{regexp.MustCompile(`^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$`), "Date: (date)"},
	{regexp.MustCompile(`Expires=\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT`), "Expires=(date)"},
	{regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `), "(time) "},
	{regexp.MustCompile(`\bgo1\.[\w.]+`), "(Go)"},
}

func masked(lines []string) []string {
	lines = slices.Clone(lines)
	for i := range lines {
		for _, m := range masks {
			lines[i] = m.variable.ReplaceAllString(lines[i], m.mask)
		}
	}
	return lines
}

// process is a program that runs in the background.
type process struct {
	command *exec.Cmd
	log     string        // a file; unlike a pipe's, its text is never late
	exited  chan struct{} // closed when it has
}

// start starts a built program, with the assignments and flags as the README
// shows them: the shell understands them, and becomes the program.
func (s *shell) start(variables []string, assignments, program, flags string) *process {
	log, err := os.CreateTemp(s.bin, "log")
	require.NoError(s.t, err)
	defer log.Close()
	line := fmt.Sprintf("exec env %s '%s' %s", s.toReal(assignments), filepath.Join(s.bin, path.Base(program)), flags)
	p := &process{exec.CommandContext(s.ctx, "sh", "-c", line), log.Name(), make(chan struct{})}
	p.command.Dir = s.dir
	p.command.Env = append(os.Environ(), "GIN_MODE=", "SESSION_SECRET=", "TMPDIR="+s.bin)
	if os.Getenv("REDIS_ADDR") == "" { // then they are not meant for our Redis
		p.command.Env = append(p.command.Env, "REDIS_USERNAME=", "REDIS_PASSWORD=")
	}
	p.command.Env = append(p.command.Env, variables...)
	p.command.Stdout, p.command.Stderr = log, log
	require.NoError(s.t, p.command.Start())
	s.started = append(s.started, p)
	go func() {
		_ = p.command.Wait() // the ProcessState tells all
		close(p.exited)
	}()
	return p
}

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// text is all that it printed, and what go run adds when it fails.
func (p *process) text() string {
	text, _ := os.ReadFile(p.log)
	if p.hasExited() && !p.command.ProcessState.Success() {
		return string(text) + p.command.ProcessState.String() + "\n"
	}
	return string(text)
}

// answers says whether it is this program that listens on the address: then the
// request is in its log.
func (p *process) answers(address string) bool {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + address + "/is-it-you")
	if err != nil {
		return false
	}
	response.Body.Close()
	return strings.Contains(p.text(), "/is-it-you")
}

// until waits until something is done; in vain, when the program exits before.
func (p *process) until(done func() bool) bool {
	deadline := time.After(patience)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-p.exited:
			return done()
		case <-deadline:
			return false
		case <-ticker.C:
		}
	}
	return true
}

// stop ends the program as Ctrl-C does or, if it resists, at once.
func (p *process) stop() {
	_ = p.command.Process.Signal(os.Interrupt) // fails when it has exited
	if !p.until(p.hasExited) {
		_ = p.command.Process.Kill()
		<-p.exited
	}
}

// freeAddress returns an address on which nothing listens.
func (s *shell) freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	defer l.Close()
	return l.Addr().String()
}

type copied struct {
	file     string
	function string // empty: the whole file
	folders  []string
}

// What the programs have in common: each stands alone, and imports no other.
var (
	sessionPrograms = append([]string{"03-redis-store/pool"}, chapters[1:]...)
	incrPrograms    = append([]string{"03-redis-store/pool"}, chapters[2:]...)
	serverPrograms  = []string{"03-redis-store", "03-redis-store/pool", "05-mongo-memcached"}

	copies = []copied{
		{"main.go", "sessionSecret", sessionPrograms},
		{"main.go", "cookieOptions", sessionPrograms},
		{"main.go", "incr", incrPrograms},
		{"main.go", "logout", incrPrograms},
		{"main.go", "storeUnavailable", incrPrograms},
		{"main.go", "requireStore", serverPrograms},
		{"main.go", "newRouter", serverPrograms},
		{"browser_test.go", "", sessionPrograms},
		{"program_test.go", "", sessionPrograms},
		{"incr_test.go", "", chapters[2:]},
		{"lost_test.go", "", serverPrograms},
		{"exercise/story_test.go", "", chapters},
	}
)

// checkCopies compares each copy with the one in the first folder.
func checkCopies(root string, copies []copied) (problems []string) {
	for _, c := range copies {
		first := path.Join(c.folders[0], c.file)
		want, err := source(root, first, c.function)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		for _, folder := range c.folders[1:] {
			name := path.Join(folder, c.file)
			got, err := source(root, name, c.function)
			if err != nil {
				problems = append(problems, err.Error())
			} else if got != want {
				problems = append(problems, fmt.Sprintf("%s differs from %s: %s%s", name, first, c.function, firstDifferingLine(got, want)))
			}
		}
	}
	return problems
}

// source returns a file or, with its comment, a function in it.
func source(root, name, function string) (string, error) {
	file := filepath.Join(root, filepath.FromSlash(name))
	text, err := os.ReadFile(file)
	if err != nil || function == "" {
		return string(text), err
	}
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, file, text, parser.ParseComments)
	if err != nil {
		return "", err
	}
	for _, declaration := range tree.Decls {
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

// languages are the first lines of each README, which lead to the other one.
var languages = map[string]string{
	"README.md":       "English · [简体中文](README.zh-CN.md)",
	"README.zh-CN.md": "[English](README.md) · 简体中文",
}

// checkLanguages compares the two READMEs of a folder, section by section: the
// levels of the headings, the code, the links, the numbers, the shapes of the
// tables, and the blocks, in which only the words of a diagram and those after
// the @@ of a diff are translated.
func checkLanguages(root, folder string) (problems []string) {
	var sections [2][]section
	for i, name := range []string{"README.md", "README.zh-CN.md"} {
		r, err := parse(root, path.Join(folder, name))
		if err != nil {
			return []string{err.Error()}
		}
		if r.prose[0] != languages[name] {
			r.problem(1, "the first line is %s", languages[name])
		}
		sections[i] = r.sections()
		problems = append(problems, r.problems...)
	}
	english, chinese := sections[0], sections[1]
	if len(english) != len(chinese) {
		return append(problems, fmt.Sprintf("%s has %d headings in English and %d in Chinese", folder, len(english)-1, len(chinese)-1))
	}
	for i := range english {
		for _, feature := range features {
			if here, there := english[i].features[feature], chinese[i].features[feature]; !slices.Equal(here, there) {
				problems = append(problems, fmt.Sprintf("%s: %s of %q differ in Chinese, line %d:\nonly in English: %q\nonly in Chinese: %q",
					path.Join(folder, "README.md"), feature, english[i].title, chinese[i].line, without(here, there), without(there, here)))
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

// section is a part of a README, with its features.
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

// sections takes a README apart at its headings.
func (r *readme) sections() (sections []section) {
	add := func(feature, text string) {
		last := sections[len(sections)-1].features
		last[feature] = append(last[feature], text)
	}
	sections = []section{{title: "the beginning", line: 1, features: map[string][]string{}}}
	for i, line := range r.prose {
		if i == 0 {
			continue // the languages
		}
		if match := heading.FindStringSubmatch(line); match != nil {
			sections = append(sections, section{title: match[1], line: i + 1, features: map[string][]string{}})
			add("heading", strings.Repeat("#", strings.Index(line, " ")))
		}
		for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
			add("code", span[1])
		}
		for _, match := range link.FindAllStringSubmatch(line, -1) {
			add("links", r.anyLanguage(match[1]+match[2]))
		}
		plain := link.ReplaceAllString(codeSpan.ReplaceAllString(line, ""), "")
		for _, digits := range number.FindAllString(plain, -1) {
			add("numbers", digits)
		}
		if strings.HasPrefix(line, "|") {
			add("tables", fmt.Sprint(strings.Count(line, "|")))
		}
		for _, b := range r.blocks {
			if b.line == i+1 {
				add("blocks", b.anyLanguage())
			}
		}
	}
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
func (r *readme) anyLanguage(target string) string {
	file, anchor, found := strings.Cut(target, "#")
	if !strings.Contains(file, "://") && found {
		name := path.Join(path.Dir(r.name), file)
		if file == "" {
			name = r.name
		}
		anchor = "#" + strconv.Itoa(slices.Index(anchors(r.root, name), anchor))
	}
	if path.Base(file) == path.Base(r.name) {
		file = strings.TrimSuffix(file, path.Base(file)) + "README of this language"
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

// write makes a small repository for a test of the checker. In the texts, '
// stands for `.
func write(t *testing.T, texts map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range texts {
		file := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(text, "'", "`")), 0o644))
	}
	return root
}

// requireProblem wants one problem, which contains what is expected. Nothing
// expected means that there must be none.
func requireProblem(t *testing.T, expected string, problems []string) {
	t.Helper()
	if expected == "" {
		require.Empty(t, problems)
		return
	}
	require.Len(t, problems, 1)
	require.Contains(t, problems[0], expected)
}

func TestTheCheckerFindsWrongReadmes(t *testing.T) {
	t.Parallel()
	const files = "'../01/main.go' → 'main.go':\n\n'''diff\n"
	for _, test := range []struct{ name, text, problem string }{
		{"excerpt", "'main.go':\n'''go\nfunc main() {\n\tif true {\n'''", ""},
		{"excerpt at the margin", "'main.go':\n'''go\nprintln(1)\n\nprintln(22)\n'''", ""},
		{"excerpt in a list", "- 'main.go':\n  '''go\n  println(1)\n\n  println(22)\n  '''", ""},
		{"excerpt in a quotation", "> 'main.go':\n> '''go\n> println(1)\n> '''", ""},
		{"excerpt with elisions", "'main.go':\n'''go\nfunc main() {\n\t// …\n\tprintln(4)\n…\n'''", ""},
		{"excerpt of another file", "In '../01/main.go':\n\n'''go\nprintln(2)\n'''", ""},
		{"changed excerpt", "'main.go':\n'''go\nif true {\n\tprintln(2)\n'''",
			`02/README.md:2: this excerpt does not stand in main.go: first line not found: "\tprintln(2)"`},
		{"excerpt with blanks for tabs", "'main.go':\n'''go\nif true {\n    println(1)\n'''", "does not stand in main.go"},
		{"excerpt that leaves a line out", "'main.go':\n'''go\nfunc main() {\n\t\tprintln(1)\n'''", "does not stand in main.go"},
		{"excerpt in the wrong order", "'main.go':\n'''go\nprintln(4)\n…\nprintln(1)\n'''", "does not stand in main.go"},
		{"excerpt of nothing", "'main.go':\n'''go\n// …\n'''", "shows nothing"},
		{"no file name", "The program:\n'''go\nprintln(1)\n'''", "names its file"},
		{"two file names", "'main.go' or '../01/main.go':\n'''go\nprintln(1)\n'''", "names its file"},
		{"file name too far above", "'main.go'\n\nprints:\n'''go\nprintln(1)\n'''", "names its file"},
		{"missing file", "'gone.go':\n'''go\nprintln(1)\n'''", "gone.go"},
		{"block of no kind", "'''\nprintln(1)\n'''", `a block of ""`},
		{"unknown kind of block", "'main.go':\n'''golang\nprintln(1)\n'''", `a block of "golang"`},

		{"diff", files + "--- a\n+++ b\n@@ -1 +1 @@\n \t\tprintln(1)\n\n-\t\tprintln(2)\n+\t\tprintln(22)\n@@\n-\tprintln(3)\n+\tprintln(4)\n'''", ""},
		{"diff without two file names", "'main.go':\n'''diff\n-\tprintln(3)\n+\tprintln(4)\n'''", "names the old file and the new one"},
		{"diff with three file names", "'main.go', " + files + "-\tprintln(3)\n+\tprintln(4)\n'''", "names the old file and the new one"},
		{"diff with a missing file", "'../00/main.go' → 'main.go':\n'''diff\n-\tprintln(3)\n+\tprintln(4)\n'''", "no such file"},
		{"diff with a wrong old side", files + "-\tprintln(5)\n+\tprintln(4)\n'''",
			`the old side of this diff does not stand in ../01/main.go: first line not found: "\tprintln(5)"`},
		{"diff with a wrong new side", files + "-\tprintln(3)\n+\tprintln(5)\n'''",
			`the new side of this diff does not stand in main.go: first line not found: "\tprintln(5)"`},
		{"diff in the wrong order", files + "-\tprintln(3)\n@@\n-\t\tprintln(2)\n'''", "the old side"},
		{"diff without a change", files + " }\n@@\n-\tprintln(3)\n+\tprintln(4)\n'''", "changes nothing"},
		{"diff with another line", files + "println(3)\n+\tprintln(4)\n'''", "starts with a blank, - or +"},

		{"links", "# Über: [x](main.go), 'z'\n[a](../01) [b](main.go) [c](../README.md#one-two-1) [d](#über-x-z)\n" +
			"[e](https://example.com/no) [f](..#all)\n\n[g]: ../README.md", ""},
		{"dead link", "\nsee [this](../03/main.go)", "02/README.md:2: dead link: ../03/main.go"},
		{"dead reference", "[this]: ../04", "dead link: ../04"},
		{"link out of the repository", "[up](../../)", "dead link: ../../"},
		{"dead anchor", "[this](../README.md#three)", "dead link: ../README.md#three"},
		{"dead anchor here", "# Here\n[this](#there)", "dead link: #there"},
		{"heading in a block", "[this](#here)\n'''sh\n# Here\n'''", "dead link: #here"},
		{"anchor of a line", "[this](main.go#L3)", "dead link: main.go#L3"},

		{"test names", "'TestSum', 'TestSum/one', ['FuzzSum'](../03/main_test.go) and 'gin.TestMode'", ""},
		{"unknown test", "'TestSum' and 'TestProduct/one'", "02 has no test TestProduct"},
		{"test of a folder below", "'TestDeep'", "02 has no test TestDeep"},
		{"test of another folder", "'FuzzSum'", "02 has no test FuzzSum"},
		{"test not where it links to", "['TestSum'](../03/main_test.go)", "../03/main_test.go has no test TestSum"},

		{"commands", "'go run ./02' 'go test ./...' 'go test -race ./02 ./03' 'go test ./03 -fuzz=Sum' 'docker compose up -d redis mongo'\n" +
			"'''sh\nGIN_MODE=release go run ./02 # serves\ngo test ./02 -run \"TestS|No/one\" -v\ndocker compose exec redis redis-cli\n'''", ""},
		{"go run of a missing folder", "'go run ./04'", "go run: ./04 has no package main"},
		{"go run of a package without main", "'''sh\n\ngo run ./03\n'''", "02/README.md:3: go run: ./03 has no package main"},
		{"go test of a folder without tests", "'go test ./01'", "go test: ./01 has no tests"},
		{"go test of a missing folder", "'go test ./02 ./04/...'", "go test: ./04/... has no tests"},
		{"go test -run of nothing", "'go test -run TestProduct ./02'", "no test there matches TestProduct"},
		{"go test -fuzz of everything in no folder", "'go test -fuzz . ./01'", "go test: ./01 has no tests"},
		{"go test -run of a bad pattern", "'go test -run=( ./02'", "missing closing"},
		{"unknown service", "'''console\n$ docker compose up -d redis data\n'''", "docker-compose.yml has no service data"},
		{"key of a service", "'docker compose up -d image'", "docker-compose.yml has no service image"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := write(t, map[string]string{
				"README.md":          "# All\n\n## One, two\n\n## One, 'two'!\n",
				"docker-compose.yml": "services:\n  redis:\n    image: redis\n  # and\n  mongo:\n\nvolumes:\n  data:\n",
				"01/main.go":         "package main\n\nfunc main() {\n\tif true {\n\t\tprintln(1)\n\n\t\tprintln(2)\n\t}\n\tprintln(3)\n}\n",
				"02/main.go":         "package main\n\nfunc main() {\n\tif true {\n\t\tprintln(1)\n\n\t\tprintln(22)\n\t}\n\tprintln(4)\n}\n",
				"02/main_test.go":    "package main\n\nfunc TestSum(t *testing.T) {}\n",
				"02/sub/sub_test.go": "package sub\n\nfunc TestDeep(t *testing.T) {}\n",
				"03/main_test.go":    "package lib\n\nfunc FuzzSum(f *testing.F) {}\n",
				"02/README.md":       test.text,
			})
			r, err := parse(root, "02/README.md")
			require.NoError(t, err)
			requireProblem(t, test.problem, r.check())
		})
	}
}

// What chapter 02 answers to a first visit and to a logout.
const (
	firstVisit = "HTTP/1.1 200 OK\nContent-Type: application/json; charset=utf-8\n" +
		"Set-Cookie: mysession=MTc5; Path=/; Expires=Tue, 24 Nov 2026 14:00:00 GMT; Max-Age=86400; HttpOnly; SameSite=Lax\n" +
		"Date: Mon, 23 Nov 2026 14:00:00 GMT\nContent-Length: 35\n\n" + newVisitor
	loggedOut = "HTTP/1.1 204 No Content\n" +
		"Set-Cookie: mysession=MTc5; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; SameSite=Lax\n" +
		"Date: Mon, 23 Nov 2026 14:00:00 GMT\n\n"
	newVisitor   = `{"hello":"world","returning":false}` + "\n"
	knownVisitor = `{"hello":"world","returning":true}` + "\n"
)

// Commands for transcripts of chapter 02.
const (
	start   = "$ go run ./02-cookie-basic\n"
	visit   = "$ curl -i -c jar -b jar http://localhost:8000/hello\n"
	getBody = "$ curl -c jar -b jar \\\n    http://localhost:8000/hello\n"
	logout  = "$ curl -i -c jar -b jar -X POST http://localhost:8000/logout\n"
	failing = "$ SESSION_SECRET=short go run ./02-cookie-basic\n"
)

func TestTheCheckerFindsWrongTranscripts(t *testing.T) {
	t.Parallel()
	needShell(t)
	bin := build(t, "01-install", "02-cookie-basic", "04-memstore")
	for _, test := range []struct{ name, transcript, problem string }{
		{"the chapter's program", visit + firstVisit + getBody + knownVisitor + logout + loggedOut + visit + firstVisit, ""},
		{"two blocks", getBody + newVisitor + "'''\n\n'''console\n" + getBody + knownVisitor, ""},
		{"a restart", start + "2026/11/23 14:00:00 warning: SESSION_SECRET is not set: anybody can sign cookies\n…\n" +
			"[GIN-debug] Listening and serving HTTP on :8000\n" + visit + firstVisit + start + getBody + knownVisitor, ""},
		{"a new secret", visit + firstVisit + `$ SESSION_SECRET="$(printf %032d 1)" go run ./02-cookie-basic` + "\n" + visit + firstVisit, ""},
		{"two programs", start + "$ ADDR=:9000 go run ./04-memstore\n" + visit + firstVisit + "$ curl http://localhost:9000/incr\n" + `{"count":0}`, ""},
		{"a program that ends", failing + "2026/11/23 14:00:00 SESSION_SECRET has 5 bytes: use 32 or more\nexit status 1", ""},
		{"Ctrl-C", start + "^Csignal: interrupt\n" + start + "^C\n" + start + getBody + newVisitor, ""},
		{"elisions", visit + "HTTP/1.1 200 OK\n…\nContent-Length: 35\n…\n", ""},
		{"commands that are not run", "$ git clone https://example.com/x\nCloning …\n$ docker compose up -d redis\n$ export SESSION_SECRET=x", ""},
		{"the check-up without servers", "$ go run ./01-install\nGo         ok           go1.25.0\n…\n" +
			"mongo      not running  localhost:27017, for chapter 05\n\n" +
			"With Docker, this starts them:  docker compose up -d\nWithout it, stand-ins:          go run ./01-install/servers", ""},

		{"wrong body", getBody + knownVisitor,
			`02-cookie-basic/README.md:4: curl -c jar -b jar http://localhost:8000/hello does not print this: {"hello":"world","returning":true}`},
		{"wrong count", "$ go run ./04-memstore\n$ curl http://localhost:8000/incr\n" + `{"count":1}`, `does not print this: {"count":1}`},
		{"wrong status", logout + strings.Replace(loggedOut, "204 No Content", "200 OK", 1), "does not print this: HTTP/1.1 200 OK"},
		{"missing attribute", visit + strings.Replace(firstVisit, " HttpOnly;", "", 1), "does not print this: Set-Cookie: mysession=MTc5; Path=/"},
		{"wrong Content-Length", visit + strings.Replace(firstVisit, "35", "34", 1), "does not print this: Content-Length: 34"},
		{"wrong Max-Age", visit + strings.Replace(firstVisit, "86400", "3600", 1), "does not print this: Set-Cookie"},
		{"empty cookie", logout + strings.Replace(loggedOut, "MTc5", "", 1), "does not print this: Set-Cookie: mysession=;"},
		{"cookie that does not expire", logout + strings.Replace(loggedOut, "1970", "2027", 1), "does not print this: Set-Cookie"},
		{"too little", visit + "HTTP/1.1 200 OK", "prints more than this"},
		{"too much", getBody + newVisitor + "and more", "does not print this: and more"},
		{"wrong below an elision", visit + "HTTP/1.1 200 OK\n…\nContent-Length: 35\n" + newVisitor, `does not print this: {"hello"`},
		{"wrong after an elision", visit + "HTTP/1.1 200 OK\n…\nContent-Length: 34\n…", "does not print this: Content-Length: 34"},
		{"line that a running program does not print", start + "welcome", "go run ./02-cookie-basic does not print this: welcome"},
		{"end that does not come", start + "exit status 1", "should have ended: true; it did: false"},
		{"end that is not shown", failing, "should have ended: false; it did: true"},
		{"wrong end", failing + "…\nexit status 2", "does not print this: exit status 2"},
		{"wrong version", "$ go run ./01-install\nGo         ok           go1.25.0\ngin        ok           v1.0.0\n…",
			"does not print this: gin        ok           v1.0.0"},
		{"wrong address", "$ curl http://localhost:9000/hello", "no program of this README listens on localhost:9000"},
		{"wrong path", "$ curl http://localhost:8000/bye\nbye", "does not print this: bye"},
		{"curl after Ctrl-C", start + "^C\n" + getBody + newVisitor, "but:\ncurl: (7)"},
		{"Ctrl-C of nothing", "^C", "no program runs"},
		{"Ctrl-C of the program before", start + start + "^C\n^C", "no program runs"},
		{"unknown command", "$ kill 1", "README.md:2: transcripts cannot run this command: kill 1"},
		{"unknown program", "$ go run ./06-more", "transcripts cannot run this command: go run ./06-more"},
		{"output of nothing", newVisitor + getBody, "starts with a command"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := write(t, map[string]string{"02-cookie-basic/README.md": "'''console\n" + test.transcript + "\n'''\n"})
			r, err := parse(root, "02-cookie-basic/README.md")
			require.NoError(t, err)
			requireProblem(t, test.problem, runTranscripts(t, r, bin))
		})
	}
}

func TestTheCheckerFindsDifferentCopies(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{
		"a/main.go": "package main\n\n// f does.\nfunc f() {\n\tprintln(1)\n}\n",
		"b/main.go": "package main\n\nvar x = 1\n\n// f does.\nfunc f() {\n\tprintln(1)\n}\n",
		"c/main.go": "package main\n\n// f does not.\nfunc f() {\n\tprintln(1)\n}\n",
	})
	for _, test := range []struct {
		copied  copied
		problem string
	}{
		{copied{"main.go", "f", []string{"a", "b"}}, ""},
		{copied{"main.go", "f", []string{"a", "b", "c"}}, "c/main.go differs from a/main.go: f line 1 is\n// f does not.\nand not\n// f does."},
		{copied{"main.go", "", []string{"a", "b"}}, "b/main.go differs from a/main.go:  line 3 is\nvar x = 1"},
		{copied{"main.go", "g", []string{"a", "b"}}, "a/main.go has no func g"},
		{copied{"lost_test.go", "", []string{"a", "b"}}, "lost_test.go"},
	} {
		requireProblem(t, test.problem, checkCopies(root, []copied{test.copied}))
	}
}

func TestTheCheckerFindsDifferentLanguages(t *testing.T) {
	t.Parallel()
	const english = "# Title\n\nUse 'Save', 'TestA' and [the link](#the-end): 4,096 bytes.\n\n" +
		"| a | b |\n|---|---|\n| 'x' | y |\n\n" +
		"'''mermaid\nsequenceDiagram\n    participant B as Browser\n    B->>G: the cookie\n    alt it is there\n    A -- no --> B{\"May it?\"}\n'''\n\n" +
		"'''diff\n@@ why\n-a\n+b\n'''\n\n## The end\n\n[up](../README.md)\n"
	chinese := strings.NewReplacer("# Title", "# 标题", "Use 'Save', 'TestA' and [the link](#the-end)", "['TestA' 和 'Save'](#结尾)", "bytes", "字节",
		"Browser", "浏览器", "the cookie", "带上 cookie", "it is there", "还在", "-- no --", "-- 否 --", "May it?", "可以吗？", "why", "为什么",
		"The end", "结尾", "../README.md", "../README.zh-CN.md").Replace(english)
	for _, test := range []struct{ name, old, new, problem string }{
		{"in step", "", "", ""},
		{"no link between them", "[English](README.md)", "English", "a/README.zh-CN.md:1: the first line is [English](README.md)"},
		{"a section more", "# 标题", "# 标题\n\n# 更多", "a has 2 headings in English and 3 in Chinese"},
		{"another level", "## 结尾", "### 结尾", `heading of "The end" differ`},
		{"other code", "'Save'", "'Get'", `only in English: ["Save"]` + "\n" + `only in Chinese: ["Get"]`},
		{"another link", "#结尾", "#标题", `links of "Title" differ`},
		{"a link to the other language", "../README.zh-CN.md", "../README.md", `links of "The end" differ`},
		{"another number", "4,096", "4,095", `only in Chinese: ["4,095"]`},
		{"a row less", "| 'x' | y |\n", "'x'\n", `tables of "Title" differ`},
		{"a column more", "| 'x' | y |", "| 'x' | y | z |", `tables of "Title" differ`},
		{"another block", "+b", "+c", `blocks of "Title" differ`},
		{"a block more", "'''diff", "'''sh\n'''\n\n'''diff", `blocks of "Title" differ`},
		{"another arrow", "B->>G", "G->>B", `blocks of "Title" differ`},
		{"another way", "否 -->", "否 ---", `blocks of "Title" differ`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := write(t, map[string]string{
				"README.md":         languages["README.md"] + "\n",
				"README.zh-CN.md":   languages["README.zh-CN.md"] + "\n",
				"a/README.md":       languages["README.md"] + "\n\n" + english,
				"a/README.zh-CN.md": strings.Replace(languages["README.zh-CN.md"]+"\n\n"+chinese, test.old, test.new, 1),
			})
			problems := strings.Join(checkLanguages(root, "a"), "\n")
			if test.problem == "" {
				require.Empty(t, problems)
			}
			require.Contains(t, problems, test.problem)
		})
	}
}
