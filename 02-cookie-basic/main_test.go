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

const (
	newVisitor       = `{"hello":"world","returning":false}`
	returningVisitor = `{"hello":"world","returning":true}`
)

// serve runs the program's router until the test ends, and returns its URL.
func serve(t *testing.T, store sessions.Store) string {
	t.Helper()
	return sessiontest.Serve(t, newRouter(store))
}

func TestTheFirstVisitSetsACookieAndTheSecondBringsItBack(t *testing.T) {
	app, alice := serve(t, newStore(sessiontest.Secret)), sessiontest.NewBrowser(t, "Alice")

	first := alice.Send(http.MethodGet, app+"/hello")
	require.Equal(t, http.StatusOK, first.Status)
	assert.JSONEq(t, newVisitor, first.Body)
	require.Len(t, first.Cookies, 1, "wanted: one Set-Cookie\nlikely cause: nothing was saved, or only after the body")
	assert.Equal(t, "mysession", first.Cookies[0].Name)

	second := alice.Send(http.MethodGet, app+"/hello")
	assert.JSONEq(t, returningVisitor, second.Body, "wanted: the value comes out of the cookie\nlikely cause: it was not saved")
	assert.Empty(t, second.Cookies, "wanted: no new cookie, because nothing has changed")
}

func TestDeleteForgetsTheValueAndKeepsTheSession(t *testing.T) {
	app, alice := serve(t, newStore(sessiontest.Secret)), sessiontest.NewBrowser(t, "Alice")
	alice.Get(app + "/hello")

	deleted := alice.Send(http.MethodDelete, app+"/hello")

	assert.Equal(t, http.StatusNoContent, deleted.Status)
	assert.NotNil(t, alice.Cookie(app), "wanted: the cookie is still there")
	assert.JSONEq(t, newVisitor, alice.Get(app+"/hello"), "wanted: the value is gone\nlikely cause: Delete was not saved")
}

func TestLogoutEndsTheSessionInTheBrowser(t *testing.T) {
	app, alice := serve(t, newStore(sessiontest.Secret)), sessiontest.NewBrowser(t, "Alice")
	alice.Get(app + "/hello")

	out := alice.Send(http.MethodPost, app+"/logout")

	assert.Equal(t, http.StatusNoContent, out.Status)
	assert.Nil(t, alice.Cookie(app), "wanted: no cookie left\nlikely cause: MaxAge is not negative, or nothing was saved")
	assert.JSONEq(t, newVisitor, alice.Get(app+"/hello"), "wanted: Alice is a new visitor now")
}

func TestACopiedCookieStillWorksAfterLogout(t *testing.T) {
	app := serve(t, newStore(sessiontest.Secret))
	alice, thief := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "the thief")
	alice.Get(app + "/hello")
	thief.SetCookie(app, alice.CookieValue(app))

	alice.Send(http.MethodPost, app+"/logout")

	assert.JSONEq(t, returningVisitor, thief.Get(app+"/hello"),
		"wanted: the copy works on, because the server keeps nothing that it could compare")
}

func TestTheSecretSignsButDoesNotEncrypt(t *testing.T) {
	app, alice := serve(t, newStore(sessiontest.Secret)), sessiontest.NewBrowser(t, "Alice")
	alice.Get(app + "/hello")

	assert.Contains(t, sessiontest.Decode(t, alice.CookieValue(app)), "world", "wanted: anybody can read the values, without the secret")
}

func TestASessionEndsAfterADayInTheServerToo(t *testing.T) {
	app, alice := serve(t, newStore(sessiontest.Secret)), sessiontest.NewBrowser(t, "Alice")
	alice.Get(app + "/hello")
	fresh := alice.CookieValue(app)

	alice.SetCookie(app, sessiontest.Aged(t, fresh, 23*time.Hour))
	assert.JSONEq(t, returningVisitor, alice.Get(app+"/hello"), "wanted: a session of a day\nlikely cause: the store's MaxAge is too short")

	alice.SetCookie(app, sessiontest.Aged(t, fresh, 25*time.Hour))
	assert.JSONEq(t, newVisitor, alice.Get(app+"/hello"), "wanted: no session after a day\nlikely cause: the store's MaxAge was not set, and the signature lives on")
}

func TestAnotherAppWithTheSameSecretKnowsTheSession(t *testing.T) {
	alice := sessiontest.NewBrowser(t, "Alice")
	alice.Get(serve(t, newStore(sessiontest.Secret)) + "/hello")

	restarted := serve(t, newStore(sessiontest.Secret)) // or a second instance beside the first
	assert.JSONEq(t, returningVisitor, alice.Get(restarted+"/hello"), "wanted: the values are in the cookie, for any app with the secret")

	another := serve(t, newStore([]byte("another secret, as after a bad rotation")))
	assert.JSONEq(t, newVisitor, alice.Get(another+"/hello"), "wanted: another secret ends every session")
}

func TestADeleteThatIsNotSavedIsA500(t *testing.T) {
	app, alice := serve(t, sessiontest.CannotSave(newStore(sessiontest.Secret))), sessiontest.NewBrowser(t, "Alice")

	failed := alice.Send(http.MethodDelete, app+"/hello")

	assert.Equal(t, http.StatusInternalServerError, failed.Status, "wanted: an error\nlikely cause: nobody looked at Save's")
	assert.JSONEq(t, `{"error":"session not saved"}`, failed.Body)
}

// program is for the tests that every program of the tutorial has to pass:
// see ../01-install/sessiontest.
var program = sessiontest.App{
	NewRouter: newRouter,
	NewStore:  func(_ string, secret []byte) (sessions.Store, error) { return newStore(secret), nil },
	Path:      "/hello",
	Visits:    [3]string{newVisitor, returningVisitor, returningVisitor},
	Failure:   sessiontest.Answer{Status: http.StatusInternalServerError, Body: `{"error":"session not saved"}`},
}

func TestContract(t *testing.T) { sessiontest.TestContract(t, program) }

func TestProgram(t *testing.T) { sessiontest.TestProgram(t, sessionSecret, "/hello", nil) }

// FuzzNoOtherCookieIsTrusted sends whatever the fuzzer thinks of. Run it with
//
//	go test -fuzz . -fuzztime 30s ./02-cookie-basic
func FuzzNoOtherCookieIsTrusted(f *testing.F) { sessiontest.FuzzCookie(f, program) }
