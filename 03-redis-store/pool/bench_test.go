package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

// BenchmarkIncr measures a returning visitor's GET /incr, on redis.NewStore and on
// the pool of this program, at REDIS_ADDR or on an embedded Redis:
//
//	go test -run '^$' -bench Incr ./03-redis-store/pool
func BenchmarkIncr(b *testing.B) {
	addr := os.Getenv("REDIS_ADDR")
	if addr == "" {
		addr = miniredis.RunT(b).Addr()
	}
	standard, err := redis.NewStore(10, "tcp", addr, os.Getenv("REDIS_USERNAME"), os.Getenv("REDIS_PASSWORD"), testSecret)
	require.NoError(b, err)
	pool, err := newStore(addr, time.Minute, testSecret)
	require.NoError(b, err)
	for _, bench := range []struct {
		name  string
		store sessions.Store
	}{{"NewStore", standard}, {"pool", pool}} {
		engine := newRouter(bench.store)
		b.Run(bench.name+"/sequential", func(b *testing.B) {
			visit := returning(b, engine)
			for b.Loop() {
				visit()
			}
		})
		b.Run(bench.name+"/parallel", func(b *testing.B) {
			b.SetParallelism(4) // visitors at a time for each core
			b.RunParallel(func(loop *testing.PB) {
				visit := returning(b, engine)
				for loop.Next() {
					visit()
				}
			})
		})
	}
}

// returning returns the visits of one visitor who has been here before.
func returning(b *testing.B, engine *gin.Engine) (visit func()) {
	var cookies []*http.Cookie
	visit = func() {
		request := httptest.NewRequest(http.MethodGet, "/incr", nil)
		for _, cookie := range cookies {
			request.AddCookie(cookie)
		}
		recorder := httptest.NewRecorder()
		engine.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK {
			b.Error(recorder.Body)
		}
		if cookies == nil {
			cookies = recorder.Result().Cookies()
		}
	}
	visit()
	return visit
}
