package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// Each test here is an attack, by its usual name. For each there is a diff in
// testdata that takes the defence out of the program, and turns its test red.

// Mallory puts a cookie that he knows into Alice's browser, and waits for her to log in.
func TestSessionFixation(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	mallory, _ := site.signedUp(t, "Mallory")
	known := mallory.CookieValue(site.url)
	alice, name := newVisitor(t, "Alice")
	alice.SetCookie(site.url, known)

	wantRedirect(t, "/account", alice.Post(site.url+"/signup", "name", name, "password", goodPassword))
	site.wantOut(t, mallory, "the sign-up keeps the session's ID")
	known = alice.CookieValue(site.url)

	wantRedirect(t, "/account", alice.Post(site.url+"/login", "name", name, "password", goodPassword))
	mallory.SetCookie(site.url, known)
	site.wantOut(t, mallory, "the login keeps the session's ID")
	known = alice.CookieValue(site.url)

	wantRedirect(t, "/account", alice.Post(site.url+"/password", "current", goodPassword, "new", "battery staple"))
	mallory.SetCookie(site.url, known)
	site.wantOut(t, mallory, "a changed password keeps the session's ID")
	site.wantIn(t, alice, name)
}

// Mallory has copied the cookie of Alice, who logs out.
func TestACopiedCookieAfterLogout(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, _ := site.signedUp(t, "Alice")
	mallory, _ := newVisitor(t, "Mallory")
	mallory.SetCookie(site.url, alice.CookieValue(site.url))
	wantRedirect(t, "/", alice.Post(site.url+"/logout"))
	site.wantOut(t, mallory, "the logout ends the session in the browser only")
}

// A request of Alice has loaded her session when she logs out, and saves it afterwards.
func TestARequestInFlightAtLogout(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, _ := site.signedUp(t, "Alice")
	mallory, _ := newVisitor(t, "Mallory")
	mallory.SetCookie(site.url, alice.CookieValue(site.url))

	request := httptest.NewRequest(http.MethodGet, "/account", nil)
	request.AddCookie(alice.Cookie(site.url))
	session, err := site.store.Get(request, sessionName())
	require.NoError(t, err)
	require.NotEmpty(t, session.Values)
	wantRedirect(t, "/", alice.Post(site.url+"/logout"))
	before := mallory.Send(http.MethodGet, site.url+"/account").Status
	require.NoError(t, session.Save(request, httptest.NewRecorder()))

	assert.Equal(t, before, mallory.Send(http.MethodGet, site.url+"/account").Status,
		"wanted: it makes no difference\nlikely cause: a session that is there again is logged in again: the account's list still has it")
}

// Mallory's request has found his login in the list when Alice ends all of them, and
// writes afterwards when it was seen.
func TestARequestInFlightWhenItsLoginIsEnded(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := site.signedUp(t, "Alice")
	mallory := site.loggedIn(t, "Mallory", name, goodPassword)
	_, list, err := site.accounts.load(name, site.now())
	require.NoError(t, err)
	require.Len(t, list, 2)
	wantRedirect(t, "/", alice.Post(site.url+"/logout-everywhere"))
	for _, l := range list {
		require.NoError(t, site.accounts.seen(name, l))
	}
	site.wantOut(t, mallory, "what a request on its way writes lists its login again")
}

// Mallory's page, or a page of his on a subdomain, sends forms with Alice's cookie.
func TestCrossSiteRequestForgery(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := site.signedUp(t, "Alice")
	forged := func(browser *sessiontest.Browser, path string, header, value string, fields url.Values) sessiontest.Answer {
		request, err := http.NewRequest(http.MethodPost, site.url+path, strings.NewReader(fields.Encode()))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set(header, value)
		return browser.Do(request)
	}
	for header, values := range map[string][]string{
		"Sec-Fetch-Site": {"cross-site", "same-site"}, // what today's browsers say
		"Origin":         {"https://evil.example", "null"},
	} {
		for _, value := range values {
			for _, path := range []string{"/logout", "/logout-everywhere", "/password", "/sessions/end"} {
				got := forged(alice, path, header, value, url.Values{"current": {goodPassword}, "new": {"battery staple"}})
				assert.Equal(t, http.StatusForbidden, got.Status, "%s with %s: %s", path, header, value)
			}
			bob, _ := newVisitor(t, "Bob") // who would then type his secrets into Alice's account
			got := forged(bob, "/login", header, value, url.Values{"name": {name}, "password": {goodPassword}})
			assert.Equal(t, http.StatusForbidden, got.Status, "a login with %s: %s", header, value)
			assert.Empty(t, got.Cookies)
		}
	}
	site.wantIn(t, alice, name)
}

