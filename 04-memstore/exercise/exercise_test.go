package exercise

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"
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
		const maxAge, bots = 8 * time.Hour, 30
		clock := new(stoppedClock)
		store := NewExpiringStore(sessiontest.Secret, maxAge, clock.now)
		store.Options(sessiontest.Options())
		memstore := &watched{Store: store.Store}
		store.Store = memstore
		// visit returns what a visit does with its session: it loads it, and Save comes later.
		visit := func(r *http.Request, w http.ResponseWriter) (save func() error) {
			session, err := store.Get(r, "mysession")
			require.NoError(t, err)
			count, _ := session.Values["count"].(int)
			session.Values["count"] = count + 1
			return func() error { return session.Save(r, w) }
		}

		t.Logf("a bot that sends no cookie back comes %d times", bots)
		var cookies []*http.Cookie
		for range bots {
			answer := httptest.NewRecorder()
			require.NoError(t, call(t, "Save", visit(httptest.NewRequest(http.MethodGet, "/", nil), answer)),
				"wanted: Save saves\nlikely cause: this error is its own, memstore has none here")
			cookies = append(cookies, answer.Result().Cookies()...)
		}
		require.True(t, clock.wasAsked(), "wanted: Save notes the time of each session\nlikely cause: Save has not called s.now, the clock of the store")

		url := sessiontest.ServeExercise(t, func(r *gin.Engine) {
			r.GET("/visits", sessions.Sessions("mysession", store), func(c *gin.Context) {
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
		t.Log("7 hours later")
		clock.add(7 * time.Hour)
		require.Equal(t, "2", alice.Send(http.MethodGet, url+"/visits").Body,
			"wanted: the second visit of Alice\nlikely cause: Save has not kept her session in memstore, with s.Store.Save")
		require.Equal(t, bots, memstore.kept(t, cookies...),
			"wanted: Save only saves\nlikely cause: it removes sessions, too, and that is for Sweep")

		t.Logf("2 hours later Sweep is called; maxAge is %v", maxAge)
		clock.add(2 * time.Hour)
		clock.wasAsked()
		noted, saves := notes(store), memstore.saves.Load()
		require.NoError(t, call(t, "Sweep", store.Sweep), "wanted: Sweep removes what is over\nlikely cause: this error is its own, memstore has none here")
		require.True(t, clock.wasAsked(), "wanted: Sweep compares the time of each session with the clock\nlikely cause: Sweep has not called s.now")
		require.Equal(t, "3", alice.Send(http.MethodGet, url+"/visits").Body,
			"wanted: the third visit of Alice, who was here two hours ago\nlikely cause: Sweep removed her session; maxAge counts from the last Save of a session")
		if left := memstore.kept(t, cookies...); left > 0 {
			cause := "s.Store.Save was called, and not with the ID of each session that is over, or not with a MaxAge of -1"
			switch noneSaved := memstore.saves.Load() == saves+1; { // Alice's
			case noted < bots:
				cause = "their times are not noted under their IDs; a new session gets its ID from s.Store.Save"
			case noneSaved && notes(store) < noted:
				cause = "Sweep took their IDs out of its own map only; memstore removes a session when s.Store.Save saves it with a negative MaxAge, and never otherwise"
			case noneSaved:
				cause = "Sweep has called s.Store.Save for none of them; they are over after s.maxAge, and memstore removes nothing by itself"
			}
			require.Zero(t, left, "wanted: no session of the bot is in memstore, 9 hours after its visits\nlikely cause: %s", cause)
		}
		require.Less(t, notes(store), bots, "wanted: nothing is left of the bot's sessions\nlikely cause: their IDs are still in the store's own map, which now grows and grows")

		t.Log("9 hours later Alice is back. Just when her session is saved, Sweep is called")
		clock.add(9 * time.Hour)
		memstore.interrupt(t, visit(requestOf(alice, http.MethodGet, url, "/"), httptest.NewRecorder()), store.Sweep)
		require.Equal(t, "5", alice.Send(http.MethodGet, url+"/visits").Body,
			"wanted: the fifth visit of Alice\nlikely cause: Sweep came between the two steps of Save; both need the lock, Save for both steps")
		t.Log("9 hours later Alice is back. Sweep has just found her session, when it is saved")
		clock.add(9 * time.Hour)
		memstore.interrupt(t, store.Sweep, visit(requestOf(alice, http.MethodGet, url, "/"), httptest.NewRecorder()))
		require.Equal(t, "7", alice.Send(http.MethodGet, url+"/visits").Body,
			"wanted: the seventh visit of Alice\nlikely cause: Save came between the two steps of Sweep, which removed what was just saved; both need the lock, Sweep until it has removed what it found")

		t.Log("memstore has an error for each Save")
		memstore.fails = errors.New("memstore is out of order")
		require.Equal(t, http.StatusInternalServerError, alice.Send(http.MethodGet, url+"/visits").Status,
			"wanted: Save returns memstore's error\nlikely cause: Save drops the error of s.Store.Save")
		clock.add(9 * time.Hour)
		require.Error(t, call(t, "Sweep", store.Sweep), "wanted: Sweep returns memstore's error\nlikely cause: Sweep drops the error of s.Store.Save")
		memstore.fails = nil
		require.NoError(t, call(t, "Sweep", store.Sweep))

		saveAtOnce(t, store)
	})
}

// saveAtOnce saves in several goroutines. Go ends a program that uses a map in two
// goroutines at once, and then nothing else is printed: so the cause comes first.
func saveAtOnce(t *testing.T, store *ExpiringStore) {
	t.Helper()
	fmt.Println("Many visitors save at the same time, and Sweep is called.\n" +
		"wanted: Go finds nothing wrong with that\nlikely cause: two goroutines use the map at once, the lock does not keep them apart; and then Go ends the whole program")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	store.Store = nowhere{store.Store} // it takes no time, so the time goes to the map
	var working sync.WaitGroup
	for i := range 4 {
		session := gorilla.NewSession(store, "mysession")
		session.Options = &gorilla.Options{MaxAge: 60}
		request, answer := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		working.Add(1)
		go func() { // and not working.Go, which makes the message of Go's longer
			for j := range 100_000 {
				session.ID = strconv.Itoa(4*j + i)
				assert.NoError(t, store.Save(request, answer, session))
			}
			working.Done()
		}()
	}
	for range 20 {
		assert.NoError(t, store.Sweep())
	}
	working.Wait()
}

func TestExercise4_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		// One processor: a goroutine that the handler starts begins when the handler
		// has ended, or waits for it. The other order is luck.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))

		connected, mailed := make(chan bool), make(chan invoice, 10) // connect lasts until we receive
		var reached atomic.Int32
		order := PlaceOrder(func() {
			connected <- true
			reached.Add(1)
		}, func(user string, items []string) { mailed <- invoice{user, items, reached.Add(-1) < 0} })

		var app *gin.Engine
		url := sessiontest.ServeExercise(t, func(r *gin.Engine) {
			app = r
			store := newStore()
			r.Use(sessions.Sessions("mysession", store))
			r.POST("/cart/:user/:item", func(c *gin.Context) {
				session := sessions.Default(c)
				items, _ := session.Get("cart").([]string)
				session.Set("user", c.Param("user"))
				session.Set("cart", append(items, c.Param("item")))
				if err := session.Save(); err != nil {
					_ = c.AbortWithError(http.StatusInternalServerError, err)
				}
			})
			r.GET("/cart", func(c *gin.Context) {
				session := sessions.Default(c)
				items, _ := session.Get("cart").([]string)
				c.String(http.StatusOK, "%v has %d items", session.Get("user"), len(items))
			})
			r.POST("/order", order)
			r.POST("/full/order", sessions.Sessions("mysession", sessiontest.CannotSave(store)), order)
		})
		alice, bob, carol := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "Bob"), sessiontest.NewBrowser(t, "Carol")
		// send orders, in this context, and looks at the cart.
		send := func(c *gin.Context, visitor *sessiontest.Browser, user string) {
			t.Logf("POST /order for %s", user)
			c.Request = requestOf(visitor, http.MethodPost, url, "/order")
			answered := make(chan bool)
			go func() {
				app.HandleContext(c)
				close(answered)
			}()
			wait(t, answered, "wanted: an answer before the mail server is reached\nlikely cause: the handler waits for connect, and the visitor for the handler")
			page := visitor.Send(http.MethodGet, url+"/cart").Body
			require.Contains(t, page, user+" has ", "wanted: the visitor is still known\nlikely cause: the handler emptied the whole session, and not the cart only")
			require.Equal(t, user+" has 0 items", page, "wanted: an empty cart after the order\nlikely cause: the handler answered, and had not emptied the cart, or not saved the session")
		}
		receive := func() (got invoice) {
			wait(t, connected, "wanted: a goroutine that calls connect, then mail\nlikely cause: connect was not called")
			got = wait(t, mailed, "wanted: an invoice\nlikely cause: mail was not called after connect")
			t.Logf("the mail server is reached: an invoice for %q goes to %q", got.items, got.user)
			require.False(t, got.early, "wanted: connect, then mail\nlikely cause: mail was called before connect had returned")
			return got
		}

		for range 3 { // luck does not last
			for _, item := range []string{"tea", "milk", "honey"} {
				alice.Send(http.MethodPost, url+"/cart/alice/"+item)
			}
			bob.Send(http.MethodPost, url+"/cart/bob/beer")

			// Gin keeps its contexts, and uses them again. Which one a request gets is
			// luck, too, so here this one goes from Alice to Bob.
			answer := httptest.NewRecorder()
			c := gin.CreateTestContextOnly(answer, app)
			send(c, alice, "alice")
			require.Less(t, answer.Code, 400, "wanted: the order is accepted\nlikely cause: the handler panicked, or answers with an error")
			send(c, bob, "bob") // before Alice's invoice is out
			requireInvoices(t, receive(), receive())
		}

		carol.Send(http.MethodPost, url+"/cart/carol/wine")
		t.Log("the session of Carol cannot be saved")
		refused := carol.Send(http.MethodPost, url+"/full/order").Status
		require.GreaterOrEqual(t, refused, 500, "wanted: no order, because the cart was not emptied\nlikely cause: nobody looked at the error of Save")
		bob.Send(http.MethodPost, url+"/cart/bob/beer")
		bob.Send(http.MethodPost, url+"/order")
		require.Equal(t, "bob", receive().user,
			"wanted: no invoice for Carol, only Bob's\nlikely cause: the goroutine was started before Save, or although Save had failed; Carol will order again")
	})
}

