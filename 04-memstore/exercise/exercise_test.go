package exercise

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, nil) }

func newStore() sessions.Store {
	store := memstore.NewStore(sessiontest.Secret)
	store.Options(sessiontest.Options())
	return store
}

// wait returns what comes from the channel. What comes, comes at once; only for
// what never does, it takes half a minute to be sure.
func wait[T any](t *testing.T, channel <-chan T, message string) (got T) {
	t.Helper()
	select {
	case got = <-channel:
	case <-time.After(30 * time.Second):
		require.Fail(t, "waited for nothing", message)
	}
	return got
}

func TestExercise4_1(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		now := time.Date(2026, time.November, 23, 15, 0, 0, 0, time.UTC) // a clock that goes when we say so
		store := NewExpiringStore(sessiontest.Secret, 24*time.Hour, func() time.Time { return now })
		store.Options(sessiontest.Options())
		url := sessiontest.ServeExercise(t, func(r *gin.Engine) {
			r.Use(sessions.Sessions("mysession", store))
			r.GET("/visits", func(c *gin.Context) {
				session := sessions.Default(c)
				count, _ := session.Get("count").(int)
				session.Set("count", count+1)
				if err := session.Save(); err != nil {
					_ = c.AbortWithError(http.StatusInternalServerError, err)
					return
				}
				c.String(http.StatusOK, "%d", count+1)
			})
		})
		alice := sessiontest.NewBrowser(t, "Alice")
		alice.Send(http.MethodGet, url+"/visits")
		visitors := []*sessiontest.Browser{alice}
		const robots = 3
		for range robots {
			robot := sessiontest.NewBrowser(t, "a robot")
			robot.Send(http.MethodGet, url+"/visits")
			visitors = append(visitors, robot)
		}
		t.Log("23 hours later")
		now = now.Add(23 * time.Hour)
		require.Equal(t, "2", alice.Send(http.MethodGet, url+"/visits").Body,
			"wanted: the second visit of Alice\nlikely cause: Save has to keep her session in memstore, with s.Store.Save")
		t.Logf("%d sessions are in memstore. Two more hours later, Sweep is called", kept(t, store.Store, url, visitors))
		now = now.Add(2 * time.Hour)
		sweep(t, store)

		t.Logf("%d sessions are in memstore", kept(t, store.Store, url, visitors))
		require.Equal(t, "3", alice.Send(http.MethodGet, url+"/visits").Body,
			"wanted: the third visit of Alice, who was here two hours ago\nlikely cause: her session was swept out; 24 hours count from the last Save of each session")
		require.Equal(t, 1, kept(t, store.Store, url, visitors),
			"wanted: only Alice's session is in memstore, the robots were here 25 hours ago\nlikely cause: Sweep did not find or not remove them; memstore removes a session when it is saved with a negative MaxAge, and never otherwise")
		fields := reflect.ValueOf(store).Elem()
		for i := range fields.NumField() {
			if field := fields.Field(i); field.Kind() == reflect.Map {
				require.Less(t, field.Len(), robots,
					"wanted: nothing is left of the robots\nlikely cause: their IDs are still in the map %q, which now grows and grows", fields.Type().Field(i).Name)
			}
		}
	})
}

// sweep lets the store sweep, and then once more: a lock that the first one did
// not give back stops the second.
func sweep(t *testing.T, store *ExpiringStore) {
	t.Helper()
	swept := make(chan bool)
	go func() {
		defer close(swept)
		const needs = "wanted: Sweep removes what is over\nlikely cause: memstore's Save needs a session with options, and a ResponseWriter for its cookie"
		assert.NotPanics(t, func() {
			for range 2 {
				assert.NoError(t, store.Sweep(), needs)
			}
		}, needs)
	}()
	wait(t, swept, "wanted: Sweep ends\nlikely cause: it waits for a lock that is never given back, or that it has itself; s.Save takes the lock, too, and s.Store.Save does not")
	if t.Failed() {
		t.FailNow()
	}
}