// Mallory sends Alice a link to our login page, which leads to his own after it.
func FuzzOpenRedirect(f *testing.F) {
	for _, next := range []string{
		"", "account", "https:evil.example", "https://evil.example", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`,
		"/\t/evil.example", "\t//evil.example", "/\r\nSet-Cookie: mysession=x", "javascript:alert(1)", "/a\\b", "/ok?to=//x", "/%zz", "/\x7f/x", "/..//evil.example",
	} {
		f.Add(next)
	}
	f.Fuzz(func(t *testing.T, next string) {
		path := localPath(next)
		// A browser takes \ for /, leaves tabs and line ends out, and blanks at the ends.
		seen := strings.Trim(strings.NewReplacer(`\`, "/", "\t", "", "\n", "", "\r", "").Replace(path), " ")
		assert.True(t, strings.HasPrefix(seen, "/") && !strings.HasPrefix(seen, "//"), "wanted: a path of this site, got %q", path)
		answer := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(answer)
		c.Request = httptest.NewRequest(http.MethodPost, "/login", nil)
		c.Redirect(http.StatusSeeOther, path)
		location := answer.Header().Get("Location")
		assert.True(t, strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "//"), "wanted: a path of this site, got %q", location)
	})
}

// Mallory tries names, to find out who has an account.
func TestUserEnumeration(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	site.accounts.cost = bcrypt.DefaultCost
	_, name := site.signedUp(t, "Alice")
	mallory, unknown := newVisitor(t, "Mallory")
	attempt := func(name string) (body string, took time.Duration) {
		started := time.Now()
		got := mallory.Post(site.url+"/login", "name", name, "password", "wrong password")
		took = time.Since(started)
		require.Equal(t, http.StatusUnauthorized, got.Status)
		return strings.ReplaceAll(got.Body, name, "NAME"), took
	}
	// The quickest of five is what the work takes; a busy machine only adds to it.
	wrong, none := time.Hour, time.Hour
	for range 5 {
		ofWrong, took := attempt(name)
		wrong = min(wrong, took)
		ofNone, took := attempt(unknown)
		none = min(none, took)
		require.Equal(t, ofWrong, ofNone, "wanted: the same page")
	}
	assert.Greater(t, none, wrong/10, "wanted: as much work for a name without an account\nlikely cause: no password is hashed for it")
}

// Mallory tries passwords: one after the other, many at once, and with many names.
func TestBruteForce(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := site.signedUp(t, "Alice")
	mallory, _ := newVisitor(t, "Mallory")
	statuses := map[int]int{}
	var lock sync.Mutex
	var tries sync.WaitGroup
	for range 30 {
		tries.Go(func() {
			got := mallory.Post(site.url+"/login", "name", name, "password", "wrong password")
			lock.Lock()
			defer lock.Unlock()
			statuses[got.Status]++
		})
	}
	tries.Wait()
	assert.Equal(t, map[int]int{http.StatusUnauthorized: 10, http.StatusTooManyRequests: 20}, statuses)

	got := mallory.Post(site.url+"/login", "name", name, "password", goodPassword)
	assert.Equal(t, http.StatusTooManyRequests, got.Status, "wanted: no more tries, for the right password either")
	assert.Regexp(t, `Try again in 1[45]m\d+s\.`, got.Body)
	assert.Regexp(t, `^(900|8\d\d)$`, got.Header.Get("Retry-After"), "wanted: seconds")
	got = alice.Post(site.url+"/password", "current", goodPassword, "new", "battery staple")
	assert.Equal(t, http.StatusTooManyRequests, got.Status, "wanted: no more tries on a stolen session either")
	site.wantIn(t, alice, name)

	_, err := site.redis(t, "EXPIRE", "failed:account:"+name, 60) // 14 minutes later
	require.NoError(t, err)
	got = mallory.Post(site.url+"/login", "name", name, "password", "wrong password")
	assert.Equal(t, http.StatusTooManyRequests, got.Status)
	assert.Regexp(t, `Try again in (1m0|\d+)s\.`, got.Body, "wanted: a time that further tries do not extend")
	site.forget(t, "failed:account:"+name) // a minute later
	site.loggedIn(t, "Alice", name, goodPassword)

	for i := range 100 {
		mallory.Post(site.url+"/login", "name", fmt.Sprintf("somebody-%d", i), "password", "password")
	}
	got = mallory.Post(site.url+"/login", "name", name, "password", goodPassword)
	assert.Equal(t, http.StatusTooManyRequests, got.Status, "wanted: no more tries from this address")
}

// Mallory's address has no tries left, and he goes on: that takes none from Alice. Nor
// do those who type a mail address as their name take tries from each other.
func TestTriesThatAreRefusedCostNobodyElseATry(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	_, name := site.signedUp(t, "Alice")
	mallory, _ := newVisitor(t, "Mallory")
	for i := range 101 {
		mallory.Post(site.url+"/login", "name", fmt.Sprintf("somebody-%d", i), "password", "password")
	}
	for range 11 {
		got := mallory.Post(site.url+"/login", "name", name, "password", "wrong password")
		require.Equal(t, http.StatusTooManyRequests, got.Status)
	}
	site.ip += "1" // Alice has another address
	site.loggedIn(t, "Alice", name, goodPassword)
	for range 12 {
		got := mallory.Post(site.url+"/login", "name", "somebody@example.com", "password", "password")
		require.Equal(t, http.StatusUnauthorized, got.Status)
	}
}

// forget waits for the end of a key in Redis, which it brings near.
func (r *running) forget(t *testing.T, key string) {
	t.Helper()
	left, err := redigo.Int(r.redis(t, "TTL", key))
	require.NoError(t, err)
	require.Greater(t, left, 0, "wanted: that %s ends by itself", key)
	_, err = r.redis(t, "DEL", key)
	require.NoError(t, err)
}

func (r *running) redis(t *testing.T, command string, args ...any) (any, error) {
	t.Helper()
	conn := r.accounts.pool.Get()
	defer conn.Close()
	return conn.Do(command, args...)
}

// Mallory reads the list of logins: over Alice's shoulder, or in a copy of Redis.
func TestAStolenSessionList(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := site.signedUp(t, "Alice")
	mallory, _ := newVisitor(t, "Mallory")
	bob, _ := site.signedUp(t, "Bob")
	list, err := redigo.StringMap(site.redis(t, "HGETALL", "logins:"+name))
	require.NoError(t, err)
	require.Len(t, list, 1)

	for id, stored := range list {
		sessionID := sessiontest.ID(t, site.store, alice.CookieValue(site.url))
		assert.Regexp(t, `^[A-Z2-7]{52}$`, sessionID, "wanted: 32 random bytes in base32")
		assert.NotContains(t, id+stored+alice.Get(site.url+"/account"), sessionID, "wanted: no ID of a session")
		mallory.SetCookie(site.url, id)
		site.wantOut(t, mallory, "the list holds what is good for a cookie")
		wantRedirect(t, "/account", bob.Post(site.url+"/sessions/end", "id", id)) // of another account
	}
	site.wantIn(t, alice, name)
}

// Mallory adds fields to a form that the page does not have.
func TestMassAssignment(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	mallory, name := newVisitor(t, "Mallory")
	wantRedirect(t, "/account", mallory.Post(site.url+"/signup", "name", name, "password", goodPassword,
		"banned", "", "changed", "7", "created", "1970", "hash", "x", "admin", "1"))
	stored, err := redigo.StringMap(site.redis(t, "HGETALL", "account:"+name))
	require.NoError(t, err)
	assert.Len(t, stored, 3, "wanted: a hash and two times\nlikely cause: the form is written into the account as it is")
	assert.NotEqual(t, "x", stored["hash"])
	assert.NotEqual(t, "7", stored["changed"])
	assert.NotEqual(t, "1970", stored["created"])
}

// Mallory signs up with a name that is HTML, and calls his browser so.
func TestHTMLInAName(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	mallory, _ := newVisitor(t, "Mallory")
	const script = `"><script>alert(1)</script>`
	for _, page := range []string{"/signup", "/login"} {
		got := mallory.Post(site.url+page, "name", script, "password", goodPassword, "next", "/"+script)
		assert.NotContains(t, got.Body, "<script>", page)
		assert.Contains(t, got.Body, "&lt;script&gt;", "wanted: what was typed, escaped")
	}
	_, name := site.signedUp(t, "Alice")
	request, err := http.NewRequest(http.MethodPost, site.url+"/login", strings.NewReader(url.Values{"name": {name}, "password": {goodPassword}}.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("User-Agent", script)
	wantRedirect(t, "/account", mallory.Do(request))
	assert.NotContains(t, mallory.Get(site.url+"/account"), "<script>")
}

// Mallory is a user of another program with our secret, which lets him choose what
// is in his session: on the same Redis, and in a cookie.
func TestACookieOfAnotherProgramWithTheSameSecret(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	_, name := site.signedUp(t, "Alice")
	for _, store := range []sessions.Store{site.store, cookie.NewStore(sessiontest.Secret)} {
		other := gin.New()
		other.Use(sessions.Sessions(sessionName(), store))
		other.GET("/", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("name", name)
			session.Set("login", "")
			assert.NoError(t, session.Save())
		})
		mallory, _ := newVisitor(t, "Mallory")
		otherURL := sessiontest.Serve(t, other)
		mallory.Get(otherURL)
		mallory.SetCookie(site.url, mallory.CookieValue(otherURL))
		site.wantOut(t, mallory, "the session says who is logged in, and nobody asks the account's list")
	}
}

// Mallory presses the back button after Alice has logged out.
func TestTheBackButtonAfterLogout(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, _ := site.signedUp(t, "Alice")
	for _, page := range []string{"/", "/account"} {
		got := alice.Send(http.MethodGet, site.url+page)
		assert.Equal(t, "no-store", got.Header.Get("Cache-Control"), "wanted: a page that no browser keeps")
	}
}

// Alice and Bob, in two browsers, then one after the other in the same one.
func TestTwoBrowsers(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, aliceName := site.signedUp(t, "Alice")
	bob, bobName := site.signedUp(t, "Bob")
	site.wantIn(t, alice, aliceName)
	site.wantIn(t, bob, bobName)

	wantRedirect(t, "/account", alice.Post(site.url+"/password", "current", goodPassword, "new", "battery staple"))
	wantRedirect(t, "/account", alice.Post(site.url+"/login", "name", bobName, "password", goodPassword))
	page := alice.Get(site.url + "/account")
	assert.Contains(t, page, bobName)
	assert.NotContains(t, page, "Your password is changed", "wanted: nothing that was for Alice\nlikely cause: the new session holds what the old one held")
	assert.Equal(t, 2, strings.Count(page, "/sessions/end"))
}

// Mallory asks for Alice's pages and sends her forms without a login.
func TestForcedBrowsing(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	mallory, _ := newVisitor(t, "Mallory")
	site.wantOut(t, mallory, "no login is needed")
	for _, form := range []string{"/password", "/sessions/end", "/logout", "/logout-everywhere"} {
		wantRedirect(t, loginPage, mallory.Post(site.url+form, "current", goodPassword, "new", goodPassword))
	}
	got := mallory.Send(http.MethodGet, site.url+"/account")
	assert.NotContains(t, got.Body, "Where you are logged in", "wanted: a redirect and nothing else\nlikely cause: no Abort, and the handler runs, too")
}

// Mallory shows our page in a frame of his own, or has it run his script.
func TestClickjackingAndInjectedScripts(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, _ := site.signedUp(t, "Alice")
	for _, page := range []string{"/", "/account", "/none"} {
		header := alice.Send(http.MethodGet, site.url+page).Header
		policy := header.Get("Content-Security-Policy")
		assert.Contains(t, policy, "frame-ancestors 'none'", page)
		assert.Contains(t, policy, "default-src 'none'", page)
		assert.NotContains(t, policy, "unsafe-inline")
		assert.Equal(t, "DENY", header.Get("X-Frame-Options"))
		assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		assert.Equal(t, "same-origin", header.Get("Referrer-Policy"))
	}
}

// Mallory sends forms that are too large, or none.
func TestOversizedAndBrokenForms(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	mallory, name := newVisitor(t, "Mallory")
	send := func(contentType, body string) int {
		request, err := http.NewRequest(http.MethodPost, site.url+"/signup", strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", contentType)
		return mallory.Do(request).Status
	}
	const form = "application/x-www-form-urlencoded"
	good := "name=" + name + "&password=correct+horse"
	assert.Equal(t, http.StatusBadRequest, send(form, good+"&more="+strings.Repeat("x", 64*1024)), "wanted: no more than 64 KB")
	assert.Equal(t, http.StatusBadRequest, send(form, good+"&more=%zz"), "wanted: a form that can be read")
	assert.Equal(t, http.StatusUnprocessableEntity, send("application/json", `{"name":"mallory","password":"correct horse"}`))
	part := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	const upload = "multipart/form-data; boundary=x"
	fields := part("name", name) + part("password", goodPassword)
	assert.Equal(t, http.StatusBadRequest, send(upload, fields+part("more", strings.Repeat("x", 64*1024))+"--x--\r\n"), "wanted: no more than 64 KB")
	assert.Equal(t, http.StatusBadRequest, send(upload, fields), "wanted: a form that can be read")
	_, listed := site.redis(t, "HGET", "account:"+name, "hash")
	_, err := redigo.String(site.redis(t, "HGET", "account:"+name, "hash"))
	require.NoError(t, listed)
	assert.ErrorIs(t, err, redigo.ErrNil, "wanted: no account")
}
