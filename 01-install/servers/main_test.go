package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain runs the tests or, in a process started by a test, the servers.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_PROGRAM") != "" {
		main()
		return
	}
	m.Run()
}

// command returns the servers, not yet started, with these flags. They put their
// temporary files into files.
func command(t *testing.T, files string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	patience, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	command := exec.CommandContext(patience, program, args...)
	command.Env = append(os.Environ(), "RUN_PROGRAM=1", "TMPDIR="+files, "TMP="+files)
	return command
}

func TestTheServersServeTheChaptersUntilCtrlC(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	servers := command(t, files, "-redis", "127.0.0.1:0", "-memcached", "127.0.0.1:0", "-mongo", "127.0.0.1:0")
	output, err := servers.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, servers.Start())
	t.Cleanup(func() { servers.Process.Kill() })
	lines := bufio.NewScanner(output)
	setting := map[string]string{}
	for range 3 {
		// redis 127.0.0.1:1234 chapter 03: REDIS_ADDR=127.0.0.1:1234 go run ./03-redis-store
		require.True(t, lines.Scan(), "want a line for each server")
		words := strings.Fields(lines.Text())
		require.Greater(t, len(words), 5, lines.Text())
		setting[words[0]] = words[4]
	}
	require.True(t, lines.Scan())
	assert.Contains(t, lines.Text(), "they keep nothing")

	redis, mongo := build(t, "03-redis-store"), build(t, "05-mongo-memcached")
	chapters := map[string][]string{
		"redis":     {redis},
		"memcached": {mongo, "-store", "memcached"},
		"mongo":     {mongo},
	}
	for name, chapter := range chapters {
		t.Run(name, func(t *testing.T) {
			url := start(t, chapter, setting[name])
			assert.Equal(t, []string{`{"count":0}`, `{"count":1}`, `{"count":2}`}, threeVisits(t, url+"/incr"))
		})
	}

	if runtime.GOOS == "windows" {
		return // no process can press another one's Ctrl-C there
	}
	require.NoError(t, servers.Process.Signal(os.Interrupt))
	require.True(t, lines.Scan(), "want an empty line, after the terminal's ^C")
	require.True(t, lines.Scan())
	assert.Contains(t, lines.Text(), "Stopped")
	assert.NoError(t, servers.Wait(), "Ctrl-C is the normal end")
	left, err := os.ReadDir(files)
	require.NoError(t, err)
	assert.Empty(t, left, "they said that they keep nothing")
}

// build builds a chapter's program and returns its path.
func build(t *testing.T, chapter string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "chapter.exe") // Windows wants the ending
	output, err := exec.Command("go", "build", "-o", program, "../../"+chapter).CombinedOutput()
	require.NoError(t, err, string(output))
	return program
}

// The chapters give their server a second. On a busy machine it may need longer:
// start starts them again then, and threeVisits comes again.

// start runs a chapter (its program and flags) with this setting ("NAME=value") on
// a free port until the test ends, and returns its URL.
func start(t *testing.T, chapter []string, setting string) string {
	t.Helper()
	for range 10 {
		addr := freeAddr()
		command := exec.Command(chapter[0], chapter[1:]...)
		command.Env = append(os.Environ(), setting, "ADDR="+addr, "SESSION_SECRET=", "GIN_MODE=debug")
		command.Stderr = os.Stderr
		require.NoError(t, command.Start())
		exited := make(chan bool)
		go func() {
			_ = command.Wait() // its error is the kill
			close(exited)
		}()
		served := false
		t.Cleanup(func() {
			err := command.Process.Kill()
			<-exited
			if served {
				assert.NoError(t, err, "the chapter stopped by itself")
			}
		})
		if served = listens(t, addr, exited); served {
			return "http://" + addr
		}
	}
	require.FailNow(t, "the chapter does not start")
	return ""
}

// listens waits until a program listens on addr, or has exited.
func listens(t *testing.T, addr string, exited <-chan bool) (yes bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		select {
		case <-exited:
			return true
		default:
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		conn.Close()
		yes = true
		return true
	}, time.Minute, 10*time.Millisecond, "the chapter neither listens nor exits")
	return yes
}

// threeVisits returns what one visitor gets. When it is a 503, another one comes.
func threeVisits(t *testing.T, url string) (bodies []string) {
	t.Helper()
	for range 10 {
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		visitor := &http.Client{Jar: jar, Timeout: time.Minute}
		bodies = nil
		unavailable := false
		for range 3 {
			response, err := visitor.Get(url)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			require.NoError(t, err)
			bodies = append(bodies, string(body))
			unavailable = unavailable || response.StatusCode == http.StatusServiceUnavailable
		}
		if !unavailable {
			break
		}
	}
	return bodies
}

// freeAddr returns a host:port on which nothing listens. It is none of those that
// the system gives to connections, so it stays free until it is used.
func freeAddr() string {
	for {
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
}

func TestATakenPortIsNamedAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	addr := taken.Addr().String()
	for _, name := range []string{"redis", "memcached", "mongo"} {
		t.Run(name, func(t *testing.T) {
			files := t.TempDir()
			flags := map[string]string{"redis": "127.0.0.1:0", "memcached": "127.0.0.1:0", "mongo": "127.0.0.1:0"}
			flags[name] = addr
			servers := command(t, files, "-redis", flags["redis"], "-memcached", flags["memcached"], "-mongo", flags["mongo"])

			output, err := servers.CombinedOutput()

			require.Error(t, err)
			assert.Equal(t, 1, servers.ProcessState.ExitCode())
			assert.Contains(t, string(output), "cannot start "+name+": listen tcp "+addr)
			assert.Contains(t, string(output), "-"+name+` ""`, "the way out is missing")
			assert.NotContains(t, string(output), "chapter", "nothing was started, so nothing may be announced")
			left, err := os.ReadDir(files)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

func TestAWrongAddressIsExplained(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"missing port":               {"-redis", "localhost"},
		"it can listen on localhost": {"-redis", "", "-memcached", "0.0.0.0:0"},
		"nothing to start":           {"-redis", "", "-memcached", "", "-mongo", ""},
	} {
		servers := command(t, t.TempDir(), args...)
		output, err := servers.CombinedOutput()
		require.Error(t, err)
		assert.Equal(t, 1, servers.ProcessState.ExitCode())
		assert.Contains(t, string(output), want)
	}
}
