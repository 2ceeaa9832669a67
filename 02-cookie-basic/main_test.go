package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain runs the tests or, in a process started by runProgram, the program.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_PROGRAM") != "" {
		main()
		return
	}
	gin.SetMode(gin.TestMode)      // whatever GIN_MODE says
	gin.DefaultWriter = io.Discard // a line for each request helps nobody here
	m.Run()
}

var testSecret = []byte("this secret signs the tests' cookies")

const (
	newVisitor       = `{"hello":"world","returning":false}`
	returningVisitor = `{"hello":"world","returning":true}`
)

func TestTheFirstVisitSetsOneCookieWithEveryAttribute(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))

	first := newBrowser(t).send(http.MethodGet, app+"/hello")

	require.Equal(t, http.StatusOK, first.status)
	assert.JSONEq(t, newVisitor, first.body)
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
}

func TestTheSecondVisitIsRecognisedAndSetsNoCookie(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/hello")

	second := visitor.send(http.MethodGet, app+"/hello")

	assert.JSONEq(t, returningVisitor, second.body, "the value did not come out of the cookie")
	assert.Empty(t, second.cookies, "nothing changed, so nothing had to be saved")
}

func TestTwoVisitorsDoNotShareASession(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))

	assert.JSONEq(t, newVisitor, newBrowser(t).get(app+"/hello"))
	assert.JSONEq(t, newVisitor, newBrowser(t).get(app+"/hello"), "the second visitor got the first one's session")
}

func TestFiftyVisitorsAtOnceAreEachNewOnce(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))
	var visitors sync.WaitGroup
	for range 50 {
		visitor := newBrowser(t)
		visitors.Go(func() {
			for visit := range 20 {
				want := fmt.Sprintf(`{"hello":"world","returning":%t}`, visit > 0)
				got := visitor.send(http.MethodGet, app+"/hello")
				assert.Equal(t, want, got.body, "visit %d", visit)
			}
		})
	}
	visitors.Wait()
}

func TestDeleteForgetsTheValue(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/hello")

	deleted := visitor.send(http.MethodDelete, app+"/hello")

	assert.Equal(t, http.StatusNoContent, deleted.status)
	assert.NotNil(t, visitor.cookie(app), "only the value goes: the session stays")
	assert.JSONEq(t, newVisitor, visitor.get(app+"/hello"), "the value is still there: was it saved?")
}

func TestLogoutEndsTheSessionInTheBrowser(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/hello")

	out := visitor.send(http.MethodPost, app+"/logout")

	assert.Equal(t, http.StatusNoContent, out.status)
	require.Len(t, out.cookies, 1)
	assert.Negative(t, out.cookies[0].MaxAge, "want Max-Age=0 in the Set-Cookie: the browser drops the cookie")
	assert.Equal(t, "/", out.cookies[0].Path, "another Path would be another cookie")
	assert.Nil(t, visitor.cookie(app), "the browser still has the cookie")
	assert.NotContains(t, plainText(t, out.cookies[0].Value), "world", "the values went out once more")
	assert.JSONEq(t, newVisitor, visitor.get(app+"/hello"))
}

func TestACopiedCookieStillWorksAfterLogout(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))
	visitor, thief := newBrowser(t), newBrowser(t)
	visitor.get(app + "/hello")
	thief.setCookie(app, visitor.cookie(app).Value)

	visitor.send(http.MethodPost, app+"/logout")

	assert.JSONEq(t, returningVisitor, thief.get(app+"/hello"),
		"the server keeps nothing, so it cannot know that this cookie was logged out")
}

func TestTheSecretSignsButDoesNotEncrypt(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/hello")

	assert.Contains(t, plainText(t, visitor.cookie(app).Value), "world",
		"anyone can read the values, without the secret")
}

func TestABrokenCookieStartsANewSession(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))
	for name, broken := range brokenCookies(t) {
		t.Run(name, func(t *testing.T) {
			visitor := newBrowser(t)
			visitor.setCookie(app, broken)

			assert.JSONEq(t, newVisitor, visitor.get(app+"/hello"))
			assert.JSONEq(t, returningVisitor, visitor.get(app+"/hello"), "the new session does not work")
		})
	}
}

// FuzzNoOtherCookieIsTrusted sends whatever the fuzzer thinks of. Run it with
//
//	go test -fuzz . -fuzztime 30s ./02-cookie-basic
func FuzzNoOtherCookieIsTrusted(f *testing.F) {
	f.Add("")
	f.Add("not base64 at all; \x00\xff")
	for _, broken := range brokenCookies(f) {
		f.Add(broken)
	}
	engine := newRouter(newStore(testSecret))
	f.Fuzz(func(t *testing.T, cookie string) {
		request := httptest.NewRequest(http.MethodGet, "/hello", nil)
		request.Header.Set("Cookie", sessionName+"="+cookie)
		recorder := httptest.NewRecorder()
		engine.ServeHTTP(recorder, request)

		require.Equal(t, http.StatusOK, recorder.Code)
		require.JSONEq(t, newVisitor, recorder.Body.String(), "a cookie that we never made was trusted")
		require.Len(t, recorder.Result().Cookies(), 1, "no new session was started")
	})
}

