package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/alicebob/miniredis/v2"
	miniserver "github.com/alicebob/miniredis/v2/server"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	redigo "github.com/gomodule/redigo/redis"
	goredis "github.com/redis/go-redis/v9"
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
		encrypted := miniredis.NewMiniRedis()
		require.NoError(t, encrypted.StartTLS(&tls.Config{Certificates: certificate.TLS.Certificates}))
		defer encrypted.Close()
		addr, roots := encrypted.Addr(), x509.NewCertPool()
		roots.AddCert(certificate.Certificate())

		store, err := newTLSStore(addr, &tls.Config{RootCAs: roots, ServerName: "example.com"}, sessiontest.Secret)
		require.NoError(t, err)
		assertCounts(t, store)
		_, err = newTLSStore(addr, nil, sessiontest.Secret)
		assert.ErrorContains(t, err, "certificate", "nil trusts what the system trusts")
		_, err = redis.NewStore(10, "tcp", addr, "", "", sessiontest.Secret)
		assert.Error(t, err, "redis.NewStore has no switch for TLS")
	})

	t.Run("Sentinel", func(t *testing.T) {
		first, second, sentinel := redisserver.Run(t), redisserver.Run(t), redisserver.Run(t)
		master := first.Addr()
		require.NoError(t, sentinel.Server().Register("SENTINEL", func(c *miniserver.Peer, _ string, args []string) {
			host, port, _ := net.SplitHostPort(master)
			c.WriteStrings([]string{host, port})
		}))
		sentinels := []string{"127.0.0.1:1", sentinel.Addr()} // the first one is down

		for _, db := range []*miniredis.Miniredis{first, second} {
			master = db.Addr() // the sentinels have chosen it
			store, err := newSentinelStore(sentinels, "mymaster", time.Minute, sessiontest.Secret)
			require.NoError(t, err)
			assertCounts(t, store)
			assert.Len(t, db.Keys(), 1, "a new connection has to go to the master of now")
		}
		_, err := dialMaster([]string{"127.0.0.1:1"}, "mymaster", time.Minute)
		assert.Error(t, err)
	})
}

// newTLSStore speaks TLS. With trusted nil it accepts what your system accepts: a
// public certificate.
func newTLSStore(addr string, trusted *tls.Config, secret []byte) (sessions.Store, error) {
	return redis.NewStoreWithPool(&redigo.Pool{MaxIdle: 10, Dial: func() (redigo.Conn, error) {
		return redigo.Dial("tcp", addr, redigo.DialUseTLS(true), redigo.DialTLSConfig(trusted))
	}}, secret)
}

// newSentinelStore asks the sentinels before each new connection.
func newSentinelStore(sentinels []string, name string, timeout time.Duration, secret []byte) (sessions.Store, error) {
	return redis.NewStoreWithPool(&redigo.Pool{MaxIdle: 10, Dial: func() (redigo.Conn, error) {
		return dialMaster(sentinels, name, timeout)
	}}, secret)
}

// dialMaster asks the sentinels, one after the other, which Redis is the master
// of this name now, and connects to it. The timeout is for each attempt.
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

// assertCounts checks that a store keeps a session, and returns the URL of its app.
func assertCounts(t *testing.T, store sessions.Store) (app string) {
	t.Helper()
	app, alice := sessiontest.Serve(t, newRouter(store)), sessiontest.NewBrowser(t, "Alice")
	for visit := range 3 {
		assert.Equal(t, visit, sessiontest.Count(t, alice.Send(http.MethodGet, app+"/incr")))
	}
	return app
}

// newGoRedisStore sends all commands through a client of go-redis.
func newGoRedisStore(client goredis.UniversalClient, secret []byte) (sessions.Store, error) {
	return redis.NewStoreWithPool(&redigo.Pool{Dial: func() (redigo.Conn, error) {
		return goRedis{client: client}, nil
	}}, secret)
}

// goRedis is what the store needs of a redigo.Conn. The client has its own pool.
type goRedis struct {
	redigo.Conn // nil: the store calls only what stands below
	client      goredis.UniversalClient
}

func (g goRedis) Do(command string, args ...any) (any, error) {
	if command == "" {
		return nil, nil // redigo's pool takes the connection back
	}
	reply, err := g.client.Do(context.Background(), append([]any{command}, args...)...).Result()
	if errors.Is(err, goredis.Nil) {
		return nil, nil // no such key
	}
	return reply, err
}

func (goRedis) Err() error   { return nil }
func (goRedis) Close() error { return nil }

// Question 43: "My app uses go-redis. Do I need redigo for the sessions?"
func TestGoRedisCanCarryTheSessions(t *testing.T) {
	t.Parallel()
	on := func(t *testing.T, addrs ...string) (goredis.UniversalClient, sessions.Store) {
		client := goredis.NewUniversalClient(&goredis.UniversalOptions{Addrs: addrs})
		t.Cleanup(func() { client.Close() })
		store, err := newGoRedisStore(client, sessiontest.Secret)
		require.NoError(t, err)
		return client, store
	}

	t.Run("one Redis", func(t *testing.T) {
		db := redisserver.Run(t)
		client, store := on(t, db.Addr())
		app := assertCounts(t, store)
		assert.Len(t, client.Keys(t.Context(), "session_*").Val(), 1, "the client sees the sessions as well")
		redisStore, err := redis.GetRedisStore(store)
		require.NoError(t, err)
		assert.NoError(t, redisStore.Pool.Get().Close(), "redigo's pool takes a connection back with an empty command")
		alice := sessiontest.NewBrowser(t, "Alice")
		alice.Get(app + "/incr")

		db.SetError("OOM command not allowed when used memory > 'maxmemory'.")
		assert.Equal(t, http.StatusServiceUnavailable, alice.Send(http.MethodGet, app+"/incr").Status)
		db.SetError("")
		assert.JSONEq(t, `{"count":1}`, alice.Get(app+"/incr"), "nothing was overwritten")
		db.FlushAll()
		assert.JSONEq(t, `{"count":0}`, alice.Get(app+"/incr"), "a key that is not there is no error")
	})

	t.Run("a cluster", func(t *testing.T) {
		var addrs []string
		for _, n := range startCluster(t) {
			addrs = append(addrs, n.addr)
		}
		_, store := on(t, addrs...)
		for range 10 { // their IDs decide on which node each session is
			assertCounts(t, store)
		}
	})
}

// Question 39: "Which Redis database?"
func TestAClusterHasDatabaseZeroOnly(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("only a real server knows: install redis-server to run this test")
	}
	member := startNode(t)

	_, err := redis.NewStoreWithDB(10, "tcp", member.addr, "", "", "2", sessiontest.Secret)

	assert.ErrorContains(t, err, "SELECT is not allowed in cluster mode")
}
