package main

import (
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What 03-redis-store/main_test.go and its neighbours prove of the session code,
// proved of this program's.

func TestACountOfAnotherTypeStartsAtZero(t *testing.T) {
	store, err := newStore(redisserver.Addr(t), time.Minute, sessiontest.Secret)
	require.NoError(t, err)
	router := newRouter(store)
	router.GET("/word", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("count", "three")
		assert.NoError(t, session.Save())
	})
	app, alice := sessiontest.Serve(t, router), sessiontest.NewBrowser(t, "Alice")
	alice.Get(app + "/word")

	got := alice.Send(http.MethodGet, app+"/incr")

	assert.JSONEq(t, `{"count":0}`, got.Body, "wanted: a value of another type counts as none\nlikely cause: the handler does not ask whether it is an int, and panics")
}

func TestTheLogNamesTheCauseOfEveryFailure(t *testing.T) {
	server, alice := redisserver.Run(t), sessiontest.NewBrowser(t, "Alice")
	app := program(server.Addr()).Serve(t)
	alice.Get(app + "/incr")
	server.SetError("MISCONF Redis cannot write to its disk")

	for visitor, paths := range map[*sessiontest.Browser][]string{
		alice:                                   {"GET /incr"}, // cannot be loaded
		sessiontest.NewBrowser(t, "a stranger"): {"GET /incr", "POST /logout"},
	} {
		for _, path := range paths {
			logged := whatIsLogged(func() {
				method, path, _ := strings.Cut(path, " ")
				assert.Equal(t, http.StatusServiceUnavailable, visitor.Send(method, app+path).Status)
			})
			assert.Contains(t, logged, "session store: MISCONF", "wanted: what Redis said, for %s", path)
			assert.NotContains(t, logged, "already written", "wanted: one answer for %s\nlikely cause: the handler goes on after the error", path)
		}
	}
}

func TestTheLogNamesARedisThatRefusesAtTheStart(t *testing.T) {
	t.Parallel()
	busy := redisserver.Run(t)
	busy.SetError("LOADING Redis is loading the dataset in memory")
	env := []string{"REDIS_ADDR=" + busy.Addr(), "GIN_MODE=debug", "SESSION_SECRET="}
	status, output := sessiontest.Run(t, env)
	assert.Equal(t, 1, status)
	assert.Contains(t, output, "no Redis at "+busy.Addr(), "wanted: which Redis\nlikely cause: the error alone does not say it")
	assert.Contains(t, output, "LOADING", "wanted: what it said")
}

// whatIsLogged returns what the program and Gin log meanwhile: in debug mode Gin
// tells of a second answer to one request. No other test may run.
func whatIsLogged(do func()) string {
	var logged strings.Builder
	before := log.Writer()
	gin.SetMode(gin.DebugMode)
	gin.DebugPrintFunc = log.Printf
	log.SetOutput(&logged)
	do()
	log.SetOutput(before)
	gin.DebugPrintFunc = nil
	gin.SetMode(gin.TestMode)
	return logged.String()
}
