package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	gorilla "github.com/gorilla/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain runs the tests or, in a process started by runProgram, the program.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_PROGRAM") != "" {
		main()
		return
	}
	m.Run()
}

// runProgram runs the check-up in a process of its own, with env on top of the
// test's environment ("NAME=value"), and returns its exit status and all that
// it printed.
func runProgram(t *testing.T, env ...string) (status int, output string) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(patience, program)
	command.Env = append(append(os.Environ(), "RUN_PROGRAM=1"), env...)
	printed, err := command.CombinedOutput()
	require.NotNil(t, command.ProcessState, "the program did not start: %v", err)
	return command.ProcessState.ExitCode(), string(printed)
}

// runWithServer runs the check-up with a Redis that runs. It runs it again when it did
// not find it: a busy machine may need longer than the second that it waits.
func runWithServer(t *testing.T, env ...string) (output string) {
	t.Helper()
	for range 10 {
		_, output = runProgram(t, env...)
		if !strings.Contains(output, "redis      not running") {
			break
		}
	}
	return output
}

// Nobody listens on these ports: it takes root to.
const (
	noRedis     = "127.0.0.1:1"
	noMemcached = "127.0.0.1:2"
	noMongo     = "127.0.0.1:3"
)

func TestTheCheckUpNamesEachMissingServerItsCommandAndItsChapter(t *testing.T) {
	t.Parallel()
	status, output := runProgram(t, "REDIS_ADDR="+noRedis, "MEMCACHED_ADDR="+noMemcached, "MONGO_URI=mongodb://"+noMongo)

	assert.Equal(t, 0, status, "a missing server is no failure: chapters 02 and 04 need none")
	assert.Contains(t, output, "Go         ok           "+runtime.Version()+"\n")
	assert.Regexp(t, `(?m)^gin +ok +v1\.\d+\.\d+$`, output)
	assert.Regexp(t, `(?m)^sessions +ok +v1\.\d+\.\d+$`, output)
	assert.Contains(t, output, "session    ok           two visits with one cookie: 1, 2\n")
	assert.Contains(t, output, "redis      not running  "+noRedis+", for chapter 03\n")
	assert.Contains(t, output, "memcached  not running  "+noMemcached+", for chapter 05\n")
	assert.Contains(t, output, "mongo      not running  "+noMongo+", for chapter 05\n")
	assert.Contains(t, output, "go run ./01-install/servers")
}

func TestTheCheckUpFindsAServerThatRuns(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t).Addr()
	output := runWithServer(t, "REDIS_ADDR="+redis, "MEMCACHED_ADDR="+noMemcached, "MONGO_URI=mongodb://"+noMongo)
	assert.Contains(t, output, "redis      ok           "+redis+"\n")
}

func TestTheCheckUpTellsARefusalFromAMissingServer(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	redis.RequireAuth("burrow")
	output := runWithServer(t, "REDIS_ADDR="+redis.Addr(), "REDIS_PASSWORD=wrong",
		"MEMCACHED_ADDR=localhost", "MONGO_URI=localhost:27017")
	assert.Regexp(t, `(?m)^redis +not usable  .*WRONGPASS`, output)
	assert.Regexp(t, `(?m)^memcached +not usable  .*missing port`, output)
	assert.Regexp(t, `(?m)^mongo +not usable  .*scheme must be`, output)
}

func TestTheCheckUpDoesNotWaitForASilentServer(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connects, but nobody answers
	require.NoError(t, err)
	defer silent.Close()
	addr := silent.Addr().String()
	_, output := runProgram(t, "REDIS_ADDR="+addr, "MEMCACHED_ADDR="+addr, "MONGO_URI=mongodb://"+addr)
	assert.Len(t, regexp.MustCompile("(?m)^(redis|memcached|mongo) +not running").FindAllString(output, -1), 3, output)
}

func TestAVisitorIsCounted(t *testing.T) {
	t.Parallel()
	engine := newRouter(cookie.NewStore([]byte("signs the cookies of this test")))
	answer := httptest.NewRecorder()
	engine.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/visits", nil))

	assert.Equal(t, http.StatusOK, answer.Code)
	assert.Equal(t, "1", answer.Body.String())
	assert.Len(t, answer.Result().Cookies(), 1)
	assert.NoError(t, roundTrip(engine), "the second visit has to count 2")
}

// brokenStore cannot save a session.
type brokenStore struct{ sessions.Store }

func (brokenStore) Save(*http.Request, http.ResponseWriter, *gorilla.Session) error {
	return errors.New("save failed")
}

func (s brokenStore) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(s, name)
}

// forgetfulStore saves, but never finds a session again.
type forgetfulStore struct{ sessions.Store }

func (s forgetfulStore) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.NewSession(s, name), nil
}

func TestOnlyASessionThatDoesNotWorkFailsTheCheckUp(t *testing.T) {
	// Not parallel: checkUp reads the variables in this process.
	t.Setenv("REDIS_ADDR", noRedis)
	t.Setenv("MEMCACHED_ADDR", noMemcached)
	t.Setenv("MONGO_URI", "mongodb://"+noMongo)
	working := cookie.NewStore([]byte("signs the cookies of this test"))

	assert.True(t, checkUp(working))
	assert.False(t, checkUp(brokenStore{working}))
	assert.False(t, checkUp(forgetfulStore{working}))
}
