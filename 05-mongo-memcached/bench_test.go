package main

import (
	"context"
	"encoding/base64"
	"encoding/gob"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/alicebob/miniredis/v2"
	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memcached"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-contrib/sessions/mongo/mongodriver"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	gorilla "github.com/gorilla/sessions"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// BenchmarkIncr measures a returning visitor's GET /incr on each store: the time,
// the memory, the round trips to the server, and the bytes that one session
// occupies. The servers are those at REDIS_ADDR, MEMCACHED_ADDR and MONGO_URI, or
// embedded ones. For comparison it runs gorilla/sessions, which is what
// gin-contrib/sessions is made of, and alexedwards/scs, which is another library.
//
//	go test -run '^$' -bench . ./05-mongo-memcached
func BenchmarkIncr(b *testing.B) {
	// Collect the garbage every 256 MB, whatever the benchmark before left behind:
	// else the later ones have a bigger heap, fewer collections and better times.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(256 << 20))

	redisAddr, memcachedAddr, mongoURI := os.Getenv("REDIS_ADDR"), os.Getenv("MEMCACHED_ADDR"), os.Getenv("MONGO_URI")
	if redisAddr == "" {
		redisAddr = miniredis.RunT(b).Addr()
	}
	if memcachedAddr == "" {
		memcachedAddr = miniMemcached(b)
	}
	if mongoURI == "" {
		mongoURI = ferretURI
	}
	mongoDB := mongoServer(b, mongoURI)

	inHeader := func(_ *testing.B, cookie string) int { return len(cookie) }
	inRedis := func(prefix string) func(*testing.B, string) int {
		return func(b *testing.B, cookie string) int {
			conn, err := redigo.Dial("tcp", redisAddr)
			require.NoError(b, err)
			defer conn.Close()
			key := prefix + idIn(b, cookie)
			length, err := redigo.Int(conn.Do("STRLEN", key))
			require.NoError(b, err)
			return len(key) + length
		}
	}
	for _, bench := range []struct {
		name string
		addr string // of the server; empty: none
		app  func(b *testing.B, addr string) http.Handler
		size func(b *testing.B, cookie string) int // of a session, in bytes; nil: measure the heap
	}{
		{"no-session", "", func(*testing.B, string) http.Handler { return withoutSession() }, inHeader},
		{"cookie", "", func(*testing.B, string) http.Handler { return ginContrib(cookie.NewStore(testSecret)) }, inHeader},
		{"memory", "", func(*testing.B, string) http.Handler { return ginContrib(memstore.NewStore(testSecret)) }, nil},
		{"Redis", redisAddr, func(b *testing.B, addr string) http.Handler {
			store, err := redis.NewStore(100, "tcp", addr, "", "", testSecret)
			require.NoError(b, err)
			return ginContrib(store)
		}, inRedis("session_")},
		{"Redis-pool", redisAddr, func(b *testing.B, addr string) http.Handler {
			return ginContrib(pooled(b, addr))
		}, inRedis("session_")},
		{"memcached", memcachedAddr, func(_ *testing.B, addr string) http.Handler {
			client := memcache.New(addr)
			client.MaxIdleConns = 100
			return ginContrib(memcached.NewStore(client, "session_", testSecret))
		}, func(b *testing.B, cookie string) int {
			item, err := memcache.New(memcachedAddr).Get("session_" + idIn(b, cookie))
			require.NoError(b, err)
			return len(item.Key) + len(item.Value)
		}},
		{"gorilla-cookie", "", func(*testing.B, string) http.Handler { return onGorilla(gorilla.NewCookieStore(testSecret)) }, inHeader},
		{"gorilla-Redis", redisAddr, func(b *testing.B, addr string) http.Handler {
			store, err := redis.GetRedisStore(pooled(b, addr))
			require.NoError(b, err)
			return onGorilla(store)
		}, inRedis("session_")},
		{"scs-memory", "", func(*testing.B, string) http.Handler { return onSCS(scs.New()) }, nil},
		{"scs-Redis", redisAddr, func(_ *testing.B, addr string) http.Handler {
			manager := scs.New()
			manager.Store = redisstore.New(pool(addr))
			return onSCS(manager)
		}, inRedis("scs:session:")},
		{"MongoDB", mongoDB.addr, func(b *testing.B, addr string) http.Handler {
			s := mongoDB
			s.uri = strings.Replace(s.uri, s.addr, addr, 1)
			return ginContrib(mongodriver.NewStore(s.sessions(b), maxAge, false, testSecret))
		}, func(b *testing.B, cookie string) int {
			document, err := mongoDB.sessions(b).FindOne(context.Background(), bson.M{"_id": idIn(b, cookie)}).Raw()
			require.NoError(b, err)
			return len(document)
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			app := bench.app(b, bench.addr)
			b.Run("sequential", func(b *testing.B) {
				trips := 0.0
				if bench.addr != "" {
					trips = tripsOf(b, bench.addr, bench.app)
				}
				visit, cookie := returning(b, app)
				size := 0
				if bench.size != nil {
					size = bench.size(b, cookie)
				} else {
					size = heapOf(b, app)
				}
				b.ReportAllocs()
				for b.Loop() {
					visit()
				}
				b.ReportMetric(trips, "trips/op")
				b.ReportMetric(float64(size), "B/session")
			})
			b.Run("parallel", func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(4) // visitors at a time for each core
				b.RunParallel(func(loop *testing.PB) {
					visit, _ := returning(b, app)
					for loop.Next() {
						visit()
					}
				})
			})
		})
	}
}

