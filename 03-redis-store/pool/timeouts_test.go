package main

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

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

	start := time.Now()
	_, err := newStore("redis.test:6379", time.Millisecond, sessiontest.Secret)

	var gaveUp net.Error
	require.ErrorAs(t, err, &gaveUp)
	assert.True(t, gaveUp.Timeout(), "wanted: a time-out, and not %v", err)
	assert.Less(t, time.Since(start), 15*time.Second, "wanted: an error in time\nlikely cause: no DialConnectTimeout, and redigo waits for 30 s")
}

func TestARedisThatReadsNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	store := storeOn(t, stubborn(t))
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

// storeOn opens a store with the program's timeout. It tries some times, as the
// machine may be busy.
func storeOn(t *testing.T, addr string) (store sessions.Store) {
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
