package exercise

import (
	"errors"
	"net/http"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"
	"github.com/stretchr/testify/require"
)

func newStore() sessions.Store {
	store := cookie.NewStore([]byte("signs the cookies of these tests"))
	store.Options(storeOptions())
	return store
}

func TestExercise1_1(t *testing.T) {
	exercise(t, func(t *testing.T) {
		url := serve(t, func(r *gin.Engine) { AddWelcome(r, newStore()) })
		alice := newBrowser(t, "Alice")
		first := alice.send(http.MethodGet, url+"/")
		require.Equal(t, http.StatusOK, first.status,
			"wanted: a page\nlikely cause: sessions.Default found no session in this request; Gin runs middleware in the order of r.Use, your own as well, and gives a route only what stands above it")
		require.Equal(t, "Welcome!", first.body, "wanted: no Welcome back on a first visit\nlikely cause: recognise, or the page, was changed; only their order is wrong")
		require.Equal(t, "Welcome back!", alice.send(http.MethodGet, url+"/").body,
			"wanted: Alice is recognised\nlikely cause: recognise does not see her session; is sessions.Sessions above it?")
	})
}

// brokenStore cannot save a session.
type brokenStore struct{ sessions.Store }

func (brokenStore) Save(*http.Request, http.ResponseWriter, *gorilla.Session) error {
	return errors.New("this store cannot save")
}

func (s brokenStore) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(s, name)
}

func TestExercise1_2(t *testing.T) {
	exercise(t, func(t *testing.T) {
		url := serve(t, func(r *gin.Engine) { CountVisits(r, newStore()) })
		alice := newBrowser(t, "Alice")
		first := alice.send(http.MethodGet, url+"/visits")
		require.NotEqual(t, http.StatusNotFound, first.status,
			"wanted: an answer to GET /visits\nlikely cause: the app has no such route yet; r.GET adds one")
		require.Equal(t, http.StatusOK, first.status,
			"wanted: status 200\nlikely cause: the handler panicked; sessions.Default needs r.Use(sessions.Sessions(…)) above the route, and on a first visit Get returns nil, which is no number")
		require.Equal(t, "1", first.body, "wanted: 1 on a first visit\nlikely cause: the number from the session, 0 at first, has to grow before it is sent")
		require.Equal(t, "2", alice.send(http.MethodGet, url+"/visits").body,
			"wanted: 2 on a second visit\nlikely cause: the new number was not set, or not saved, or saved only after the answer")
		require.Equal(t, "1", newBrowser(t, "Bob").send(http.MethodGet, url+"/visits").body,
			"wanted: Bob is counted by himself\nlikely cause: the number is not in the session, but in a variable that all visitors share")

		t.Log("now with a store that cannot save")
		url = serve(t, func(r *gin.Engine) { CountVisits(r, brokenStore{newStore()}) })
		lost := newBrowser(t, "Carol").send(http.MethodGet, url+"/visits")
		require.Equal(t, http.StatusInternalServerError, lost.status,
			"wanted: status 500, because this visit is not kept\nlikely cause: Save returned an error, and nobody looked at it")
		require.NotContains(t, lost.body, "1", "wanted: no number, because Save failed\nlikely cause: the handler goes on after the error")
	})
}
