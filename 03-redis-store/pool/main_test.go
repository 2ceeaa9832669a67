package main

import (
	"net/http"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

// program is this program on the Redis at addr. Its store waits for a minute: in a
// test on a busy machine Redis may need longer than the program's timeout.
func program(addr string) sessiontest.App {
	patient := func(addr string, secret []byte) (sessions.Store, error) { return newStore(addr, time.Minute, secret) }
	return sessiontest.Counter(newRouter, patient, addr)
}

// impatient is the same Redis with the program's own timeout.
var impatient = sessiontest.Redis(func(addr string, secret []byte) (sessions.Store, error) {
	return newStore(addr, timeout, secret)
})

func TestTheSessionSurvivesAnAppRestartUntilTheLogout(t *testing.T) {
	addr := redisserver.Addr(t)
	alice, thief := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "the thief")
	assert.JSONEq(t, `{"count":0}`, alice.Get(program(addr).Serve(t)+"/incr"))

	restarted := program(addr).Serve(t)
	assert.JSONEq(t, `{"count":1}`, alice.Get(restarted+"/incr"), "wanted: the session in Redis, for every start of the program")
	thief.SetCookie(restarted, alice.CookieValue(restarted))

	out := alice.Send(http.MethodPost, restarted+"/logout")
	require.Len(t, out.Cookies, 1)
	assert.Equal(t, "/", out.Cookies[0].Path, "wanted: the path of the cookie that ends")
	assert.JSONEq(t, `{"count":0}`, thief.Get(restarted+"/incr"), "wanted: nothing for a copied cookie\nlikely cause: the session is still in Redis")
}

func TestASilentRedisIsA503InTime(t *testing.T) {
	t.Parallel()
	// The promise is about 2 s. It is kept by what is set, which a busy machine does
	// not change: a request makes two attempts at most before it gives up.
	assert.LessOrEqual(t, 2*timeout, 2*time.Second, "wanted: an answer after 2 s")

	sessiontest.TestSilence(t, program(redisserver.Addr(t)), impatient) // redis.NewStore hangs here
}

func TestARequestAsksRedisTwice(t *testing.T) {
	server := redisserver.Run(t)
	ours, err := newStore(server.Addr(), time.Minute, sessiontest.Secret)
	require.NoError(t, err)
	standard, err := redis.NewStore(10, "tcp", server.Addr(), "", "", sessiontest.Secret)
	require.NoError(t, err)

	for store, want := range map[sessions.Store]int{
		ours:     2, // GET, SETEX
		standard: 4, // PING, GET, PING, SETEX
	} {
		app, alice := sessiontest.Serve(t, newRouter(store)), sessiontest.NewBrowser(t, "Alice")
		alice.Get(app + "/incr")
		before := server.CommandCount()
		alice.Get(app + "/incr")
		assert.Equal(t, want, server.CommandCount()-before, "wanted: so many commands for an /incr\nlikely cause: a PING before each command, as redis.NewStore sends it")
	}
}

func TestUserNameAndPasswordAreSent(t *testing.T) {
	t.Setenv("REDIS_USERNAME", "gopher")
	t.Setenv("REDIS_PASSWORD", "burrow")
	server, alice := redisserver.Run(t), sessiontest.NewBrowser(t, "Alice")
	server.RequireUserAuth("gopher", "burrow")
	assert.JSONEq(t, `{"count":0}`, alice.Get(program(server.Addr()).Serve(t)+"/incr"))

	t.Setenv("REDIS_PASSWORD", "wrong")
	_, err := newStore(server.Addr(), time.Minute, sessiontest.Secret)
	assert.ErrorContains(t, err, "WRONGPASS", "wanted: what Redis says of a wrong password")
}

// The tests that every program of the tutorial has to pass: see
// ../../01-install/sessiontest.

func TestContract(t *testing.T) { sessiontest.TestContract(t, program(redisserver.Addr(t))) }

func TestOutages(t *testing.T) {
	t.Parallel()
	sessiontest.TestOutages(t, program(redisserver.Addr(t)), impatient)
}

func TestProgram(t *testing.T) {
	sessiontest.TestProgram(t, sessionSecret, "/incr", []string{"REDIS_ADDR=" + redisserver.Addr(t)})
}

func FuzzNoOtherCookieIsTrusted(f *testing.F) {
	sessiontest.FuzzCookie(f, program(redisserver.Addr(f)))
}
