package sessiontest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
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

// App is a program with a session, as its tests need it: what it is made of, and
// what it answers.
type App struct {
	NewRouter func(store sessions.Store) *gin.Engine
	NewStore  NewStore
	Addr      string // host:port of the server that NewStore connects to; empty: none

	Path    string    // of a page that keeps something in the session
	Visits  [3]string // what it answers to a visitor's first, second and third visit
	Failure Answer    // its Status and Body, when the session cannot be saved
}

// NewStore opens a program's store on the server at addr, as each start of the
// program does. The secret signs the cookies.
type NewStore func(addr string, secret []byte) (sessions.Store, error)

// Counter returns the App of a program with GET /incr and POST /logout.
func Counter(newRouter func(sessions.Store) *gin.Engine, newStore NewStore, addr string) App {
	return App{newRouter, newStore, addr, "/incr", [3]string{`{"count":0}`, `{"count":1}`, `{"count":2}`},
		Answer{Status: http.StatusServiceUnavailable, Body: `{"error":"session store unavailable"}`}}
}

// Serve starts the app on its store until the test ends, and returns its URL.
func (app App) Serve(t testing.TB) (url string) {
	t.Helper()
	return Serve(t, app.NewRouter(app.open(t, Secret)))
}

// open opens the app's store. It tries for a minute: on a busy machine the server
// may need longer than the store waits.
func (app App) open(t testing.TB, secret []byte) sessions.Store {
	t.Helper()
	store, err := app.NewStore(app.Addr, secret)
	for start := time.Now(); err != nil && time.Since(start) < time.Minute; {
		store, err = app.NewStore(app.Addr, secret)
	}
	require.NoError(t, err, "wanted: a store\nlikely cause: NewStore does not find its server")
	return store
}

// TestContract checks what every program of this tutorial promises, whatever its
// store: at its page, and at POST /logout.
func TestContract(t *testing.T, app App) {
	for _, promise := range []struct {
		name  string
		check func(*testing.T, App)
	}{
		{"release mode sets Secure", secureInReleaseMode},
		{"a failed Save is never a 200", failedSave},
		{"the first visit sets one cookie with every attribute", firstVisit},
		{"every visit finds what the one before has saved", everyVisit},
		{"two visitors do not share a session", twoVisitors},
		{"fifty visitors at once have fifty sessions", fiftyVisitors},
		{"logout ends the session in the browser", logout},
		{"logout ends the session in the store", logoutInStore},
		{"logout sends no values", logoutSendsNoValues},
		{"the cookie of a store on a server holds an ID only", cookieWithIDOnly},
		{"a broken cookie starts a new session", brokenCookie},
		{"a value of another type counts as none", otherType},
		{"a forwarded address is not believed", forwardedAddress},
		{"a panic is a 500", panicking},
		{"no cache keeps an answer", noStore},
	} {
		t.Run(promise.name, func(t *testing.T) { promise.check(t, app) })
	}
}

func secureInReleaseMode(t *testing.T, app App) {
	// Not parallel: the mode is the whole process's.
	gin.SetMode(gin.ReleaseMode)
	defer gin.SetMode(gin.TestMode)
	alice := NewBrowser(t, "Alice")
	first := alice.Send(http.MethodGet, app.Serve(t)+app.Path)
	require.Len(t, first.Cookies, 1)
	require.True(t, first.Cookies[0].Secure, "wanted: Secure in release mode\nlikely cause: the options do not ask for the mode, and the cookie travels unencrypted")
}

