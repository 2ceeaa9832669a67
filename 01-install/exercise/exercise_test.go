package exercise

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, nil) }

// exercise is what both exercises ask for: a function that adds one page to an app.
// The page tells a visitor's first visit from the later ones.
type exercise struct {
	addPage func(r *gin.Engine, store sessions.Store)
	path    string
	want    func(visit int) string // the answer to a visitor's first visit, second visit, …
}

// start starts the app, with cookies that this secret signs, and returns the page's URL.
func (e exercise) start(t *testing.T, secret []byte) (page string) {
	t.Helper()
	store := cookie.NewStore(secret)
	store.Options(sessiontest.Options())
	return sessiontest.ServeExercise(t, func(r *gin.Engine) { e.addPage(r, store) }) + e.path
}

// body visits the page, and returns what it says.
func body(visitor *sessiontest.Browser, page string) string {
	return strings.TrimSpace(visitor.Send(http.MethodGet, page).Body)
}

// requireFirst makes Alice's first visit, and returns what the page says.
func (e exercise) requireFirst(t *testing.T, alice *sessiontest.Browser, page, whyNot200 string) string {
	t.Helper()
	first := alice.Send(http.MethodGet, page)
	require.NotEqual(t, http.StatusNotFound, first.Status,
		"wanted: an answer to GET %s\nlikely cause: the app has no such route; r.GET adds one", e.path)
	require.Equal(t, http.StatusOK, first.Status, "wanted: status 200\nlikely cause: %s", whyNot200)
	for _, cookie := range first.Cookies {
		require.False(t, cookie.Secure,
			"wanted: a cookie that the browser sends back over http\nlikely cause: it is not made with the options of the store that the function is given")
	}
	return strings.TrimSpace(first.Body)
}

// requireSession checks that what the app remembers of a visitor is in the session,
// after so many visits of Alice's.
func (e exercise) requireSession(t *testing.T, alice *sessiontest.Browser, page string, visits int) {
	t.Helper()
	const shared = "likely cause: the visits are not remembered in the session, but in a variable that all visitors share"
	bob := sessiontest.NewBrowser(t, "Bob")
	require.Equal(t, e.want(1), body(bob, page), "wanted: a first visit, because Bob is new\n"+shared)
	require.Equal(t, e.want(visits+1), body(alice, page), "wanted: Alice's next visit, whoever came in between\n"+shared)

	t.Log("the app stops, and starts again")
	require.Equal(t, e.want(visits+2), body(alice, e.start(t, sessiontest.Secret)),
		"wanted: Alice's next visit\nlikely cause: the visits are not remembered in the store that the function is given, but in something that is lost when the app stops")
	t.Log("the app stops, and starts with another secret, so that nobody's session is valid any more")
	require.Equal(t, e.want(1), body(bob, e.start(t, []byte("another secret, thirty-two bytes"))),
		"wanted: a first visit\nlikely cause: the visits are found through a cookie that the given store has not signed, so any visitor can write one")
}

// requireError visits the page on a store that cannot save, and returns the body of
// the answer.
func (e exercise) requireError(t *testing.T, alice *sessiontest.Browser) string {
	t.Helper()
	t.Log("now with a store that cannot save")
	broken := exercise{func(r *gin.Engine, store sessions.Store) { e.addPage(r, sessiontest.CannotSave(store)) }, e.path, e.want}
	lost := alice.Send(http.MethodGet, broken.start(t, sessiontest.Secret))
	require.Equal(t, http.StatusInternalServerError, lost.Status,
		"wanted: status 500, because this visit is not kept\nlikely cause: the error that Save returns is not checked, or the handler goes on after it and answers as if nothing had happened")
	return lost.Body
}

func TestExercise1_1(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		welcome := exercise{AddWelcome, "/", func(visit int) string {
			if visit == 1 {
				return "Welcome!"
			}
			return "Welcome back!"
		}}
		alice, page := sessiontest.NewBrowser(t, "Alice"), welcome.start(t, sessiontest.Secret)
		require.Equal(t, "Welcome!", welcome.requireFirst(t, alice, page,
			"sessions.Default found no session in this request; Gin runs middleware in the order of r.Use, your own as well, and gives a route only what stands above it"),
			"wanted: no Welcome back on a first visit\nlikely cause: recognise or welcome was changed; only the order in AddWelcome is wrong")
		require.Equal(t, "Welcome back!", body(alice, page),
			"wanted: Alice is recognised\nlikely cause: recognise has not looked into her session before welcome ran; it belongs below sessions.Sessions and above r.GET; or welcome no longer saves the visit")
		welcome.requireSession(t, alice, page, 2)
		welcome.requireError(t, alice)
	})
}

func TestExercise1_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		counter := exercise{CountVisits, "/visits", strconv.Itoa}
		alice, page := sessiontest.NewBrowser(t, "Alice"), counter.start(t, sessiontest.Secret)
		require.Equal(t, "1", counter.requireFirst(t, alice, page,
			"the handler panicked; sessions.Default needs r.Use(sessions.Sessions(…)) above the route, and on a first visit Get returns nil, which is not a number"),
			"wanted: 1 on a first visit\nlikely cause: the number from the session, 0 at first, has to grow before it is sent")
		require.Equal(t, "2", body(alice, page),
			"wanted: 2 on a second visit\nlikely cause: the new number was not set, or not saved, or saved only after the answer")
		for visit := 3; visit <= 10; visit++ {
			require.Equal(t, strconv.Itoa(visit), body(alice, page),
				"wanted: each visit counts\nlikely cause: the answer is not the number of the visit before plus 1, or is not set and saved on every visit")
		}
		counter.requireSession(t, alice, page, 10)
		require.NotRegexp(t, `\b13\b`, counter.requireError(t, alice),
			"wanted: no number, because Save failed\nlikely cause: the handler goes on after the error")
	})
}
