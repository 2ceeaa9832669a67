package compare

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memcached"
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
//	go test -run '^$' -bench . ./05-mongo-memcached/compare
func BenchmarkIncr(b *testing.B) {
	// Collect the garbage every 256 MB, whatever the benchmark before left behind:
	// else the later ones have a bigger heap, fewer collections and better times.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(256 << 20))

	stores := contenders(b)
	inHeader := func(_ *testing.B, cookie string) int { return len(cookie) }
	inRedis := func(prefix string) func(*testing.B, string) int {
		return func(b *testing.B, cookie string) int {
			conn, err := redigo.Dial("tcp", stores["Redis"].addr)
			require.NoError(b, err)
			defer conn.Close()
			key := prefix + idIn(b, cookie)
			length, err := redigo.Int(conn.Do("STRLEN", key))
			require.NoError(b, err)
			return len(key) + length
		}
	}
	for _, bench := range []struct {
		name   string
		column string // of the server
		app    func(b *testing.B, c contender) http.Handler
		size   func(b *testing.B, cookie string) int // of a session, in bytes; nil: measure the heap
	}{
		{"no-session", "cookie", withoutSession, inHeader},
		{"cookie", "cookie", asDocumented, inHeader},
		{"memory", "memory", asDocumented, nil},
		{"Redis", "Redis", asDocumented, inRedis("session_")},
		{"Redis-pool", "Redis", func(b *testing.B, c contender) http.Handler {
			return onGinContrib(pooled(b, c.addr))
		}, inRedis("session_")},
		{"memcached", "memcached", func(_ *testing.B, c contender) http.Handler {
			client := memcache.New(c.addr)
			client.MaxIdleConns = 100
			return onGinContrib(memcached.NewStore(client, "session_", sessiontest.Secret))
		}, func(b *testing.B, cookie string) int {
			item, err := stores["memcached"].memcache().Get("session_" + idIn(b, cookie))
			require.NoError(b, err)
			return len(item.Key) + len(item.Value)
		}},
		{"gorilla-cookie", "cookie", func(*testing.B, contender) http.Handler {
			return onGorilla(gorilla.NewCookieStore(sessiontest.Secret))
		}, inHeader},
		{"gorilla-Redis", "Redis", func(b *testing.B, c contender) http.Handler {
			store, err := redis.GetRedisStore(pooled(b, c.addr))
			require.NoError(b, err)
			return onGorilla(store)
		}, inRedis("session_")},
		{"scs-memory", "memory", func(*testing.B, contender) http.Handler { return onSCS(scs.New()) }, nil},
		{"scs-Redis", "Redis", func(_ *testing.B, c contender) http.Handler {
			manager := scs.New()
			manager.Store = redisstore.New(pool(c.addr))
			return onSCS(manager)
		}, inRedis("scs:session:")},
		{"MongoDB", "MongoDB", asDocumented, func(b *testing.B, cookie string) int {
			document, err := stores["MongoDB"].sessions(b).FindOne(context.Background(), bson.M{"_id": idIn(b, cookie)}).Raw()
			require.NoError(b, err)
			return len(document)
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := stores[bench.column]
			app := bench.app(b, c)
			b.Run("sequential", func(b *testing.B) {
				trips := 0.0
				if c.addr != "" {
					trips = tripsOf(b, c, bench.app)
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

// counting is a handler that counts a visitor's requests, with a library that gets
// and keeps the count.
func counting(get func(*gin.Context) any, keep func(*gin.Context, int) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		count := 0
		if last, ok := get(c).(int); ok {
			count = last + 1
		}
		if err := keep(c, count); err != nil {
			c.JSON(http.StatusServiceUnavailable, gin.H{"error": err.Error()})
			return
		}
		c.JSON(http.StatusOK, gin.H{"count": count})
	}
}

func withoutSession(*testing.B, contender) http.Handler {
	r := gin.New()
	r.GET("/incr", counting(func(*gin.Context) any { return 0 }, func(*gin.Context, int) error { return nil }))
	return r
}

func asDocumented(b *testing.B, c contender) http.Handler {
	b.Helper()
	return onGinContrib(c.library(b))
}

func onGinContrib(store sessions.Store) http.Handler {
	store.Options(options(day))
	r := gin.New()
	r.Use(sessions.Sessions(sessiontest.CookieName, store))
	r.GET("/incr", counting(func(c *gin.Context) any {
		return sessions.Default(c).Get("count")
	}, func(c *gin.Context, count int) error {
		session := sessions.Default(c)
		session.Set("count", count)
		return session.Save()
	}))
	return r
}

// onGorilla is gorilla/sessions alone. A session that is loaded stays with its
// request, and so does the error.
func onGorilla(store gorilla.Store) http.Handler {
	r := gin.New()
	r.GET("/incr", counting(func(c *gin.Context) any {
		session, _ := store.Get(c.Request, sessiontest.CookieName)
		return session.Values["count"]
	}, func(c *gin.Context, count int) error {
		session, err := store.Get(c.Request, sessiontest.CookieName)
		if err != nil {
			return err
		}
		session.Values["count"] = count
		return session.Save(c.Request, c.Writer)
	}))
	return r
}

// onSCS is alexedwards/scs, which saves by itself.
func onSCS(manager *scs.SessionManager) http.Handler {
	manager.Cookie.Name = sessiontest.CookieName
	r := gin.New()
	r.GET("/incr", counting(func(c *gin.Context) any {
		if !manager.Exists(c.Request.Context(), "count") {
			return nil
		}
		return manager.GetInt(c.Request.Context(), "count")
	}, func(c *gin.Context, count int) error {
		manager.Put(c.Request.Context(), "count", count)
		return nil
	}))
	return manager.LoadAndSave(r)
}

// pool keeps enough connections, and does not ask before each use whether one
// still lives: see 03-redis-store/pool.
func pool(addr string) *redigo.Pool {
	return &redigo.Pool{MaxIdle: 100, Dial: func() (redigo.Conn, error) { return redigo.Dial("tcp", addr) }}
}

func pooled(b *testing.B, addr string) sessions.Store {
	b.Helper()
	store, err := redis.NewStoreWithPool(pool(addr), sessiontest.Secret)
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

// tripsOf counts how often an app waits for its server in one visit: it stands
// between the two, and counts the pieces in which the answers come.
func tripsOf(b *testing.B, c contender, newApp func(*testing.B, contender) http.Handler) float64 {
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
			server, err := net.Dial("tcp", c.addr)
			if err != nil {
				app.Close()
				continue
			}
			go io.Copy(server, app) // both as long as the app keeps its connections
			go io.Copy(counter{app, &trips}, server)
		}
	}()
	visit, _ := returning(b, newApp(b, c.at(listener.Addr().String())))
	const visits = 200
	start := trips.Load()
	for range visits {
		visit()
	}
	return float64(trips.Load()-start) / visits
}

// counter counts the pieces that are written to it.
type counter struct {
	io.Writer
	pieces *atomic.Int64
}

func (c counter) Write(piece []byte) (int, error) {
	c.pieces.Add(1)
	return c.Writer.Write(piece)
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