// brokenCookies returns cookies that the app must not trust, by what is wrong
// with them.
func brokenCookies(t testing.TB) map[string]string {
	good := cookieFrom(t, newStore(testSecret))
	return map[string]string{
		"truncated":   good[:len(good)/2],
		"forged":      "N" + good[1:], // it starts with an M, for the 1 of the time
		"without end": good[:len(good)-4],
		"foreign key": cookieFrom(t, newStore([]byte("another secret, of another app, say"))),
		"expired":     aged(t, good, 25*time.Hour),
		"random":      "MTIzNDU2Nzg5MHxyYW5kb218bm90IGEgc2lnbmF0dXJl",
	}
}

// cookieFrom returns the cookie of a visitor to an app on this store.
func cookieFrom(t testing.TB, store sessions.Store) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	newRouter(store).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/hello", nil))
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

func TestASessionEndsAfterADayInTheServerToo(t *testing.T) {
	t.Parallel()
	app := serve(t, newStore(testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/hello")
	fresh := visitor.cookie(app).Value

	visitor.setCookie(app, aged(t, fresh, 23*time.Hour))
	assert.JSONEq(t, returningVisitor, visitor.get(app+"/hello"), "the session ended too early")

	visitor.setCookie(app, aged(t, fresh, 25*time.Hour))
	assert.JSONEq(t, newVisitor, visitor.get(app+"/hello"), "the signature lives on: was the store's MaxAge set?")
}

func TestAnAppRestartKeepsTheSession(t *testing.T) {
	t.Parallel()
	visitor := newBrowser(t)
	visitor.get(serve(t, newStore(testSecret)) + "/hello")

	restarted := serve(t, newStore(testSecret))

	assert.JSONEq(t, returningVisitor, visitor.get(restarted+"/hello"), "the values are in the cookie: any app with the secret can read them")
}

func TestTwoAppsWithOneSecretShareTheSession(t *testing.T) {
	t.Parallel()
	visitor := newBrowser(t)
	one, other := serve(t, newStore(testSecret)), serve(t, newStore(testSecret))

	assert.JSONEq(t, newVisitor, visitor.get(one+"/hello"))
	assert.JSONEq(t, returningVisitor, visitor.get(other+"/hello"))
	assert.JSONEq(t, returningVisitor, visitor.get(one+"/hello"))
}

func TestANewSecretEndsEverySession(t *testing.T) {
	t.Parallel()
	visitor := newBrowser(t)
	visitor.get(serve(t, newStore(testSecret)) + "/hello")

	restarted := serve(t, newStore([]byte("another secret, as after a bad rotation")))

	assert.JSONEq(t, newVisitor, visitor.get(restarted+"/hello"))
}

func TestAnybodysForwardedForHeaderIsNotBelieved(t *testing.T) {
	t.Parallel()
	engine := newRouter(newStore(testSecret))
	engine.GET("/ip", func(c *gin.Context) { c.String(http.StatusOK, c.ClientIP()) })
	request := httptest.NewRequest(http.MethodGet, "/ip", nil)
	request.RemoteAddr = "192.0.2.1:1234"
	request.Header.Set("X-Forwarded-For", "203.0.113.9")
	recorder := httptest.NewRecorder()
	engine.ServeHTTP(recorder, request)

	assert.Equal(t, "192.0.2.1", recorder.Body.String(), "a visitor could choose the address in our log")
}

// brokenStore cannot save, as when a session grows too big for its cookie.
type brokenStore struct{ sessions.Store }

func (brokenStore) Save(*http.Request, http.ResponseWriter, *gorilla.Session) error {
	return errors.New("save failed")
}

func (s brokenStore) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(s, name)
}

func TestAFailedSaveIsNeverA200(t *testing.T) {
	t.Parallel()
	app := serve(t, brokenStore{newStore(testSecret)})
	for _, request := range [][2]string{{"GET", "/hello"}, {"DELETE", "/hello"}, {"POST", "/logout"}} {
		got := newBrowser(t).send(request[0], app+request[1])
		assert.Equal(t, http.StatusInternalServerError, got.status, "%s", request)
		assert.JSONEq(t, `{"error":"session not saved"}`, got.body)
		assert.Empty(t, got.cookies)
	}
}

// The tests below change the mode or the environment, so they are not parallel.

func TestReleaseModeSetsSecure(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	defer gin.SetMode(gin.TestMode)

	first := newBrowser(t).send(http.MethodGet, serve(t, newStore(testSecret))+"/hello")

	require.Len(t, first.cookies, 1)
	assert.True(t, first.cookies[0].Secure, "the cookie would travel unencrypted")
}

func TestATakenPortIsReported(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()

	status, output := runProgram(t, []string{"ADDR=" + taken.Addr().String(), "GIN_MODE=debug", "SESSION_SECRET="})

	assert.Equal(t, 1, status)
	assert.Contains(t, output, "cannot serve: listen tcp "+taken.Addr().String())
	assert.Contains(t, output, "ADDR=", "the way out is missing")
	assert.Contains(t, output, "warning: SESSION_SECRET is not set", "the development key must not be used silently")
}
