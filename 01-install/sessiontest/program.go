package sessiontest

import (
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runProgram is the variable by which Main knows that it is the program.
const runProgram = "SESSIONTEST_RUN_PROGRAM"

// Command returns the package's main, which TestMain has given to Main, as a process
// that is not started yet: with env on top of the test's environment ("NAME=value").
// It ends with the test.
func Command(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), program, args...)
	command.Env = append(append(os.Environ(), runProgram+"=1"), env...)
	return command
}

// Run runs the package's main, for a minute at most. It returns the exit status,
// which is -1 for a program that had to be stopped, and all that was printed.
func Run(t testing.TB, env []string, args ...string) (status int, output string) {
	t.Helper()
	command := Command(t, env, args...)
	late := time.AfterFunc(time.Minute, func() { _ = command.Process.Kill() })
	defer late.Stop()
	printed, err := command.CombinedOutput()
	require.NotNil(t, command.ProcessState, "the program did not start: %v", err)
	return command.ProcessState.ExitCode(), string(printed)
}

// Start starts the package's main as Run does, on a free port, and leaves it
// running until the test ends. It returns its URL.
func Start(t testing.TB, env []string, args ...string) (url string) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	return StartFile(t, program, append(env, runProgram+"=1"), args...)
}

// Build builds a program of this tutorial, like "../03-redis-store", and returns
// its file, without what a debugger needs: that links faster. It opens the sources, so
// that go test runs again when they change.
func Build(t testing.TB, folder string) (program string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, source := range sources {
		_, err := os.ReadFile(source)
		require.NoError(t, err)
	}
	program = filepath.Join(t.TempDir(), "program.exe") // Windows wants the ending
	output, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", program, folder).CombinedOutput()
	require.NoError(t, err, string(output))
	return program
}

// StartFile does the same as Start with the program in a file.
//
// A program gives its server a second. On a busy machine the server may need
// longer, and another process may take the port: then it starts once more.
func StartFile(t testing.TB, program string, env []string, args ...string) (url string) {
	t.Helper()
	var printed strings.Builder
	for range 10 {
		addr := FreeAddr()
		command := exec.Command(program, args...)
		command.Env = append(append(os.Environ(), "ADDR="+addr), env...)
		command.Stderr = &printed
		require.NoError(t, command.Start())
		exited := make(chan bool)
		go func() {
			_ = command.Wait() // its error is the kill
			close(exited)
		}()
		serves := listens(t, addr, exited)
		t.Cleanup(func() {
			err := command.Process.Kill()
			<-exited
			assert.True(t, !serves || err == nil, "the program ended by itself: %v", err)
		})
		if serves {
			return "http://" + addr
		}
	}
	require.FailNow(t, "the program does not start", printed.String())
	return ""
}

// listens waits until a program listens on addr, or has exited.
func listens(t testing.TB, addr string, exited <-chan bool) (yes bool) {
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
	}, time.Minute, 10*time.Millisecond, "the program neither listens nor exits")
	return yes
}

// FreeAddr returns a host:port on which nothing listens. It is none of those that
// the system gives to connections, so it stays free until it is used.
func FreeAddr() string {
	for {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(20000+rand.IntN(10000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
}

// developmentKey signs the cookies of every program that has no SESSION_SECRET.
const developmentKey = "development only: everybody knows"

// TestProgram checks what the main of every program does with SESSION_SECRET, and
// with a port that is taken. The variables ("NAME=value") and the flags lead it to
// its server; path is a page that sets a cookie, or empty if a visit alone sets none.
func TestProgram(t *testing.T, sessionSecret func() ([]byte, error), path string, env []string, args ...string) {
	secret := strings.Repeat("s", 32)
	for _, test := range []struct{ mode, set, want string }{
		{gin.DebugMode, "", developmentKey},
		{gin.ReleaseMode, "", ""},
		{gin.DebugMode, secret[:31], ""},
		{gin.ReleaseMode, secret[:31], ""},
		{gin.DebugMode, secret, secret},
		{gin.ReleaseMode, secret, secret},
		{gin.ReleaseMode, developmentKey, ""},
	} {
		name := test.mode + " mode with a secret of " + strconv.Itoa(len(test.set)) + " bytes"
		if test.set == developmentKey {
			name = test.mode + " mode with the development key"
		}
		t.Run(name, func(t *testing.T) {
			gin.SetMode(test.mode)
			defer gin.SetMode(gin.TestMode)
			t.Setenv("SESSION_SECRET", test.set)
			logged.Reset()
			got, err := sessionSecret()
			if test.want == "" {
				require.ErrorContains(t, err, "SESSION_SECRET", "wanted: an error\nlikely cause: the limit of 32 bytes, the question for release mode, or for the key that everybody knows, is missing")
				require.ErrorContains(t, err, "32")
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, string(got))
			require.Equal(t, test.set == "", strings.Contains(logged.String(), "warning: SESSION_SECRET is not set"),
				"wanted: a warning for the key that everybody knows, and for no other")
		})
	}
	t.Run("a bad secret ends the program", func(t *testing.T) {
		t.Parallel()
		status, output := Run(t, append(env, "ADDR="+FreeAddr(), "GIN_MODE=release", "SESSION_SECRET=short"), args...)
		require.Equal(t, 1, status, output)
		require.Contains(t, output, "SESSION_SECRET")
	})
	t.Run("a taken port is explained", func(t *testing.T) {
		t.Parallel()
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer taken.Close()
		status, output := Run(t, append(env, "ADDR="+taken.Addr().String(), "SESSION_SECRET="+secret), args...)
		require.Equal(t, 1, status, output)
		require.Contains(t, output, "cannot serve: listen tcp "+taken.Addr().String())
		require.Contains(t, output, "ADDR=", "wanted: the way out")
	})
	if path == "" {
		return
	}
	t.Run("the program signs with its secret", func(t *testing.T) {
		t.Parallel()
		url := Start(t, append(env, "GIN_MODE=debug", "SESSION_SECRET="+secret), args...)
		first := NewBrowser(t, "Alice").Send(http.MethodGet, url+path)
		require.Len(t, first.Cookies, 1, first.Body)
		made, values, _ := split(t, first.Cookies[0].Value)
		require.Equal(t, sign(made, values, []byte(secret)), first.Cookies[0].Value, "wanted: a cookie that SESSION_SECRET has signed")
	})
}
