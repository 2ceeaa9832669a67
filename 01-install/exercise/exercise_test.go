package exercise

import (
	"net/http"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, nil) }

func newStore() sessions.Store {
	store := cookie.NewStore(sessiontest.Secret)
	store.Options(sessiontest.Options())
	return store
}

func TestExercise1_1(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		url := sessiontest.ServeExercise(t, func(r *gin.Engine) { AddWelcome(r, newStore()) })
		alice := sessiontest.NewBrowser(t, "Alice")
		first := alice.Send(http.MethodGet, url+"/")
		require.Equal(t, http.StatusOK, first.Status,
			"wanted: a page\nlikely cause: sessions.Default found no session in this request; Gin runs middleware in the order of r.Use, your own as well, and gives a route only what stands above it")
		require.Equal(t, "Welcome!", first.Body, "wanted: no Welcome back on a first visit\nlikely cause: recognise, or the page, was changed; only their order is wrong")
		require.Equal(t, "Welcome back!", alice.Send(http.MethodGet, url+"/").Body,
			"wanted: Alice is recognised\nlikely cause: recognise does not see her session; is sessions.Sessions above it?")
	})
}

func TestExercise1_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		url := sessiontest.ServeExercise(t, func(r *gin.Engine) { CountVisits(r, newStore()) })
		alice := sessiontest.NewBrowser(t, "Alice")
		first := alice.Send(http.MethodGet, url+"/visits")
		require.NotEqual(t, http.StatusNotFound, first.Status,
			"wanted: an answer to GET /visits\nlikely cause: the app has no such route yet; r.GET adds one")
		require.Equal(t, http.StatusOK, first.Status,
			"wanted: status 200\nlikely cause: the handler panicked; sessions.Default needs r.Use(sessions.Sessions(…)) above the route, and on a first visit Get returns nil, which is no number")
		require.Equal(t, "1", first.Body, "wanted: 1 on a first visit\nlikely cause: the number from the session, 0 at first, has to grow before it is sent")
		require.Equal(t, "2", alice.Send(http.MethodGet, url+"/visits").Body,
			"wanted: 2 on a second visit\nlikely cause: the new number was not set, or not saved, or saved only after the answer")
		require.Equal(t, "1", sessiontest.NewBrowser(t, "Bob").Send(http.MethodGet, url+"/visits").Body,
			"wanted: Bob is counted by himself\nlikely cause: the number is not in the session, but in a variable that all visitors share")

		t.Log("now with a store that cannot save")
		url = sessiontest.ServeExercise(t, func(r *gin.Engine) { CountVisits(r, sessiontest.CannotSave(newStore())) })
		lost := sessiontest.NewBrowser(t, "a stranger").Send(http.MethodGet, url+"/visits")
		require.Equal(t, http.StatusInternalServerError, lost.Status,
			"wanted: status 500, because this visit is not kept\nlikely cause: Save returned an error, and nobody looked at it")
		require.NotContains(t, lost.Body, "1", "wanted: no number, because Save failed\nlikely cause: the handler goes on after the error")
	})
}
