package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What /incr and /logout promise, whichever store is behind them: this file is
// the same in chapters 03, 04 and 05. Each of them says in main_test.go which
// servers the tests run on.

var testSecret = []byte("this secret signs the tests' cookies")

// onEachServer runs a test on every server of this chapter.
func onEachServer(t *testing.T, test func(t *testing.T, s server)) {
	t.Helper()
	for name, s := range servers(t) {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// count is the body of the answer to a visitor's nth visit, from 0.
func count(n int) string { return fmt.Sprintf(`{"count":%d}`, n) }

func TestTheFirstVisitSetsOneCookieWithEveryAttribute(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app := serve(t, s.store(t, testSecret))

		first := newBrowser(t).send(http.MethodGet, app+"/incr")

		require.Equal(t, http.StatusOK, first.status)
		assert.JSONEq(t, count(0), first.body)
		require.Len(t, first.cookies, 1, "want exactly one Set-Cookie")
		cookie := first.cookies[0]
		assert.Equal(t, "mysession", cookie.Name)
		assert.Equal(t, "/", cookie.Path, "without Path / other routes see no session")
		assert.Equal(t, 24*60*60, cookie.MaxAge)
		assert.WithinDuration(t, time.Now().Add(24*time.Hour), cookie.Expires, time.Hour)
		assert.True(t, cookie.HttpOnly, "a script could steal the cookie")
		assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		assert.False(t, cookie.Secure, "no browser would send it over plain http")
		assert.Empty(t, cookie.Domain)
	})
}

func TestEveryVisitCountsOneMore(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app := serve(t, s.store(t, testSecret))
		visitor := newBrowser(t)
		for visit := range 3 {
			assert.JSONEq(t, count(visit), visitor.get(app+"/incr"), "the count of the visit before did not come back")
		}
	})
}

func TestTheCookieHoldsNoValues(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app := serve(t, s.store(t, testSecret))
		visitor := newBrowser(t)
		visitor.get(app + "/incr")

		assert.NotContains(t, plainText(t, visitor.cookie(app).Value), "count", "the cookie is for the ID only")
	})
}

func TestTwoVisitorsDoNotShareASession(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app := serve(t, s.store(t, testSecret))
		one, other := newBrowser(t), newBrowser(t)

		assert.JSONEq(t, count(0), one.get(app+"/incr"))
		assert.JSONEq(t, count(0), other.get(app+"/incr"), "the second visitor got the first one's session")
		assert.JSONEq(t, count(1), one.get(app+"/incr"))
		assert.NotEqual(t, one.cookie(app).Value, other.cookie(app).Value)
	})
}

func TestFiftyVisitorsAtOnceEachCountTheirOwnVisits(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app := serve(t, s.store(t, testSecret))
		var visitors sync.WaitGroup
		for range 50 {
			visitor := newBrowser(t)
			visitors.Go(func() {
				for visit := range 5 {
					got := visitor.send(http.MethodGet, app+"/incr")
					assert.Equal(t, count(visit), got.body)
				}
			})
		}
		visitors.Wait()
	})
}

func TestLogoutEndsTheSessionInTheBrowser(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app := serve(t, s.store(t, testSecret))
		visitor := newBrowser(t)
		visitor.get(app + "/incr")
		visitor.get(app + "/incr")

		out := visitor.send(http.MethodPost, app+"/logout")

		assert.Equal(t, http.StatusNoContent, out.status)
		require.Len(t, out.cookies, 1)
		assert.Negative(t, out.cookies[0].MaxAge, "want Max-Age=0 in the Set-Cookie: the browser drops the cookie")
		assert.Equal(t, "/", out.cookies[0].Path, "another Path would be another cookie")
		assert.Nil(t, visitor.cookie(app), "the browser still has the cookie")
		assert.JSONEq(t, count(0), visitor.get(app+"/incr"))
	})
}

func TestACopiedCookieFindsNothingAfterLogout(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app := serve(t, s.store(t, testSecret))
		visitor, thief := newBrowser(t), newBrowser(t)
		visitor.get(app + "/incr")
		thief.setCookie(app, visitor.cookie(app).Value)
		require.JSONEq(t, count(1), thief.get(app+"/incr"), "until the logout a copy is as good as the cookie")

		visitor.send(http.MethodPost, app+"/logout")

		assert.JSONEq(t, count(0), thief.get(app+"/incr"), "the session is still in the store")
	})
}

