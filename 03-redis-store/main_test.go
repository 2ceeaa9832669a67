package main

import (
	"net/http"
	"os"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

// open connects to the Redis at addr, as every start of the program does.
func open(t *testing.T, addr string) sessions.Store {
	t.Helper()
	store, err := newStore(addr, sessiontest.Secret)
	require.NoError(t, err)
	return store
}

// visited runs the program on the Redis at addr, and returns its URL, a visitor
// who has been there once, and the key of the session in Redis.
func visited(t *testing.T, addr string) (app string, alice *sessiontest.Browser, key string) {
	t.Helper()
	store := open(t, addr)
	app, alice = sessiontest.Serve(t, newRouter(store)), sessiontest.NewBrowser(t, "Alice")
	assert.JSONEq(t, `{"count":0}`, alice.Get(app+"/incr"))
	return app, alice, keyOf(t, store, alice.CookieValue(app))
}

// keyOf returns the key in Redis of the session with this cookie.
func keyOf(t *testing.T, store sessions.Store, cookie string) string {
	t.Helper()
	id := sessiontest.ID(t, store, cookie)
	require.NotEmpty(t, id, "wanted: a cookie that leads to a session")
	return "session_" + id
}

// do asks the Redis at addr itself, past the program.
func do(t *testing.T, addr, command string, args ...any) any {
	t.Helper()
	conn, err := redis.Dial("tcp", addr,
		redis.DialUsername(os.Getenv("REDIS_USERNAME")), redis.DialPassword(os.Getenv("REDIS_PASSWORD")))
	require.NoError(t, err)
	defer conn.Close()
	reply, err := conn.Do(command, args...)
	require.NoError(t, err)
	return reply
}

func TestTheSessionIsInRedisForADay(t *testing.T) {
	addr := redisserver.Addr(t)
	_, _, key := visited(t, addr)

	assert.Len(t, key, len("session_")+52, "wanted: 32 random bytes in base32")
	assert.InDelta(t, int64(maxAge), do(t, addr, "TTL", key), 3600, "wanted: a key that expires after a day")
	assert.Contains(t, string(do(t, addr, "GET", key).([]byte)), "count", "wanted: the values, in gob")
}

func TestLogoutDeletesTheKey(t *testing.T) {
	addr := redisserver.Addr(t)
	app, alice, key := visited(t, addr)
	require.EqualValues(t, 1, do(t, addr, "EXISTS", key))

	alice.Send(http.MethodPost, app+"/logout")

	assert.EqualValues(t, 0, do(t, addr, "EXISTS", key), "wanted: no key\nlikely cause: Clear and Save alone keep it, empty")
}

func TestASessionUnusedForADayStartsAnew(t *testing.T) {
	server := redisserver.Run(t) // a real one's clock cannot be moved
	app, alice, _ := visited(t, server.Addr())

	server.FastForward(23 * time.Hour)
	assert.JSONEq(t, `{"count":1}`, alice.Get(app+"/incr"), "wanted: a session of a day")
	server.FastForward(23 * time.Hour)
	assert.JSONEq(t, `{"count":2}`, alice.Get(app+"/incr"), "wanted: a new day with every Save")
	server.FastForward(25 * time.Hour)
	assert.JSONEq(t, `{"count":0}`, alice.Get(app+"/incr"), "wanted: a new session, because the key has expired")
}

func TestASessionThatCannotBeDecodedIsA503AndStays(t *testing.T) {
	addr := redisserver.Addr(t)
	app, alice, key := visited(t, addr)
	do(t, addr, "SETEX", key, maxAge, "no gob")

	assert.Equal(t, http.StatusServiceUnavailable, alice.Send(http.MethodGet, app+"/incr").Status)

	assert.EqualValues(t, "no gob", do(t, addr, "GET", key), "wanted: nothing overwritten, because another release may be able to read it")
}

// The tests that every program of the tutorial has to pass: see
// ../01-install/sessiontest.

func TestContract(t *testing.T) {
	addr := redisserver.Addr(t)
	sessiontest.TestContract(t, sessiontest.Counter(newRouter, newStore, addr))
}

func TestOutages(t *testing.T) {
	t.Parallel()
	addr := redisserver.Addr(t)
	sessiontest.TestOutages(t, sessiontest.Counter(newRouter, newStore, addr), sessiontest.Redis(newStore))
}

func TestProgram(t *testing.T) {
	sessiontest.TestProgram(t, sessionSecret, "/incr", []string{"REDIS_ADDR=" + redisserver.Addr(t)})
}

func FuzzNoOtherCookieIsTrusted(f *testing.F) {
	sessiontest.FuzzCookie(f, sessiontest.Counter(newRouter, newStore, redisserver.Addr(f)))
}
