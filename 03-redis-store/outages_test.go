package main

import (
	"net"
	"net/http"
	"os/exec"
	"sync"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What only Redis does when it is in trouble.

func TestARedisThatRefusesCommandsIsA503(t *testing.T) {
	t.Parallel()
	server := redisserver.Run(t)
	app, alice, _ := visited(t, server.Addr())

	for _, refusal := range []string{
		"LOADING Redis is loading the dataset in memory",
		"READONLY You can't write against a read only replica.",
		"NOAUTH Authentication required.",
		"OOM command not allowed when used memory > 'maxmemory'.", // full, with noeviction
	} {
		server.SetError(refusal)
		got := alice.Send(http.MethodGet, app+"/incr")
		assert.Equal(t, http.StatusServiceUnavailable, got.Status, refusal)
		assert.JSONEq(t, `{"error":"session store unavailable"}`, got.Body)
	}

	server.SetError("")
	assert.JSONEq(t, `{"count":1}`, alice.Get(app+"/incr"))
}

func TestARedisThatStopsAndStartsKeepsTheSession(t *testing.T) {
	t.Parallel()
	server := redisserver.Run(t)
	app, alice, _ := visited(t, server.Addr())

	server.Close()
	assert.Equal(t, http.StatusServiceUnavailable, alice.Send(http.MethodGet, app+"/incr").Status)

	// Another process may have borrowed the port for a moment.
	require.Eventually(t, func() bool { return server.Restart() == nil }, time.Minute, 10*time.Millisecond)
	assert.Equal(t, 1, sessiontest.CountOnceBack(t, alice, app))
}

// The limit of redis.NewStore: it sets no timeout for an answer. A pool of your
// own does (redis.DialReadTimeout).
func TestASilentRedisHangsTheRequest(t *testing.T) {
	t.Parallel()
	addr := redisserver.Addr(t)
	network := sessiontest.NewProxy(t, addr)
	app, alice, _ := visited(t, network.Addr)

	network.Hang()
	answered := make(chan sessiontest.Answer, 1)
	go func() { answered <- alice.Send(http.MethodGet, app+"/incr") }()
	select {
	case got := <-answered:
		t.Errorf("answered with %d: redis.NewStore has learned to time out, tell the README", got.Status)
	case <-time.After(time.Second):
		network.Cut() // only the end of the connection ends the wait
		assert.Equal(t, http.StatusServiceUnavailable, (<-answered).Status)
	}
}

func TestARedisThatRefusesAtTheStartIsNamed(t *testing.T) {
	t.Parallel()
	server := redisserver.Run(t)
	server.SetError("LOADING Redis is loading the dataset in memory")

	status, output := sessiontest.Run(t, []string{"REDIS_ADDR=" + server.Addr(), "GIN_MODE=debug", "SESSION_SECRET="})

	assert.Equal(t, 1, status)
	assert.Contains(t, output, "no Redis at "+server.Addr()+": LOADING", "wanted: where, and why")
}

func TestAPasswordInTheAddressIsNotPrinted(t *testing.T) {
	t.Parallel()
	status, output := sessiontest.Run(t, []string{"REDIS_ADDR=redis://:burrow@127.0.0.1:1", "GIN_MODE=debug", "SESSION_SECRET="})
	assert.Equal(t, 1, status)
	assert.Contains(t, output, "REDIS_PASSWORD", "wanted: the way out")
	assert.NotContains(t, output, "burrow", "wanted: no password in the log")
}

func TestUserNameAndPasswordAreUsed(t *testing.T) {
	server := redisserver.Run(t)
	server.RequireUserAuth("gopher", "burrow")

	t.Setenv("REDIS_USERNAME", "gopher")
	t.Setenv("REDIS_PASSWORD", "wrong")
	_, err := newStore(server.Addr(), sessiontest.Secret)
	require.Error(t, err)

	t.Setenv("REDIS_PASSWORD", "burrow")
	_, err = newStore(server.Addr(), sessiontest.Secret)
	require.NoError(t, err)
}

// docker-compose.yml turns the append-only file on: this is why.
func TestARedisWithSnapshotsOnlyBringsALoggedOutSessionBackAfterACrash(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("a crash needs a real server: install redis-server to run this test")
	}
	dir, addr := t.TempDir(), sessiontest.FreeAddr()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	start := func() (crash func()) {
		server := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "3600 1", "--appendonly", "no")
		require.NoError(t, server.Start())
		crash = sync.OnceFunc(func() {
			_ = server.Process.Kill()
			_ = server.Wait()
		})
		t.Cleanup(crash)
		require.Eventually(t, func() bool {
			_, err := newStore(addr, sessiontest.Secret)
			return err == nil
		}, time.Minute, 10*time.Millisecond, "redis-server does not start")
		return crash
	}
	crash := start()
	app, alice, _ := visited(t, addr)
	thief := sessiontest.NewBrowser(t, "the thief")
	thief.SetCookie(app, alice.CookieValue(app))
	do(t, addr, "SAVE") // as Redis does by itself from time to time

	alice.Send(http.MethodPost, app+"/logout")
	crash()
	start()

	assert.Equal(t, 1, sessiontest.CountOnceBack(t, thief, app), "wanted: the session of the last snapshot is there again, and the copied cookie with it")
}