func firstVisit(t *testing.T, app App) {
	t.Parallel()
	first := NewBrowser(t, "Alice").Send(http.MethodGet, app.Serve(t)+app.Path)

	require.Equal(t, http.StatusOK, first.Status, "wanted: 200\nlikely cause: Save fails")
	require.JSONEq(t, app.Visits[0], first.Body, "wanted: what a new visitor gets")
	require.Len(t, first.Cookies, 1, "wanted: one Set-Cookie\nlikely cause: nothing was saved, or only after the body")
	cookie := first.Cookies[0]
	require.Equal(t, CookieName, cookie.Name)
	require.Equal(t, "/", cookie.Path, "wanted: Path=/\nlikely cause: it was left out, and other routes see no session")
	require.Equal(t, 24*60*60, cookie.MaxAge, "wanted: a day, in seconds\nlikely cause: the options have no MaxAge, or were set after the router was made")
	require.WithinDuration(t, time.Now().Add(24*time.Hour), cookie.Expires, time.Hour)
	require.True(t, cookie.HttpOnly, "wanted: HttpOnly\nlikely cause: it was left out, and a script can steal the cookie")
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite, "wanted: SameSite=Lax\nlikely cause: it was left out, and the cookie goes along with other sites' requests")
	require.False(t, cookie.Secure, "wanted: no Secure outside release mode\nlikely cause: it is always set, and no browser sends the cookie over http")
	require.Empty(t, cookie.Domain, "wanted: no Domain\nlikely cause: it was set, and every subdomain gets the cookie")
}

func everyVisit(t *testing.T, app App) {
	t.Parallel()
	alice, url := NewBrowser(t, "Alice"), app.Serve(t)+app.Path
	for _, want := range app.Visits {
		require.JSONEq(t, want, alice.Get(url), "wanted: the value of the visit before\nlikely cause: it was not Set, or not saved, or is read under another key")
	}
}

func twoVisitors(t *testing.T, app App) {
	t.Parallel()
	url := app.Serve(t) + app.Path
	alice, bob := NewBrowser(t, "Alice"), NewBrowser(t, "Bob")
	alice.Get(url)
	require.JSONEq(t, app.Visits[0], bob.Get(url),
		"wanted: Bob is a new visitor\nlikely cause: what belongs to the session is in a variable, or all sessions have one ID")
	require.JSONEq(t, app.Visits[1], alice.Get(url), "wanted: Alice's session is still hers")
}

func fiftyVisitors(t *testing.T, app App) {
	t.Parallel()
	url := app.Serve(t) + app.Path
	var visitors sync.WaitGroup
	for range 50 {
		visitor := NewBrowser(t, "one of fifty")
		visitors.Go(func() {
			for _, want := range app.Visits {
				assert.Equal(t, want, visitor.Send(http.MethodGet, url).Body, "wanted: each visitor's own session\nlikely cause: requests that run at once share something")
			}
		})
	}
	visitors.Wait()
}

func logout(t *testing.T, app App) {
	t.Parallel()
	alice, url := NewBrowser(t, "Alice"), app.Serve(t)
	alice.Get(url + app.Path)

	out := alice.Send(http.MethodPost, url+"/logout")

	require.Equal(t, http.StatusNoContent, out.Status, "wanted: 204, nothing to say")
	require.Len(t, out.Cookies, 1, "wanted: a Set-Cookie that ends the cookie\nlikely cause: the logout was not saved")
	require.Negative(t, out.Cookies[0].MaxAge, "wanted: Max-Age=0 in the Set-Cookie\nlikely cause: MaxAge is not negative, and the browser keeps the cookie")
	require.Equal(t, "/", out.Cookies[0].Path, "wanted: Path=/ as in the cookie that ends\nlikely cause: Options replaces all of them: start from your own")
	require.Nil(t, alice.Cookie(url+app.Path), "wanted: no cookie left in the browser")
	require.JSONEq(t, app.Visits[0], alice.Get(url+app.Path), "wanted: Alice is a new visitor now")
}

// arrive serves the app on a new store, and returns what Alice has after a visit.
func arrive(t *testing.T, app App) (alice *Browser, url string, cookie, id string) {
	t.Helper()
	store := app.open(t, Secret)
	url = Serve(t, app.NewRouter(store))
	alice = NewBrowser(t, "Alice")
	alice.Get(url + app.Path)
	cookie = alice.CookieValue(url)
	return alice, url, cookie, ID(t, store, cookie)
}

func cookieWithIDOnly(t *testing.T, app App) {
	t.Parallel()
	_, _, cookie, id := arrive(t, app)
	if id == "" {
		return // the session is in the cookie
	}
	require.NotContains(t, strings.ReplaceAll(Decode(t, cookie), id, ""), "count",
		"wanted: no values in the cookie of a store on a server")
}

