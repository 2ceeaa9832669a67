package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/require"
)

const visitors = 100 // at once

// BenchmarkRequests compares two pages of this program with /incr of chapter 03's
// pool, five times in turns. Each program is a process of its own, and each visitor
// has an account of their own.
//
//	REDIS_ADDR=localhost:6379 go test -run '^$' -bench Requests ./03-redis-store/login
func BenchmarkRequests(b *testing.B) {
	env := []string{"REDIS_ADDR=" + redisserver.Addr(b), "GIN_MODE=release", "SESSION_SECRET=" + string(sessiontest.Secret)}
	pool := sessiontest.StartFile(b, sessiontest.Build(b, "../pool"), env)
	login := sessiontest.StartFile(b, sessiontest.Build(b, "."), env)
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: visitors},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	cookiesOf := func(method, page, form string) []*http.Cookie {
		request, err := http.NewRequest(method, page, strings.NewReader(form))
		require.NoError(b, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := client.Do(request)
		require.NoError(b, err)
		response.Body.Close()
		require.Len(b, response.Cookies(), 1)
		return response.Cookies()
	}
	var counting, loggedIn [visitors][]*http.Cookie
	for i := range visitors {
		_, name := newVisitor(b, fmt.Sprintf("visitor%d", i))
		counting[i] = cookiesOf(http.MethodGet, pool+"/incr", "")
		loggedIn[i] = cookiesOf(http.MethodPost, login+"/signup", url.Values{"name": {name}, "password": {goodPassword}}.Encode())
	}

	type page struct {
		name, url string
		cookies   [visitors][]*http.Cookie
	}
	for _, page := range slices.Repeat([]page{
		{"pool-incr", pool + "/incr", counting},
		{"login-home", login + "/", loggedIn},
		{"login-account", login + "/account", loggedIn},
	}, 5) {
		b.Run(page.name, func(b *testing.B) {
			var visitor, failed atomic.Int64
			b.SetParallelism(visitors / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				cookies := page.cookies[(visitor.Add(1)-1)%visitors]
				for pb.Next() {
					request, err := http.NewRequest(http.MethodGet, page.url, nil)
					if err != nil {
						b.Error(err)
						return
					}
					for _, cookie := range cookies {
						request.AddCookie(cookie)
					}
					response, err := client.Do(request)
					if err != nil || response.StatusCode != http.StatusOK {
						failed.Add(1)
						continue
					}
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
			})
			require.Zero(b, failed.Load())
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