// kept returns how many of the visitors have a session in memstore.
func kept(t *testing.T, store sessions.Store, url string, visitors []*sessiontest.Browser) (count int) {
	t.Helper()
	for _, visitor := range visitors {
		session, err := store.New(requestOf(visitor, http.MethodGet, url, "/"), "mysession")
		require.NoError(t, err)
		if !session.IsNew {
			count++
		}
	}
	return count
}

func TestExercise4_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		// One processor: a goroutine that the handler starts begins when the handler
		// has ended, or waits for it. The other order is luck.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))

		type invoice struct {
			user  string
			items []string
		}
		connected, mailed := make(chan bool), make(chan invoice, 1) // connect lasts until we receive
		var app *gin.Engine
		url := sessiontest.ServeExercise(t, func(r *gin.Engine) {
			app = r
			r.Use(sessions.Sessions("mysession", newStore()))
			r.POST("/cart/:user/:item", func(c *gin.Context) {
				session := sessions.Default(c)
				session.Set("user", c.Param("user"))
				session.Set("cart", []string{c.Param("item")})
				if err := session.Save(); err != nil {
					_ = c.AbortWithError(http.StatusInternalServerError, err)
				}
			})
			r.GET("/cart", func(c *gin.Context) {
				items, _ := sessions.Default(c).Get("cart").([]string)
				c.String(http.StatusOK, "%d items", len(items))
			})
			r.POST("/order", PlaceOrder(func() { connected <- true }, func(user string, items []string) { mailed <- invoice{user, items} }))
		})
		alice, bob := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "Bob")
		bob.Send(http.MethodPost, url+"/cart/bob/beer")
		for _, item := range []string{"tea", "milk", "honey"} { // luck does not last
			alice.Send(http.MethodPost, url+"/cart/alice/"+item)

			// Gin keeps its contexts, and uses them again. Which one a request gets is
			// luck, too, so here this one goes from Alice to Bob.
			answer := httptest.NewRecorder()
			c := gin.CreateTestContextOnly(answer, app)
			c.Request = requestOf(alice, http.MethodPost, url, "/order")
			answered := make(chan bool)
			go func() {
				app.HandleContext(c)
				close(answered)
			}()
			wait(t, answered, "wanted: an answer before the mail server is reached\nlikely cause: the handler waits for connect, and the visitor for the handler")
			t.Logf("Alice sends POST /order,\n  gets %d", answer.Code)
			require.Equal(t, http.StatusAccepted, answer.Code, "wanted: the order is accepted\nlikely cause: the handler panicked, or answers with something else")
			require.Equal(t, "0 items", alice.Send(http.MethodGet, url+"/cart").Body,
				"wanted: an empty cart after the order\nlikely cause: the handler answered, and had not emptied or not saved the session")

			t.Log("Bob sends GET /cart, and Gin uses the context of Alice's order again")
			c.Request = requestOf(bob, http.MethodGet, url, "/cart")
			app.HandleContext(c)
			wait(t, connected, "wanted: a goroutine that calls connect, then mail\nlikely cause: connect was not called")
			got := wait(t, mailed, "wanted: an invoice for Alice\nlikely cause: mail was not called after connect")
			t.Logf("the mail server is reached: an invoice for %q goes to %q", got.items, got.user)
			require.Equal(t, "alice", got.user,
				"wanted: the invoice goes to Alice\nlikely cause: the goroutine looks into c after the request, and c is another request's by then")
			require.Equal(t, []string{item}, got.items,
				"wanted: all that Alice ordered\nlikely cause: the goroutine reads the session when the handler has emptied the cart; a copy of c holds the same session")
		}
	})
}

// requestOf returns a request with the browser's cookies.
func requestOf(b *sessiontest.Browser, method, url, path string) *http.Request {
	request := httptest.NewRequest(method, path, nil)
	for _, cookie := range b.Cookies(url) {
		request.AddCookie(cookie)
	}
	return request
}