func logoutInStore(t *testing.T, app App) {
	t.Parallel()
	alice, url, cookie, id := arrive(t, app)
	if id == "" {
		return // the session is in the cookie: who has copied it, has it
	}
	thief := NewBrowser(t, "the thief")
	thief.SetCookie(url, cookie)
	require.JSONEq(t, app.Visits[1], thief.Get(url+app.Path), "wanted: until the logout a copy is as good as the cookie")

	alice.Send(http.MethodPost, url+"/logout")

	require.JSONEq(t, app.Visits[0], thief.Get(url+app.Path),
		"wanted: the copied cookie finds nothing\nlikely cause: the session is still in the store: only a negative MaxAge and Save delete it")
}

// The handlers do not know their store. So they have to work on one that keeps the
// values in the cookie: what the logout does not clear, goes out once more.
func logoutSendsNoValues(t *testing.T, app App) {
	t.Parallel()
	url := Serve(t, app.NewRouter(cookie.NewStore(Secret)))
	alice := NewBrowser(t, "Alice")
	alice.Get(url + app.Path)
	out := alice.Send(http.MethodPost, url+"/logout")
	anonymous := NewBrowser(t, "an anonymous visitor").Send(http.MethodPost, url+"/logout")
	require.Len(t, out.Cookies, 1)
	require.Len(t, anonymous.Cookies, 1)
	require.Equal(t, len(anonymous.Cookies[0].Value), len(out.Cookies[0].Value),
		"wanted: an empty session in the cookie that ends\nlikely cause: Clear is missing, and the values go out once more")
}

func brokenCookie(t *testing.T, app App) {
	t.Parallel()
	url := app.Serve(t) + app.Path
	for what, broken := range app.BrokenCookies(t) {
		alice := NewBrowser(t, "Alice")
		alice.SetCookie(url, broken)
		require.Equal(t, app.Visits[0], alice.Send(http.MethodGet, url).Body,
			"wanted: a new session for a cookie that is %s\nlikely cause: an error without an ID is no lost server, but a cookie that nobody can read", what)
		require.JSONEq(t, app.Visits[1], alice.Get(url), "wanted: a new session that works")
	}
}

// BrokenCookies returns cookies that the app must not trust, by what is wrong with
// them.
func (app App) BrokenCookies(t testing.TB) map[string]string {
	t.Helper()
	good := cookieFrom(t, app, app.open(t, Secret))
	broken := map[string]string{
		"truncated":                 good[:len(good)/2],
		"forged":                    "N" + good[1:], // it starts with an M, for the 1 of the time
		"without its end":           good[:len(good)-4],
		"signed with a foreign key": cookieFrom(t, app, app.open(t, []byte("another secret, of another app, say"))),
		"older than 30 days":        Aged(t, good, 31*24*time.Hour),
		"random":                    "MTIzNDU2Nzg5MHxyYW5kb218bm90IGEgc2lnbmF0dXJl",
	}
	if _, isCookieStore := app.open(t, Secret).(cookie.Store); !isCookieStore {
		broken["well signed, but not an ID"] = cookieFrom(t, app, cookie.NewStore(Secret))
	}
	return broken
}

// cookieFrom returns the value of a visitor's cookie, from the app on this store.
func cookieFrom(t testing.TB, app App, store sessions.Store) string {
	t.Helper()
	cookies := visit(app, store, "").Cookies()
	require.Len(t, cookies, 1)
	require.NotEmpty(t, cookies[0].Value, "wanted: a session in the cookie\nlikely cause: the options have no MaxAge, and Save has deleted it")
	return cookies[0].Value
}

// visit visits the app on this store once, without a network.
func visit(app App, store sessions.Store, cookie string) *http.Response {
	request := httptest.NewRequest(http.MethodGet, app.Path, nil)
	if cookie != "" {
		request.Header.Set("Cookie", CookieName+"="+cookie)
	}
	recorder := httptest.NewRecorder()
	app.NewRouter(store).ServeHTTP(recorder, request)
	return recorder.Result()
}

// FuzzCookie lets the fuzzer invent cookies: each starts a new session.
func FuzzCookie(f *testing.F, app App) {
	store := app.open(f, Secret)
	f.Add("")
	f.Add("not base64 at all; \x00\xff")
	for _, broken := range app.BrokenCookies(f) {
		f.Add(broken)
	}
	f.Fuzz(func(t *testing.T, cookie string) {
		answer := visit(app, store, cookie)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.JSONEq(t, app.Visits[0], string(body), "wanted: no trust in a cookie that we never made")
		require.Len(t, answer.Cookies(), 1, "wanted: a new session")
	})
}