// invoice is what mail was called with, and whether that was before connect.
type invoice struct {
	user  string
	items []string
	early bool
}

// requireInvoices wants one for Alice and one for Bob, in any order.
func requireInvoices(t *testing.T, a, b invoice) {
	t.Helper()
	const shared = "all requests share a variable, which Bob's has changed; each request needs its own, inside the function that handles it"
	if a.user == b.user {
		cause := "the user of an invoice has to come from the session of its own request"
		switch {
		case a.user == "bob" && len(a.items)+len(b.items) == 0:
			cause = "the goroutine looks into c after the request, and c is another request's by then"
		case a.user == "bob" && slices.Equal(a.items, b.items):
			cause = shared
		}
		require.NotEqual(t, a.user, b.user, "wanted: one invoice goes to Alice, and one to Bob\nlikely cause: %s", cause)
	}
	if a.user != "alice" {
		a, b = b, a
	}
	require.Equal(t, []string{"alice", "bob"}, []string{a.user, b.user},
		"wanted: one invoice goes to Alice, and one to Bob\nlikely cause: the user was read when it was no longer in the session")
	cause := "not all the items were taken"
	switch {
	case len(a.items) == 0:
		cause = "the cart was read after the handler had emptied it; a copy of c holds the same session"
	case slices.Equal(a.items, b.items):
		cause = shared
	}
	require.Equal(t, [][]string{{"tea", "milk", "honey"}, {"beer"}}, [][]string{a.items, b.items},
		"wanted: on each invoice all that was ordered\nlikely cause: %s", cause)
}

// requestOf returns a request with the browser's cookies.
func requestOf(b *sessiontest.Browser, method, url, path string) *http.Request {
	request := httptest.NewRequest(method, path, nil)
	for _, cookie := range b.Cookies(url) {
		request.AddCookie(cookie)
	}
	return request
}
