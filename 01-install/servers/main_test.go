package main

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

// temporary returns a new folder, and the variables that make a program put its
// temporary files there.
func temporary(t *testing.T) (folder string, env []string) {
	t.Helper()
	folder = t.TempDir()
	return folder, []string{"TMPDIR=" + folder, "TMP=" + folder} // the second is for Windows
}

func assertEmpty(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	assert.Empty(t, left, "wanted: nothing left in the folder for temporary files")
}

// The chapters' tests run on the same servers: see the packages beside this one.
func TestTheCheckUpFindsTheServersUntilCtrlC(t *testing.T) {
	t.Parallel()
	folder, env := temporary(t)
	servers := sessiontest.Command(t, env, "-redis", "127.0.0.1:0", "-memcached", "127.0.0.1:0", "-mongo", "127.0.0.1:0")
	output, err := servers.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, servers.Start())
	lines := bufio.NewScanner(output)
	setting := map[string]string{}
	for range 3 {
		// redis 127.0.0.1:1234 chapter 03: REDIS_ADDR=127.0.0.1:1234 go run ./03-redis-store
		require.True(t, lines.Scan(), "wanted: a line for each server")
		words := strings.Fields(lines.Text())
		require.Greater(t, len(words), 5, lines.Text())
		setting[words[0]] = words[4]
	}
	require.True(t, lines.Scan())
	assert.Contains(t, lines.Text(), "they keep nothing")

	found := checkUp(t, setting["redis"], setting["memcached"], setting["mongo"])
	for _, server := range []string{"redis", "memcached", "mongo"} {
		assert.Regexp(t, `(?m)^`+server+` +ok +127\.0\.0\.1:\d+$`, found)
	}
	assert.NotContains(t, found, "With Docker", "wanted: no way to get a server, because none is missing")

	if runtime.GOOS == "windows" {
		_ = servers.Process.Kill() // no process can press another one's Ctrl-C there
		_ = servers.Wait()
		return
	}
	require.NoError(t, servers.Process.Signal(os.Interrupt))
	require.True(t, lines.Scan(), "wanted: an empty line, after the terminal's ^C")
	require.True(t, lines.Scan())
	assert.Contains(t, lines.Text(), "Stopped")
	assert.NoError(t, servers.Wait(), "wanted: status 0, because Ctrl-C is the normal end")
	assertEmpty(t, folder)
}

func TestAnAddressIsPrintedAsItWasGiven(t *testing.T) {
	assert.Equal(t, "localhost:6380", announced("localhost:6380", "127.0.0.1:6380"))
	for _, open := range []string{"localhost:0", ":6380"} {
		assert.Equal(t, "127.0.0.1:6380", announced(open, "127.0.0.1:6380"), "wanted: for %s, where the server listens", open)
	}
}

// checkUp returns what ../main.go prints, with these variables ("NAME=value"). It
// gives a server a second; on a busy machine that may need longer, it tries again.
func checkUp(t *testing.T, env ...string) (printed string) {
	t.Helper()
	program := sessiontest.Build(t, "..")
	for range 10 {
		command := exec.Command(program)
		command.Env = append(os.Environ(), env...)
		output, err := command.CombinedOutput()
		require.NoError(t, err)
		printed = string(output)
		if !strings.Contains(printed, "not running") {
			return printed
		}
	}
	return printed
}

func TestATakenPortIsNamedAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	addr := taken.Addr().String()
	for _, name := range []string{"redis", "memcached", "mongo"} {
		t.Run(name, func(t *testing.T) {
			folder, env := temporary(t)
			flags := map[string]string{"redis": "127.0.0.1:0", "memcached": "127.0.0.1:0", "mongo": "127.0.0.1:0"}
			flags[name] = addr

			status, output := sessiontest.Run(t, env, "-redis", flags["redis"], "-memcached", flags["memcached"], "-mongo", flags["mongo"])

			assert.Equal(t, 1, status)
			assert.Contains(t, output, "cannot start "+name+": listen tcp "+addr)
			assert.Contains(t, output, "-"+name+` ""`, "wanted: the way out")
			assert.NotContains(t, output, "chapter", "wanted: nothing announced, because nothing was started")
			assertEmpty(t, folder)
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
		status, output := sessiontest.Run(t, nil, args...)
		assert.Equal(t, 1, status)
		assert.Contains(t, output, want)
	}
}
