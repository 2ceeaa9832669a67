package main

import (
	"context"
	"encoding/gob"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"sync"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two types that a shop could keep in a session. gob knows neither of them, and
// the test below introduces the second.
type (
	cart  struct{ Items []string }
	order struct{ Items []string }
)

// Question 3: "I store a struct or a map, and get a panic: gob: type not registered
// for interface"
func TestMemstorePanicsOnATypeThatGobDoesNotKnow(t *testing.T) {
	t.Parallel()
	// shop keeps this value when you buy, and shows what it has kept.
	shop := func(t *testing.T, store sessions.Store, value any) (url string) {
		r := gin.New()
		r.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, reason any) {
			c.String(http.StatusInternalServerError, "panic: %v", reason) // gin.Recovery would only log it
		}))
		r.Use(sessions.Sessions(sessionName, store))
		r.POST("/buy", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("order", value)
			if err := session.Save(); err != nil {
				c.String(http.StatusServiceUnavailable, "Save: %v", err)
			}
		})
		r.GET("/order", func(c *gin.Context) { c.JSON(http.StatusOK, sessions.Default(c).Get("order")) })
		return sessiontest.Serve(t, r)
	}

	for unknown, value := range map[string]any{
		"main.cart":      cart{Items: []string{"tea"}},
		"map[string]int": map[string]int{"tea": 1},
		"gin.H":          gin.H{"tea": 1},
	} {
		t.Run(unknown, func(t *testing.T) {
			inMemory := sessiontest.NewBrowser(t, "Alice").Send(http.MethodPost, shop(t, newStore(sessiontest.Secret), value)+"/buy")
			assert.Equal(t, http.StatusInternalServerError, inMemory.Status)
			assert.Equal(t, "panic: could not copy memstore value. Encoding to gob failed: "+
				"gob: type not registered for interface: "+unknown, inMemory.Body)
			assert.Empty(t, inMemory.Cookies)

			// The other stores return an error. If you ignore it, everything that
			// was to be saved is lost.
			inCookie := sessiontest.NewBrowser(t, "Alice").Send(http.MethodPost, shop(t, cookie.NewStore(sessiontest.Secret), value)+"/buy")
			assert.Equal(t, http.StatusServiceUnavailable, inCookie.Status)
			assert.Contains(t, inCookie.Body, "gob: type not registered for interface: "+unknown)
			assert.Empty(t, inCookie.Cookies)
		})
	}

	t.Run("registered", func(t *testing.T) {
		gob.Register(order{}) // once, when the program starts

		app := shop(t, newStore(sessiontest.Secret), order{Items: []string{"tea"}})
		alice := sessiontest.NewBrowser(t, "Alice")
		bought := alice.Send(http.MethodPost, app+"/buy")
		assert.Equal(t, http.StatusOK, bought.Status, "is the type registered? %s", bought.Body)
		assert.JSONEq(t, `{"Items":["tea"]}`, alice.Get(app+"/order"))
	})
}

// Question 21: "Why does the memory of my program grow and grow?"
func TestMemstoreKeepsASessionForEveryRobotUnlessYouSaveLess(t *testing.T) {
	t.Parallel()
	// shop has one page to look at; a bot asks for it again and again, and never
	// sends a cookie back.
	shop := func(t *testing.T, store sessions.Store, page gin.HandlerFunc) (url string) {
		r := gin.New()
		r.Use(sessions.Sessions(sessionName, store))
		r.GET("/", page)
		r.POST("/login", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("user", "gopher")
			assert.NoError(t, session.Save())
		})
		r.POST("/logout", logout)
		return sessiontest.Serve(t, r)
	}

	t.Run("every page view is saved", func(t *testing.T) {
		store := newStore(sessiontest.Secret)
		app := shop(t, store, func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("seen", time.Now().Unix())
			assert.NoError(t, session.Save())
		})
		for range 20 {
			sessiontest.NewBrowser(t, "a bot").Get(app)
		}
		assert.Equal(t, 20, kept(t, store), "memstore never removes them: each would stay until the program ends")
	})

	t.Run("only what has to be remembered is saved", func(t *testing.T) {
		store := newStore(sessiontest.Secret)
		app := shop(t, store, func(c *gin.Context) {
			session := sessions.Default(c)
			if session.Get("user") == nil {
				return // an anonymous visitor: nothing to remember, so no Save
			}
			session.Set("seen", time.Now().Unix())
			assert.NoError(t, session.Save())
		})
		for range 20 {
			sessiontest.NewBrowser(t, "a bot").Get(app)
		}
		assert.Equal(t, 0, kept(t, store), "a session was saved for a visitor who brought none")

		alice := sessiontest.NewBrowser(t, "Alice")
		alice.Send(http.MethodPost, app+"/login")
		alice.Get(app)
		assert.Equal(t, 1, kept(t, store))
		alice.Send(http.MethodPost, app+"/logout")
		assert.Equal(t, 0, kept(t, store), "MaxAge -1 and Save are the only way out of the map")
	})
}