func failedSave(t *testing.T, app App) {
	// Not parallel: the mode and the log are the whole process's.
	gin.SetMode(gin.DebugMode)
	defer gin.SetMode(gin.TestMode)
	gin.DebugPrintFunc = log.Printf // Gin warns of a second answer to one request
	defer func() { gin.DebugPrintFunc = nil }()
	url := Serve(t, app.NewRouter(CannotSave(app.open(t, Secret))))
	for path, method := range map[string]string{app.Path: http.MethodGet, "/logout": http.MethodPost} {
		logged.Reset()
		app.wantFailure(t, NewBrowser(t, "Alice").Send(method, url+path), unsaved)
		require.Contains(t, logged.String(), "this store cannot save", "wanted: the cause in the log")
		require.NotContains(t, logged.String(), "already written", "wanted: one answer\nlikely cause: no return after the error")
	}
}

// wantFailure checks the answer to a request whose session could not be kept.
func (app App) wantFailure(t *testing.T, got Answer, likelyCause string) {
	t.Helper()
	require.Equal(t, app.Failure.Status, got.Status, "wanted: an error, because the session is not kept\nlikely cause: %s", likelyCause)
	require.JSONEq(t, app.Failure.Body, got.Body, "wanted: the error, and nothing after it\nlikely cause: the handler goes on after the error")
	require.Empty(t, got.Cookies, "wanted: no cookie, because nothing was saved")
	require.Equal(t, "no-store", got.Header.Get("Cache-Control"), "wanted: an error that no cache keeps")
}

func otherType(t *testing.T, app App) {
	t.Parallel()
	router := app.NewRouter(app.open(t, Secret))
	router.GET("/other-type", func(c *gin.Context) {
		session := sessions.Default(c)
		for key := range session.(interface{ Session() *gorilla.Session }).Session().Values {
			session.Set(key, 1.5)
		}
		assert.NoError(t, session.Save())
	})
	alice, url := NewBrowser(t, "Alice"), Serve(t, router)
	alice.Get(url + app.Path)
	alice.Get(url + "/other-type")
	require.Equal(t, app.Visits[0], alice.Send(http.MethodGet, url+app.Path).Body,
		"wanted: a value of another type counts as none\nlikely cause: the handler does not ask for the type, and panics")
}

func forwardedAddress(t *testing.T, app App) {
	t.Parallel()
	router := app.NewRouter(app.open(t, Secret))
	router.GET("/ip", func(c *gin.Context) { c.String(http.StatusOK, c.ClientIP()) })
	request := httptest.NewRequest(http.MethodGet, "/ip", nil)
	request.RemoteAddr = "192.0.2.1:1234"
	request.Header.Set("X-Forwarded-For", "203.0.113.9")
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, request)
	require.Equal(t, "192.0.2.1", recorder.Body.String(), "wanted: the address of the connection\nlikely cause: SetTrustedProxies(nil) is missing, and a visitor can choose the address in the log")
}

func panicking(t *testing.T, app App) {
	t.Parallel()
	router := app.NewRouter(app.open(t, Secret))
	router.GET("/panic", func(*gin.Context) { panic("in a handler") })
	got := NewBrowser(t, "Alice").Send(http.MethodGet, Serve(t, router)+"/panic")
	require.Equal(t, http.StatusInternalServerError, got.Status, "wanted: 500\nlikely cause: gin.New has no recovery, gin.Default has")
}

func noStore(t *testing.T, app App) {
	t.Parallel()
	alice, url := NewBrowser(t, "Alice"), app.Serve(t)
	for _, got := range []Answer{
		alice.Send(http.MethodGet, url+app.Path), // the first visit sets a cookie
		alice.Send(http.MethodGet, url+app.Path),
		alice.Send(http.MethodPost, url+"/logout"),
	} {
		require.Equal(t, "no-store", got.Header.Get("Cache-Control"),
			"wanted: Cache-Control: no-store\nlikely cause: it is missing, and a proxy may give Alice's answer, and her cookie, to Bob")
	}
}
