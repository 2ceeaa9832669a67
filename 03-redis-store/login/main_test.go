package main

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

// running is the site, running for one test.
type running struct {
	*site
	url    string
	addr   string // of Redis
	ip     string // where its visitors come from
	passed atomic.Int64
}

// wait moves the site's clock.
func (r *running) wait(d time.Duration) { r.passed.Add(int64(d)) }

// start starts the site on the Redis at addr. On a real Redis other tests have
// accounts, too: so everybody comes from an address of this test's own.
func start(t *testing.T, addr string) *running {
	t.Helper()
	pool := newPool(addr, time.Minute)
	t.Cleanup(func() { pool.Close() })
	store, err := redis.NewStoreWithPool(pool, sessiontest.Secret)
	require.NoError(t, err)
	r := &running{addr: addr, ip: fmt.Sprintf("10.%d.%d.%d", mathrand.N(256), mathrand.N(256), mathrand.N(256))}
	r.site = &site{store, accounts{pool, bcrypt.MinCost}, func() time.Time { return time.Now().Add(time.Duration(r.passed.Load())) }}
	router := r.router()
	r.url = sessiontest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		request.RemoteAddr = r.ip + ":1024"
		router.ServeHTTP(w, request)
	}))
	return r
}

const goodPassword = "correct horse"

// newVisitor returns a browser that shows a redirect, and a name that nobody has.
func newVisitor(t testing.TB, who string) (browser *sessiontest.Browser, name string) {
	t.Helper()
	browser = sessiontest.NewBrowser(t, who)
	browser.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return browser, strings.ToLower(who + "-" + rand.Text()[:10])
}

// signedUp returns the browser of somebody who has just signed up.
func (r *running) signedUp(t *testing.T, who string) (browser *sessiontest.Browser, name string) {
	t.Helper()
	browser, name = newVisitor(t, who)
	wantRedirect(t, "/account", browser.Post(r.url+"/signup", "name", name, "password", goodPassword))
	return browser, name
}

// loggedIn returns another browser of somebody.
func (r *running) loggedIn(t *testing.T, who, name, password string) *sessiontest.Browser {
	t.Helper()
	browser, _ := newVisitor(t, who)
	wantRedirect(t, "/account", browser.Post(r.url+"/login", "name", name, "password", password))
	return browser
}

func wantRedirect(t *testing.T, path string, got sessiontest.Answer) {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, got.Status, "wanted: on to %s", path)
	require.Equal(t, path, got.Header.Get("Location"))
}

const loginPage = "/login?next=%2Faccount"

// wantOut says that nobody is logged in in this browser.
func (r *running) wantOut(t *testing.T, browser *sessiontest.Browser, why string) {
	t.Helper()
	got := browser.Send(http.MethodGet, r.url+"/account")
	require.Equal(t, http.StatusSeeOther, got.Status, "wanted: the login page\nlikely cause: %s", why)
	require.Equal(t, loginPage, got.Header.Get("Location"))
}

// wantIn says that somebody is.
func (r *running) wantIn(t *testing.T, browser *sessiontest.Browser, name string) {
	t.Helper()
	require.Contains(t, browser.Get(r.url+"/account"), "You are logged in as <b>"+name+"</b>.")
}

func TestSignUpLogOutAndLogIn(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := site.signedUp(t, "Alice")
	site.wantIn(t, alice, name)
	assert.Contains(t, alice.Get(site.url+"/"), name, "wanted: the name on every page")
	for _, page := range []string{"/", "/account", "/none"} {
		assert.Contains(t, alice.Send(http.MethodGet, site.url+page).Body, `action="/logout"><button`, "wanted: a way out of every page")
	}

	wantRedirect(t, "/", alice.Post(site.url+"/logout"))
	site.wantOut(t, alice, "the session goes on")
	require.Empty(t, alice.Cookies(site.url), "wanted: no cookie left in the browser")

	wantRedirect(t, "/account?tab=2", alice.Post(site.url+"/login", "name", " "+strings.ToUpper(name)+" ", "password", goodPassword, "next", "/account?tab=2"))
	site.wantIn(t, alice, name)
	for _, page := range []string{"/login", "/signup"} {
		wantRedirect(t, "/account", alice.Send(http.MethodGet, site.url+page))
	}
}

func TestAnAnonymousVisitorGetsNoSessionAndNoCookie(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	bob, _ := newVisitor(t, "Bob")
	for _, page := range []string{"/", "/login", "/signup", "/account", "/style.css", "/none"} {
		assert.Empty(t, bob.Send(http.MethodGet, site.url+page).Cookies, page)
	}
	for _, form := range []string{"/login", "/signup"} {
		assert.Empty(t, bob.Post(site.url+form).Cookies, form)
	}
}
