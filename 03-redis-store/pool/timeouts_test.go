package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each step on the way to Redis ends after the timeout: to connect and to write
// here, to read in TestASilentRedisIsA503InTime.

// Not parallel: the resolver is the whole process's.
func TestAnAddressThatDoesNotAnswerIsGivenUp(t *testing.T) {
	// To connect is also to ask what the address of a name is. Nobody answers.
	done := make(chan bool)
	defer close(done)
	defer func(before *net.Resolver) { net.DefaultResolver = before }(net.DefaultResolver)
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		<-done
		return nil, errors.New("the test is over")
	}}

	for what, addrs := range map[string]string{"one Redis": "redis.test:6379", "a cluster": "redis.test:7000,redis.test:7001"} {
		start := time.Now()
		_, err := newStore(addrs, time.Millisecond, sessiontest.Secret)

		assert.ErrorContains(t, err, "i/o timeout", what)
		assert.Less(t, time.Since(start), 15*time.Second, "wanted: an error in time for %s\nlikely cause: no DialConnectTimeout, and redigo waits for 30 s", what)
	}
}

func TestARedisThatReadsNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	store := storeOn(t, stubborn(t), timeout)
	redisStore, err := redis.GetRedisStore(store)
	require.NoError(t, err)
	conn := redisStore.Pool.Get()
	defer conn.Close()

	written := make(chan error, 1)
	go func() {
		_, err := conn.Do("SET", "big", make([]byte, 64*1024*1024)) // more than a network holds
		written <- err
	}()
	select {
	case err := <-written:
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded, "wanted: the error of a write that took too long")
	case <-time.After(30 * time.Second):
		assert.Fail(t, "wanted: an error after the timeout\nlikely cause: no DialWriteTimeout, and the request hangs")
	}
}

func TestTheProgramGivesUpAfterItsTimeout(t *testing.T) {
	t.Parallel()
	network := sessiontest.NewProxy(t, redisserver.Addr(t))
	app := sessiontest.Start(t, []string{"REDIS_ADDR=" + network.Addr, "GIN_MODE=debug", "SESSION_SECRET="})

	network.Hang()
	start := time.Now()
	got := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, app+"/incr")

	assert.Equal(t, http.StatusServiceUnavailable, got.Status)
	assert.Less(t, time.Since(start), 15*time.Second, "wanted: an answer in time\nlikely cause: main opens the store with another timeout")
}

func TestAnAddressWithAPasswordIsRefusedWithoutSayingIt(t *testing.T) {
	t.Parallel()
	status, output := sessiontest.Run(t, []string{"REDIS_ADDR=gopher:burrow@127.0.0.1:1", "GIN_MODE=debug", "SESSION_SECRET="})
	assert.Equal(t, 1, status)
	assert.Contains(t, output, "the password goes into REDIS_PASSWORD")
	assert.NotContains(t, output, "burrow", "wanted: no password in the log")
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

// storeOn opens a store. It tries for a minute, as the machine may be busy.
func storeOn(t *testing.T, addr string, timeout time.Duration) (store sessions.Store) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		store, err = newStore(addr, timeout, sessiontest.Secret)
		return err == nil
	}, time.Minute, 10*time.Millisecond, "wanted: a store")
	return store
}

// stubborn starts a server that answers the first command of each connection, the
// store's PING, and reads nothing more. It returns its host:port.
func stubborn(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan bool)
	t.Cleanup(func() {
		close(done)
		listener.Close()
	})
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 1024))
				_, _ = conn.Write([]byte("+PONG\r\n"))
				<-done
			}()
		}
	}()
	return listener.Addr().String()
}
