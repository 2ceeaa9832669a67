package ci

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The programs that the transcripts run.

const patience = time.Minute // for programs that take a moment on most machines

// needShell skips a test of transcripts where they cannot be run.
func needShell(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"curl", "sh", "env"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the shell sessions of the pages were not run: %v", err)
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
	command.Dir = repository.root
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return bin
}

// process is a program that runs in the background.
type process struct {
	command *exec.Cmd
	log     string        // a file; unlike a pipe's, its text is never late
	exited  chan struct{} // closed when it has
}

// start starts a built program, with the assignments and flags as the page
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
