package sessiontest

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
)

// Main is what TestMain calls. It runs the tests or, in a process that Run or Start
// has started, the package's program; nil means that there is none.
//
// Most tests wait for a server: so 32 run at once, whatever the number of cores,
// unless -parallel says otherwise. Nothing is logged that a test makes on purpose.
// And when tests fail, the first one tells its story, and the others their names;
// with -v, go test shows everything.
func Main(m *testing.M, program func()) {
	if os.Getenv(runProgram) != "" {
		program()
		return
	}
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["test.parallel"] && !given["test.fuzz"] { // a fuzzer works, and does not wait
		if err := flag.Set("test.parallel", "32"); err != nil {
			log.Fatal(err)
		}
	}
	gin.SetMode(gin.TestMode) // whatever GIN_MODE says
	gin.DefaultWriter, gin.DefaultErrorWriter = io.Discard, io.Discard
	log.SetOutput(&logged)
	if given["test.fuzzworker"] {
		log.SetOutput(io.Discard) // it would fill the memory
	}
	if testing.Verbose() || given["test.fuzz"] || os.Getenv(runExercise) != "" {
		m.Run()
		return
	}
	stdout := os.Stdout
	read, write, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout = write
	done := make(chan bool)
	go func() {
		summarise(stdout, read)
		close(done)
	}()
	m.Run()
	write.Close()
	<-done
	os.Stdout = stdout
}

// logged is what the programs under test have logged.
var logged logBuffer

type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

// What summarise keeps of a failed package: with what go test adds, 25 lines.
const (
	mostLines = 15 // of the story of the first failed test
	mostNames = 4  // of the other ones
)

var (
	failure = regexp.MustCompile(`^ *--- FAIL: (.*) \(\d+\.\d+s\)$`)
	label   = regexp.MustCompile(`^\s+\t(Error Trace|Error|Test|Messages|Diff):`) // by testify
)

// summarise copies what go test prints, without -v, of this package. Of the tests
// that have failed it tells the first one's story, and the names of the others.
func summarise(w io.Writer, output io.Reader) {
	var names []string
	stories := map[string][]string{}
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<24) // bytes; testify may print long ones
	for lines.Scan() {
		line := lines.Text()
		if match := failure.FindStringSubmatch(line); match != nil {
			names = append(names, match[1])
		} else if len(names) > 0 && strings.HasPrefix(line, "    ") {
			last := names[len(names)-1]
			stories[last] = append(stories[last], line)
		} else {
			if line == "FAIL" { // the last line
				tell(w, names, stories)
				names = nil
			}
			fmt.Fprintln(w, line)
		}
	}
	tell(w, names, stories)
}

func tell(w io.Writer, names []string, stories map[string][]string) {
	// A test that has only failed because a part of it did has no story.
	names = slices.DeleteFunc(names, func(name string) bool { return stories[name] == nil })
	if len(names) == 0 {
		return
	}
	fmt.Fprintln(w, "--- FAIL:", names[0])
	for _, line := range shorten(stories[names[0]]) {
		fmt.Fprintln(w, line)
	}
	for i, name := range names[1:] {
		if i == mostNames {
			fmt.Fprintf(w, "    and %d more; go test -v tells all\n", len(names)-1-i)
			break
		}
		fmt.Fprintln(w, "--- FAIL:", name)
	}
}

// shorten leaves out of a story what testify repeats, its diffs, and the beginning
// when it is too long.
func shorten(story []string) (kept []string) {
	part := ""
	for _, line := range story {
		if match := label.FindStringSubmatch(line); match != nil {
			part = match[1]
		} else if strings.HasSuffix(line, "\tDiff:") {
			part = "Diff"
		} else if !strings.HasPrefix(strings.TrimLeft(line, " "), "\t") {
			part = "" // the next message
		}
		if part != "Error Trace" && part != "Test" && part != "Diff" {
			kept = append(kept, line)
		}
	}
	if len(kept) > mostLines {
		kept = append([]string{"    …"}, kept[len(kept)-mostLines+1:]...)
	}
	return kept
}
