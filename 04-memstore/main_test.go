package main

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain runs the tests or, in a process started by runProgram, the program.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_PROGRAM") != "" {
		main()
		return
	}
	gin.SetMode(gin.TestMode)      // whatever GIN_MODE says
	gin.DefaultWriter = io.Discard // a line for each request helps nobody here
	m.Run()
}

// server stands for the one place this chapter keeps sessions in: the memory of
// the app itself.
type server struct{}

func servers(testing.TB) map[string]server { return map[string]server{"memory": {}} }

// store returns a new, empty memory, as every start of an app does.
func (server) store(_ testing.TB, secret []byte) sessions.Store { return newStore(secret) }

func TestAnAppRestartLosesTheSession(t *testing.T) {
	t.Parallel()
	visitor := newBrowser(t)
	app := serve(t, newStore(testSecret))
	visitor.get(app + "/incr")
	visitor.get(app + "/incr")

	restarted := serve(t, newStore(testSecret))

	assert.JSONEq(t, count(0), visitor.get(restarted+"/incr"), "the map should have been gone with the old app")
}

func TestTwoAppsDoNotShareTheSession(t *testing.T) {
	t.Parallel()
	visitor := newBrowser(t)
	one, other := serve(t, newStore(testSecret)), serve(t, newStore(testSecret))

	assert.JSONEq(t, count(0), visitor.get(one+"/incr"))
	assert.JSONEq(t, count(0), visitor.get(other+"/incr"), "each app should count in its own memory")
	assert.JSONEq(t, count(1), visitor.get(one+"/incr"))
}

func TestASessionEndsAfterADayInTheServerToo(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/incr")
	fresh := visitor.cookie(app).Value

	visitor.setCookie(app, aged(t, fresh, 23*time.Hour))
	assert.JSONEq(t, count(1), visitor.get(app+"/incr"), "the session ended too early")

	visitor.setCookie(app, aged(t, fresh, 25*time.Hour))
	assert.JSONEq(t, count(0), visitor.get(app+"/incr"), "the signature lives on: was the store's MaxAge set?")
}

func TestAnExpiredSessionStaysInMemory(t *testing.T) {
	t.Parallel()
	store := newStore(testSecret)
	app := serve(t, store)
	lifetime := store.(interface{ MaxAge(seconds int) })
	lifetime.MaxAge(1)
	visitor := newBrowser(t)
	visitor.get(app + "/incr")
	cookie := visitor.cookie(app).Value
	require.Eventually(t, func() bool {
		visitor.setCookie(app, cookie)
		return visitor.get(app+"/incr") == count(0)
	}, time.Minute, 100*time.Millisecond, "the session does not expire")

	lifetime.MaxAge(60) // the same cookie is good again

	visitor.setCookie(app, cookie)
	assert.NotEqual(t, count(0), visitor.get(app+"/incr"), "memstore has learned to clean up: tell the README")
}
