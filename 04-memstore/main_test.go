package main

import (
	"net/http"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

// start runs the program's router on a new, empty memory until the test ends, as
// every start of the program does, and returns its URL.
func start(t *testing.T) (app string) {
	t.Helper()
	return sessiontest.Serve(t, newRouter(newStore(sessiontest.Secret)))
}

func TestEveryVisitCountsOneMore(t *testing.T) {
	app, alice := start(t), sessiontest.NewBrowser(t, "Alice")

	first := alice.Send(http.MethodGet, app+"/incr")
	require.Equal(t, http.StatusOK, first.Status)
	assert.JSONEq(t, `{"count":0}`, first.Body)
	require.Len(t, first.Cookies, 1, "wanted: one Set-Cookie\nlikely cause: nothing was saved, or only after the body")
	assert.Equal(t, "mysession", first.Cookies[0].Name)
	assert.NotContains(t, sessiontest.Decode(t, first.Cookies[0].Value), "count", "wanted: an ID in the cookie, and the values in memory")

	assert.JSONEq(t, `{"count":1}`, alice.Get(app+"/incr"), "wanted: one more than before\nlikely cause: the count was not set, or not saved")
	assert.JSONEq(t, `{"count":2}`, alice.Get(app+"/incr"))
}

func TestLogoutEndsTheSessionInTheBrowserAndInMemory(t *testing.T) {
	app := start(t)
	alice, thief := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "the thief")
	alice.Get(app + "/incr")
	thief.SetCookie(app, alice.CookieValue(app))
	assert.JSONEq(t, `{"count":1}`, thief.Get(app+"/incr"), "wanted: until the logout a copy is as good as the cookie")

	out := alice.Send(http.MethodPost, app+"/logout")

	assert.Equal(t, http.StatusNoContent, out.Status)
	assert.Nil(t, alice.Cookie(app), "wanted: no cookie left\nlikely cause: MaxAge is not negative, or nothing was saved")
	assert.JSONEq(t, `{"count":0}`, thief.Get(app+"/incr"), "wanted: the copy finds nothing\nlikely cause: the session is still in memory: only a negative MaxAge and Save delete it")
}

func TestAnAppRestartLosesTheSession(t *testing.T) {
	alice := sessiontest.NewBrowser(t, "Alice")
	app := start(t)
	alice.Get(app + "/incr")
	assert.JSONEq(t, `{"count":1}`, alice.Get(app+"/incr"))

	restarted := start(t)

	assert.JSONEq(t, `{"count":0}`, alice.Get(restarted+"/incr"), "wanted: the memory is gone with the old app")
}

func TestTwoAppsDoNotShareTheSession(t *testing.T) {
	alice := sessiontest.NewBrowser(t, "Alice")
	one, other := start(t), start(t)

	assert.JSONEq(t, `{"count":0}`, alice.Get(one+"/incr"))
	assert.JSONEq(t, `{"count":0}`, alice.Get(other+"/incr"), "wanted: each app counts in its own memory")
	assert.JSONEq(t, `{"count":1}`, alice.Get(one+"/incr"), "wanted: the first app knows nothing of the other")
}

func TestASessionEndsAfterADayInTheServerToo(t *testing.T) {
	app, alice := start(t), sessiontest.NewBrowser(t, "Alice")
	alice.Get(app + "/incr")
	fresh := alice.CookieValue(app)

	alice.SetCookie(app, sessiontest.Aged(t, fresh, 23*time.Hour))
	assert.JSONEq(t, `{"count":1}`, alice.Get(app+"/incr"), "wanted: a session of a day\nlikely cause: the store's MaxAge is too short")

	alice.SetCookie(app, sessiontest.Aged(t, fresh, 25*time.Hour))
	assert.JSONEq(t, `{"count":0}`, alice.Get(app+"/incr"), "wanted: no session after a day\nlikely cause: the store's MaxAge was not set, and the signature lives on")
}

func TestAnExpiredSessionStaysInMemory(t *testing.T) {
	t.Parallel() // it waits until a session expires
	store := newStore(sessiontest.Secret)
	app, alice := sessiontest.Serve(t, newRouter(store)), sessiontest.NewBrowser(t, "Alice")
	lifetime := store.(interface{ MaxAge(seconds int) })
	lifetime.MaxAge(1)
	alice.Get(app + "/incr")
	cookie := alice.CookieValue(app)
	require.Eventually(t, func() bool {
		alice.SetCookie(app, cookie)
		return alice.Get(app+"/incr") == `{"count":0}`
	}, time.Minute, 100*time.Millisecond, "wanted: a session that expires after a second")

	lifetime.MaxAge(60) // the same cookie is good again

	alice.SetCookie(app, cookie)
	assert.NotEqual(t, `{"count":0}`, alice.Get(app+"/incr"), "wanted: the old count\nlikely cause: memstore has learned to clean up: tell the README")
}

// program is for the tests that every program of the tutorial has to pass: see
// ../01-install/sessiontest.
var program = sessiontest.Counter(newRouter,
	func(_ string, secret []byte) (sessions.Store, error) { return newStore(secret), nil }, "")

func TestContract(t *testing.T) { sessiontest.TestContract(t, program) }

func TestProgram(t *testing.T) { sessiontest.TestProgram(t, sessionSecret, "/incr", nil) }

func FuzzNoOtherCookieIsTrusted(f *testing.F) { sessiontest.FuzzCookie(f, program) }