// kept returns how many sessions are in a memstore. It does not tell, so this
// looks into its private map.
func kept(t *testing.T, store sessions.Store) int {
	t.Helper()
	inner := reflect.ValueOf(store).Elem().FieldByName("MemStore").Elem()
	require.True(t, inner.FieldByName("cache").IsValid(), "memstore was rebuilt: see whether it still grows")
	return inner.FieldByName("cache").Elem().FieldByName("data").Len()
}

// Question 22: "fatal error: concurrent map writes"
//
// The wrong program runs in a process of its own, because Go ends a process that
// does this: no recover, and no gin.Recovery, can stop it.
func TestASessionIsForTheGoroutineOfItsRequestOnly(t *testing.T) {
	if os.Getenv("SHARE_A_SESSION") != "" {
		shareASession()
		return
	}
	t.Parallel()

	t.Run("goroutines that share a session end the program", func(t *testing.T) {
		program, err := os.Executable()
		require.NoError(t, err)
		patience, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		command := exec.CommandContext(patience, program, "-test.run=^TestASessionIsForTheGoroutineOfItsRequestOnly$")
		command.Env = append(os.Environ(), "SHARE_A_SESSION=1", "GOMAXPROCS=4") // more than one at a time
		printed, err := command.CombinedOutput()

		assert.Error(t, err, "the program ended well")
		assert.Contains(t, string(printed), "fatal error: concurrent map writes", "has the session got a lock? Then tell the README")
	})

	t.Run("goroutines that get values and return values do no harm", func(t *testing.T) {
		r := gin.New()
		r.Use(sessions.Sessions(sessionName, newStore(sessiontest.Secret)))
		r.GET("/dashboard", func(c *gin.Context) {
			session := sessions.Default(c)
			visit, _ := session.Get("visit").(int) // read before you start them: even the first Get writes to a map

			var working sync.WaitGroup
			parts := make([]string, 8)
			for i := range parts {
				working.Go(func() { parts[i] = fmt.Sprintf("part %d of visit %d", i, visit) })
			}
			working.Wait()

			session.Set("visit", visit+1) // write after they have ended
			session.Set("last part", parts[7])
			assert.NoError(t, session.Save())
			c.String(http.StatusOK, parts[7])
		})
		app := sessiontest.Serve(t, r)
		var visitors sync.WaitGroup
		for range 10 {
			visitor := sessiontest.NewBrowser(t, "one of ten")
			visitors.Go(func() {
				for visit := range 5 {
					got := visitor.Send(http.MethodGet, app+"/dashboard")
					assert.Equal(t, fmt.Sprintf("part 7 of visit %d", visit), got.Body)
				}
			})
		}
		visitors.Wait()
	})
}

// shareASession answers requests whose goroutines write to one session, until
// that ends the program. A copy of the context is no help: the session in it is
// the same one.
func shareASession() {
	r := gin.New()
	r.Use(gin.Recovery(), sessions.Sessions(sessionName, memstore.NewStore(sessiontest.Secret)))
	r.GET("/dashboard", func(c *gin.Context) {
		sessions.Default(c).Get("user")
		var working sync.WaitGroup
		for part := range 8 {
			copied := c.Copy()
			working.Go(func() {
				for line := range 100 {
					sessions.Default(copied).Set(fmt.Sprintf("part %d, line %d", part, line), "done")
				}
			})
		}
		working.Wait()
	})
	for {
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/dashboard", nil))
	}
}