func TestABrokenCookieStartsANewSession(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app := serve(t, s.store(t, testSecret))
		for name, broken := range brokenCookies(t, s) {
			t.Run(name, func(t *testing.T) {
				visitor := newBrowser(t)
				visitor.setCookie(app, broken)

				assert.JSONEq(t, count(0), visitor.get(app+"/incr"))
				assert.JSONEq(t, count(1), visitor.get(app+"/incr"), "the new session does not work")
			})
		}
	})
}

// FuzzNoOtherCookieIsTrusted sends whatever the fuzzer thinks of. Run it with
// go test -fuzz . -fuzztime 30s and the folder of this chapter.
func FuzzNoOtherCookieIsTrusted(f *testing.F) {
	f.Add("")
	f.Add("not base64 at all; \x00\xff")
	engines := map[string]*gin.Engine{}
	for name, s := range servers(f) {
		engines[name] = newRouter(s.store(f, testSecret))
		for _, broken := range brokenCookies(f, s) {
			f.Add(broken)
		}
	}
	f.Fuzz(func(t *testing.T, cookie string) {
		for name, engine := range engines {
			request := httptest.NewRequest(http.MethodGet, "/incr", nil)
			request.Header.Set("Cookie", sessionName+"="+cookie)
			recorder := httptest.NewRecorder()
			engine.ServeHTTP(recorder, request)

			require.Equal(t, http.StatusOK, recorder.Code, name)
			require.JSONEq(t, count(0), recorder.Body.String(), "%s: a cookie that we never made was trusted", name)
			require.Len(t, recorder.Result().Cookies(), 1, "%s: no new session was started", name)
		}
	})
}

// brokenCookies returns cookies that the app must not trust, by what is wrong
// with them.
func brokenCookies(t testing.TB, s server) map[string]string {
	good := cookieFrom(t, s.store(t, testSecret))
	return map[string]string{
		"truncated":   good[:len(good)/2],
		"forged":      "N" + good[1:], // it starts with an M, for the 1 of the time
		"without end": good[:len(good)-4],
		"foreign key": cookieFrom(t, s.store(t, []byte("another secret, of another app, say"))),
		"expired":     aged(t, good, 31*24*time.Hour),
		"random":      "MTIzNDU2Nzg5MHxyYW5kb218bm90IGEgc2lnbmF0dXJl",
		"chapter 02":  cookieFrom(t, cookie.NewStore(testSecret)), // well signed, but no ID
	}
}

// cookieFrom returns the cookie of a visitor to an app on this store.
func cookieFrom(t testing.TB, store sessions.Store) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	newRouter(store).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/incr", nil))
	cookies := recorder.Result().Cookies()
	require.Len(t, cookies, 1)
	return cookies[0].Value
}

// aged returns the cookie as the app would have made it that long ago, signed
// with testSecret in the format of gorilla/securecookie v1.1.2: base64 of
// time|values|HMAC-SHA256 over name|time|values.
func aged(t testing.TB, cookie string, age time.Duration) string {
	t.Helper()
	signed, err := base64.URLEncoding.DecodeString(cookie)
	require.NoError(t, err)
	parts := strings.SplitN(string(signed), "|", 3)
	require.Len(t, parts, 3)
	made, err := strconv.ParseInt(parts[0], 10, 64)
	require.NoError(t, err)
	body := fmt.Sprintf("%d|%s", made-int64(age.Seconds()), parts[1])
	mac := hmac.New(sha256.New, testSecret)
	mac.Write([]byte(sessionName + "|" + body))
	return base64.URLEncoding.EncodeToString(mac.Sum([]byte(body + "|")))
}

// brokenStore cannot save, as when a session is too big or its server read-only.
type brokenStore struct{ sessions.Store }

func (brokenStore) Save(*http.Request, http.ResponseWriter, *gorilla.Session) error {
	return errors.New("save failed")
}

func (s brokenStore) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(s, name)
}

func TestAFailedSaveIsA503(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		app := serve(t, brokenStore{s.store(t, testSecret)})
		for path, method := range map[string]string{"/incr": http.MethodGet, "/logout": http.MethodPost} {
			got := newBrowser(t).send(method, app+path)
			assert.Equal(t, http.StatusServiceUnavailable, got.status)
			assert.JSONEq(t, `{"error":"session store unavailable"}`, got.body)
			assert.Empty(t, got.cookies)
		}
	})
}

// Not parallel: the mode is the whole process's.
func TestReleaseModeSetsSecure(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	defer gin.SetMode(gin.TestMode)
	onEachServer(t, func(t *testing.T, s server) {
		first := newBrowser(t).send(http.MethodGet, serve(t, s.store(t, testSecret))+"/incr")

		require.Len(t, first.cookies, 1)
		assert.True(t, first.cookies[0].Secure, "the cookie would travel unencrypted")
	})
}
