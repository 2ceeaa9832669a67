package main

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/gomodule/redigo/redis"
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

// server is a Redis that the tests run on.
type server struct {
	addr string // host:port

	// How a session is read on the wire, its name in docker-compose.yml, and
	// the variable that says where it is: for lost_test.go.
	read, service, variable string
}

// servers returns an embedded Redis and, when REDIS_ADDR is set, the one there.
func servers(t testing.TB) map[string]server {
	t.Helper()
	embedded := server{miniredis.RunT(t).Addr(), "\r\nGET\r\n", "redis", "REDIS_ADDR"}
	all := map[string]server{"redis/embedded": embedded}
	if addr := os.Getenv("REDIS_ADDR"); addr != "" {
		real := embedded
		real.addr = addr
		all["redis/real"] = real
	}
	return all
}

// store connects to the server, as every start of an app does.
func (s server) store(t testing.TB, secret []byte) sessions.Store {
	t.Helper()
	store, err := newStore(s.addr, secret)
	require.NoError(t, err)
	return store
}

// through is the same server behind a proxy.
func (s server) through(p *proxy) server {
	s.addr = p.addr
	return s
}

// configure returns the environment and the arguments that make the program use
// a server at addr.
func (server) configure(addr string) (env, args []string) {
	return []string{"REDIS_ADDR=" + addr}, nil
}

// command asks the server itself, past the app.
func (s server) command(t *testing.T, name string, args ...any) any {
	t.Helper()
	conn, err := redis.Dial("tcp", s.addr,
		redis.DialUsername(os.Getenv("REDIS_USERNAME")), redis.DialPassword(os.Getenv("REDIS_PASSWORD")))
	require.NoError(t, err)
	defer conn.Close()
	reply, err := conn.Do(name, args...)
	require.NoError(t, err)
	return reply
}

// keyOf returns the key in Redis of the session with this cookie.
func keyOf(t *testing.T, store sessions.Store, cookie *http.Cookie) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "/", nil)
	require.NoError(t, err)
	request.AddCookie(cookie)
	session, err := store.Get(request, sessionName)
	require.NoError(t, err)
	require.NotEmpty(t, session.ID)
	return "session_" + session.ID
}

// visited returns an app on this server, a visitor who has been there once, and the
// key of the session in Redis.
func (s server) visited(t *testing.T) (app string, visitor *browser, key string) {
	t.Helper()
	store := s.store(t, testSecret)
	app, visitor = serve(t, store), newBrowser(t)
	visitor.get(app + "/incr")
	return app, visitor, keyOf(t, store, visitor.cookie(app))
}

func TestTheSessionIsInRedisForADay(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app, visitor, key := s.visited(t)

		assert.Len(t, strings.TrimPrefix(key, "session_"), 52, "32 random bytes in base32")
		assert.InDelta(t, int64(maxAge), s.command(t, "TTL", key), 3600, "the key has to expire after a day")
		assert.Contains(t, string(s.command(t, "GET", key).([]byte)), "count", "the values are there, in gob")
		assert.Contains(t, plainText(t, visitor.cookie(app).Value), strings.TrimPrefix(key, "session_"), "the cookie holds the ID")
	})
}

func TestLogoutDeletesTheKey(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app, visitor, key := s.visited(t)
		require.EqualValues(t, 1, s.command(t, "EXISTS", key))

		visitor.send(http.MethodPost, app+"/logout")

		assert.EqualValues(t, 0, s.command(t, "EXISTS", key), "Clear and Save alone would keep it, empty")
	})
}

func TestASessionThatCannotBeDecodedIsA503AndStays(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app, visitor, key := s.visited(t)
		s.command(t, "SETEX", key, maxAge, "no gob")

		got := visitor.send(http.MethodGet, app+"/incr")

		assert.Equal(t, http.StatusServiceUnavailable, got.status)
		assert.EqualValues(t, "no gob", s.command(t, "GET", key), "another release may be able to read it")
	})
}

func TestASessionUnusedForADayStartsAnew(t *testing.T) {
	t.Parallel()
	clock := miniredis.RunT(t) // only the embedded server can move its clock
	app := serve(t, server{addr: clock.Addr()}.store(t, testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/incr")

	clock.FastForward(23 * time.Hour)
	assert.JSONEq(t, count(1), visitor.get(app+"/incr"), "the session ended too early")
	clock.FastForward(23 * time.Hour)
	assert.JSONEq(t, count(2), visitor.get(app+"/incr"), "every Save should start a new day")
	clock.FastForward(25 * time.Hour)
	assert.JSONEq(t, count(0), visitor.get(app+"/incr"), "the key should have expired")
}

func TestARedisThatRefusesCommandsIsA503(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	app := serve(t, server{addr: redis.Addr()}.store(t, testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/incr")
	visitor.get(app + "/incr")

	for _, refusal := range []string{
		"LOADING Redis is loading the dataset in memory",
		"READONLY You can't write against a read only replica.",
		"NOAUTH Authentication required.",
	} {
		redis.SetError(refusal)
		got := visitor.send(http.MethodGet, app+"/incr")
		assert.Equal(t, http.StatusServiceUnavailable, got.status, refusal)
		assert.JSONEq(t, unavailable, got.body)
	}

	redis.SetError("")
	assert.JSONEq(t, count(2), visitor.get(app+"/incr"))
}

func TestARedisThatStopsAndStartsKeepsTheSession(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	app := serve(t, server{addr: redis.Addr()}.store(t, testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/incr")

	redis.Close()
	assert.Equal(t, http.StatusServiceUnavailable, visitor.send(http.MethodGet, app+"/incr").status)

	// Another process may have borrowed the port for a moment.
	require.Eventually(t, func() bool { return redis.Restart() == nil }, time.Minute, 10*time.Millisecond)
	assert.Equal(t, 1, firstCount(t, visitor, app))
}

// The limit of redis.NewStore: it sets no timeout for an answer. A pool of your
// own does (redis.DialReadTimeout).
func TestASilentRedisHangsTheRequest(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		network := newProxy(t, s.addr)
		app := serve(t, s.through(network).store(t, testSecret))
		visitor := newBrowser(t)
		visitor.get(app + "/incr")

		network.hang()
		answered := make(chan answer, 1)
		go func() { answered <- visitor.send(http.MethodGet, app+"/incr") }()
		select {
		case got := <-answered:
			t.Errorf("answered with %d: redis.NewStore has learned to time out, tell the README", got.status)
		case <-time.After(3 * time.Second):
			network.cut() // only the end of the connection ends the wait
			assert.Equal(t, http.StatusServiceUnavailable, (<-answered).status)
		}
	})
}

func TestUserNameAndPasswordAreUsed(t *testing.T) {
	redis := miniredis.RunT(t)
	redis.RequireUserAuth("gopher", "burrow")

	t.Setenv("REDIS_USERNAME", "gopher")
	t.Setenv("REDIS_PASSWORD", "wrong")
	_, err := newStore(redis.Addr(), testSecret)
	require.Error(t, err)

	t.Setenv("REDIS_PASSWORD", "burrow")
	_, err = newStore(redis.Addr(), testSecret)
	require.NoError(t, err)
}