func withoutSession() http.Handler {
	r := gin.New()
	r.GET("/incr", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"count": 1}) })
	return r
}

func ginContrib(store sessions.Store) http.Handler {
	store.Options(cookieOptions())
	r := gin.New()
	r.Use(sessions.Sessions(sessionName, store))
	r.GET("/incr", incr)
	return r
}

// onGorilla does what incr does, with gorilla/sessions alone.
func onGorilla(store gorilla.Store) http.Handler {
	r := gin.New()
	r.GET("/incr", func(c *gin.Context) {
		session, err := store.Get(c.Request, sessionName)
		if err != nil {
			storeUnavailable(c, err)
			return
		}
		count := 0
		if last, ok := session.Values["count"].(int); ok {
			count = last + 1
		}
		session.Values["count"] = count
		if err := session.Save(c.Request, c.Writer); err != nil {
			storeUnavailable(c, err)
			return
		}
		c.JSON(http.StatusOK, gin.H{"count": count})
	})
	return r
}

// onSCS does what incr does, with alexedwards/scs, which saves by itself.
func onSCS(manager *scs.SessionManager) http.Handler {
	manager.Cookie.Name = sessionName
	r := gin.New()
	r.GET("/incr", func(c *gin.Context) {
		count := 0
		if manager.Exists(c.Request.Context(), "count") {
			count = manager.GetInt(c.Request.Context(), "count") + 1
		}
		manager.Put(c.Request.Context(), "count", count)
		c.JSON(http.StatusOK, gin.H{"count": count})
	})
	return manager.LoadAndSave(r)
}

// pool keeps enough connections, and does not ask before each use whether one
// still lives: see 03-redis-store/pool.
func pool(addr string) *redigo.Pool {
	return &redigo.Pool{MaxIdle: 100, Dial: func() (redigo.Conn, error) { return redigo.Dial("tcp", addr) }}
}

func pooled(b *testing.B, addr string) sessions.Store {
	b.Helper()
	store, err := redis.NewStoreWithPool(pool(addr), testSecret)
	require.NoError(b, err)
	return store
}

// returning returns the visits of one visitor who has been here before, and the
// cookie, empty for none.
func returning(b *testing.B, app http.Handler) (visit func(), cookie string) {
	request := httptest.NewRequest(http.MethodGet, "/incr", nil)
	visit = func() {
		recorder := httptest.NewRecorder()
		again := request.Clone(context.Background()) // gorilla and scs keep the session with the request
		app.ServeHTTP(recorder, again)
		if recorder.Code != http.StatusOK {
			b.Error(recorder.Body)
		}
		if cookies := recorder.Result().Cookies(); cookie == "" && len(cookies) > 0 {
			request.AddCookie(cookies[0])
			cookie = cookies[0].Value
		}
	}
	visit()
	return visit, cookie
}

// idIn returns the ID in a cookie. The cookie of scs is the ID, and no such base64.
func idIn(b *testing.B, cookie string) (id string) {
	b.Helper()
	if _, err := base64.URLEncoding.DecodeString(cookie); err != nil {
		return cookie
	}
	require.NoError(b, gob.NewDecoder(strings.NewReader(plainText(b, cookie))).Decode(&id))
	return id
}

// tripsOf counts how often an app waits for its server in one visit.
func tripsOf(b *testing.B, addr string, newApp func(*testing.B, string) http.Handler) float64 {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer listener.Close()
	var trips atomic.Int64
	go func() {
		for {
			app, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", addr)
			if err != nil {
				app.Close()
				continue
			}
			go forward(server, app, new(atomic.Int64))
			go forward(app, server, &trips)
		}
	}()
	visit, _ := returning(b, newApp(b, listener.Addr().String()))
	const visits = 200
	start := trips.Load()
	for range visits {
		visit()
	}
	return float64(trips.Load()-start) / visits
}

// forward counts the pieces that it passes on: here, a server's answers.
func forward(to io.WriteCloser, from io.ReadCloser, pieces *atomic.Int64) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64*1024)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		pieces.Add(1)
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// heapOf returns how much memory one session of an app occupies.
func heapOf(b *testing.B, app http.Handler) int {
	b.Helper()
	const visitors = 10_000
	used := func() int {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int(stats.HeapAlloc)
	}
	before := used()
	for range visitors {
		app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/incr", nil))
	}
	return (used() - before) / visitors
}
