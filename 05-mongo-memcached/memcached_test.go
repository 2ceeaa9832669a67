package main

import (
	"net"
	"net/http"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What only memcached does.

func TestSeveralMemcachedServersShareTheVisitors(t *testing.T) {
	t.Parallel()
	here, there := memcachedserver.Run(t), memcachedserver.Run(t)
	network := sessiontest.NewProxy(t, there)
	store := onMemcached(here + "," + network.Addr).open(t)
	app := sessiontest.Serve(t, newRouter(store))
	var onHere, onThere []*sessiontest.Browser
	for range 40 {
		visitor := sessiontest.NewBrowser(t, "one of forty")
		visitor.Get(app + "/incr")
		data, err := onMemcached(here).read(sessiontest.ID(t, store, visitor.CookieValue(app)))
		require.NoError(t, err)
		if data != "" {
			onHere = append(onHere, visitor)
		} else {
			onThere = append(onThere, visitor)
		}
	}
	require.NotEmpty(t, onHere)
	require.NotEmpty(t, onThere)

	network.Cut()
	for _, visitor := range onHere {
		assert.JSONEq(t, `{"count":1}`, visitor.Get(app+"/incr"), "wanted: nothing happens to a visitor of the server that works")
	}
	for _, visitor := range onThere {
		assert.Equal(t, http.StatusServiceUnavailable, visitor.Send(http.MethodGet, app+"/incr").Status)
	}

	network.Restore()
	for _, visitor := range onThere {
		assert.Equal(t, 1, sessiontest.CountOnceBack(t, visitor, app), "wanted: nobody was moved to the other server")
	}
}

func TestASlowMemcachedIsWaitedFor(t *testing.T) {
	t.Parallel()
	slow, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer slow.Close()
	go func() {
		conn, err := slow.Accept()
		if err != nil {
			return
		}
		time.Sleep(2 * memcache.DefaultTimeout) // this is what is tested
		_, _ = conn.Write([]byte("VERSION 1.6\r\n"))
	}()

	_, err = newMemcachedStore(slow.Addr().String(), patience, sessiontest.Secret)

	assert.NoError(t, err, "wanted: an answer is waited for as long as the caller says\nlikely cause: client.Timeout was not set, and is 500 ms")
}
