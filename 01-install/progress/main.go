// Progress runs the tests of the exercises, and shows which ones you have solved.
//
//	go run ./01-install/progress
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	terminal, err := os.Stdout.Stat()
	colour := err == nil && terminal.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if err := show(os.Stdout, ".", colour); err != nil {
		log.Fatal(err)
	}
}

// show writes the board of the tutorial in this folder.
func show(w io.Writer, root string, colour bool) error {
	exercises, err := find(root)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "Running %d exercises. The first time takes a while.\n\n", len(exercises))
	complaints, err := run(root, exercises)
	if err != nil {
		return err
	}
	table(w, exercises, colour)
	if complaints != "" {
		fmt.Fprintf(w, "\nNext: mend what does not compile\n%s", complaints)
		return nil
	}
	fmt.Fprint(w, next(exercises))
	return nil
}

// exercise is one file for the learner to edit, with one test.
type exercise struct {
	folder string // like 02-cookie-basic/exercise
	file   string // in that folder, like 2_1_save.go
	number string // like 2.1
	title  string // the complaint
	state  string
}

// The states of an exercise.
const (
	solved   = "solved"
	red      = "red"
	notBegun = "not begun"
	broken   = "broken" // its package does not compile
)

// An exercise has its number in the name of its file, and its title in a comment.
var (
	fileName = regexp.MustCompile(`^(\d+)_(\d+)_\w+\.go$`)
	title    = regexp.MustCompile(`(?m)^// Exercise \d+\.\d+: (.*)$`)
)

// find returns the exercises in their order.
func find(root string) (found []*exercise, err error) {
	names, err := filepath.Glob(filepath.Join(root, "*", "exercise", "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names { // sorted
		file := filepath.Base(name)
		number := fileName.FindStringSubmatch(file)
		if number == nil {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		e := &exercise{
			folder: filepath.Base(filepath.Dir(filepath.Dir(name))) + "/exercise",
			file:   file, number: number[1] + "." + number[2], state: broken,
		}
		if match := title.FindSubmatch(text); match != nil {
			e.title = string(match[1])
		}
		found = append(found, e)
	}
	if len(found) == 0 {
		return nil, errors.New("no exercises here: run this in the tutorial's root folder")
	}
	return found, nil
}

// run runs the tests, and sets the states. It returns what the compiler had to
// say.
func run(root string, exercises []*exercise) (complaints string, err error) {
	args := []string{"test", "-json", "-run", "^TestExercise"}
	for _, e := range exercises {
		args = append(args, "./"+e.folder)
	}
	command := exec.Command("go", slices.Compact(args)...)
	command.Dir = root
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		return "", fmt.Errorf("cannot run the tests: %w", err)
	}

	// https://pkg.go.dev/cmd/test2json
	for events := json.NewDecoder(bytes.NewReader(output)); events.More(); {
		var event struct{ Action, Package, Test, Output string }
		if err := events.Decode(&event); err != nil {
			return "", fmt.Errorf("go test -json printed something else: %w", err)
		}
		if event.Action == "build-output" {
			complaints += event.Output
		}
		for _, e := range exercises {
			if event.Test == "TestExercise"+strings.ReplaceAll(e.number, ".", "_") && strings.HasSuffix(event.Package, "/"+e.folder) {
				states := map[string]string{"pass": solved, "fail": red, "skip": notBegun}
				e.state = cmp.Or(states[event.Action], e.state)
			}
		}
	}
	return complaints + stderr.String(), nil
}

// table writes a line for each exercise, and a bar.
func table(w io.Writer, exercises []*exercise, colour bool) {
	paint := func(state string) string {
		padded := fmt.Sprintf("%-9s", state)
		colours := map[string]int{solved: 32, red: 31, broken: 31, notBegun: 90}
		if !colour {
			return padded
		}
		return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colours[state], padded)
	}
	counts := map[string]int{}
	chapter := ""
	for _, e := range exercises {
		if chapter != e.folder {
			chapter = e.folder
			fmt.Fprintln(w, path.Dir(chapter))
		}
		fmt.Fprintf(w, "  %-4s %s %s\n", e.number, paint(e.state), e.title)
		counts[e.state]++
	}
	const width = 40
	done := counts[solved] * width / len(exercises)
	fmt.Fprintf(w, "\n[%s%s] %d of %d solved\n", strings.Repeat("#", done), strings.Repeat(".", width-done), counts[solved], len(exercises))
}

// next says what to go on with: an exercise that was begun, or else the first
// that was not.
func next(exercises []*exercise) string {
	for _, state := range []string{red, notBegun} {
		for _, e := range exercises {
			if e.state == state {
				return fmt.Sprintf("\nNext: %s, in %s/%s\n  go test -v -run 'Exercise%s' ./%s\n",
					e.number, e.folder, e.file, strings.ReplaceAll(e.number, ".", "_"), e.folder)
			}
		}
	}
	return "\nAll solved. The programs of the chapters are yours to copy.\n"
}
