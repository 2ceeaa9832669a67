package main

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/alicebob/miniredis/v2"
	miniserver "github.com/alicebob/miniredis/v2/server"
	"github.com/gin-contrib/sessions/redis"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Question 12: "How do I use Sentinel, Cluster, TLS, or a pool of my own?"
//
// With NewStoreWithPool. All that differs is the pool's Dial. A cluster is what
// main.go does with several addresses: see cluster_test.go.
func TestAPoolOfYourOwnTakesAnyDial(t *testing.T) {
	t.Parallel()

	t.Run("TLS", func(t *testing.T) {
		certificate := httptest.NewUnstartedServer(http.NotFoundHandler())
		certificate.StartTLS() // for its certificate, which is made for example.com
		defer certificate.Close()
		trusted := certificate.Client().Transport.(*http.Transport).TLSClientConfig
		trusted.ServerName = "example.com"
		encrypted := miniredis.NewMiniRedis()
		require.NoError(t, encrypted.StartTLS(&tls.Config{Certificates: certificate.TLS.Certificates}))
		defer encrypted.Close()

		assertCounts(t, func() (redigo.Conn, error) {
			return redigo.Dial("tcp", encrypted.Addr(),
				redigo.DialUseTLS(true),
				redigo.DialTLSConfig(trusted)) // not needed with a public certificate
		})
		_, err := redis.NewStore(10, "tcp", encrypted.Addr(), "", "", sessiontest.Secret)
		assert.Error(t, err, "redis.NewStore has no switch for TLS")
	})

	t.Run("Sentinel", func(t *testing.T) {
		first, second, sentinel := redisserver.Run(t), redisserver.Run(t), redisserver.Run(t)
		master := first.Addr()
		require.NoError(t, sentinel.Server().Register("SENTINEL", func(c *miniserver.Peer, _ string, args []string) {
			host, port, _ := net.SplitHostPort(master)
			c.WriteStrings([]string{host, port})
		}))
		dial := func() (redigo.Conn, error) {
			return dialMaster([]string{"127.0.0.1:1", sentinel.Addr()}, "mymaster", time.Minute)
		}

		assertCounts(t, dial)
		assert.Len(t, first.Keys(), 1)
		master = second.Addr() // the sentinels have chosen another one
		assertCounts(t, dial)
		assert.Len(t, second.Keys(), 1, "a new connection has to go to the new master")
		_, err := dialMaster([]string{"127.0.0.1:1"}, "mymaster", time.Minute)
		assert.Error(t, err)
	})
}

// dialMaster asks the sentinels, one after the other, which Redis is the master
// of this name now, and connects to it. The timeout is for each attempt: one
// second in an app, more in a test on a busy machine.
func dialMaster(sentinels []string, name string, timeout time.Duration) (redigo.Conn, error) {
	timeouts := []redigo.DialOption{
		redigo.DialConnectTimeout(timeout),
		redigo.DialReadTimeout(timeout),
		redigo.DialWriteTimeout(timeout),
	}
	failed := errors.New("no sentinel knows the master " + name)
	for _, addr := range sentinels {
		sentinel, err := redigo.Dial("tcp", addr, timeouts...)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		master, err := redigo.Strings(sentinel.Do("SENTINEL", "get-master-addr-by-name", name))
		sentinel.Close()
		if err == nil {
			return redigo.Dial("tcp", net.JoinHostPort(master[0], master[1]), timeouts...)
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// assertCounts checks that a store with these connections keeps a session.
func assertCounts(t *testing.T, dial func() (redigo.Conn, error)) {
	t.Helper()
	store, err := redis.NewStoreWithPool(&redigo.Pool{MaxIdle: 10, Dial: dial}, sessiontest.Secret)
	require.NoError(t, err)
	app, alice := sessiontest.Serve(t, newRouter(store)), sessiontest.NewBrowser(t, "Alice")
	for visit := range 3 {
		assert.Equal(t, visit, sessiontest.Count(t, alice.Send(http.MethodGet, app+"/incr")))
	}
}
