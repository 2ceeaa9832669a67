package exercise

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

var testSecret = []byte("signs the cookies of these tests")

// app runs these routes with a session in a cookie, and returns the app's URL.
// login and me are there for all. An error that a handler reports is in the body.
func app(t *testing.T, store sessions.Store, routes func(r *gin.Engine)) string {
	t.Helper()
	store.Options(storeOptions())
	return serve(t, func(r *gin.Engine) {
		r.Use(gin.ErrorLogger(), sessions.Sessions("mysession", store))
		r.POST("/login/:user", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("user", c.Param("user"))
			if err := session.Save(); err != nil {
				_ = c.AbortWithError(http.StatusInternalServerError, err)
			}
		})
		r.GET("/me", func(c *gin.Context) {
			user, ok := sessions.Default(c).Get("user").(string)
			if !ok {
				c.String(http.StatusUnauthorized, "nobody is logged in")
				return
			}
			c.String(http.StatusOK, user)
		})
		routes(r)
	})
}

func TestExercise2_1(t *testing.T) {
	exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(testSecret), func(r *gin.Engine) {
			r.POST("/name/:name", Introduce)
			r.GET("/name", Greet)
		})
		alice := newBrowser(t, "Alice")
		introduced := alice.send(http.MethodPost, url+"/name/alice")
		require.Equal(t, http.StatusOK, introduced.status)
		require.Equal(t, "Hello, alice!", introduced.body)
		require.NotEmpty(t, introduced.cookies,
			"wanted: a cookie with the session\nlikely cause: a cookie is a header, and headers are sent before the body; when Save ran, the body was on its way")
		require.Equal(t, "Hello, alice!", alice.send(http.MethodGet, url+"/name").body,
			"wanted: the name of the request before\nlikely cause: the session was saved before the name was set")
		require.Equal(t, "Hello, stranger!", newBrowser(t, "Bob").send(http.MethodGet, url+"/name").body,
			"wanted: no name for Bob\nlikely cause: the name is not in the session, but in a variable that all visitors share")

		long := alice.send(http.MethodPost, url+"/name/"+strings.Repeat("a", 5000))
		require.Equal(t, http.StatusInternalServerError, long.status,
			"wanted: status 500, because this name is too long for a cookie\nlikely cause: Save returned an error, and the handler did not answer with a 500")
		require.False(t, strings.Contains(long.body, "Hello"),
			"wanted: no greeting, because Save failed\nlikely cause: the handler goes on after the error")
	})
}

func TestExercise2_2(t *testing.T) {
	exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(testSecret), func(r *gin.Engine) { r.POST("/account/logout", Logout) })
		alice := newBrowser(t, "Alice")
		alice.send(http.MethodPost, url+"/login/alice")
		require.Equal(t, "alice", alice.send(http.MethodGet, url+"/me").body)

		left := alice.send(http.MethodPost, url+"/account/logout")
		require.Equal(t, http.StatusNoContent, left.status)
		require.NotEmpty(t, left.cookies,
			"wanted: a Set-Cookie line that ends the session\nlikely cause: Clear has emptied the session in this request only; nothing was saved")
		require.Equal(t, http.StatusUnauthorized, alice.send(http.MethodGet, url+"/me").status,
			"wanted: nobody is logged in\nlikely cause: the values were saved again, or the cookie that ends has another Path than the one in the browser")
		require.Empty(t, alice.cookies(url),
			"wanted: no cookie left in the browser\nlikely cause: an empty session is a cookie still; which MaxAge makes a browser drop it?")
	})
}

func TestExercise2_3(t *testing.T) {
	exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(testSecret), func(r *gin.Engine) { r.POST("/account/login/:user", Login) })
		alice := newBrowser(t, "Alice")
		entered := alice.send(http.MethodPost, url+"/account/login/alice")
		require.Equal(t, http.StatusNoContent, entered.status)
		require.Equal(t, "alice", alice.send(http.MethodGet, url+"/me").body,
			"wanted: the session on every route\nlikely cause: the Path is too narrow; without one, a cookie belongs to the folder of the route that set it, here /account/login")

		require.Len(t, entered.cookies, 1)
		require.Equal(t, week, entered.cookies[0].MaxAge, "wanted: a week, 604800 seconds\nlikely cause: another unit, or the store's MaxAge: a session's own is set with Options, before Save")
		const replaced = "wanted: HttpOnly and SameSite=Lax, as in the store's options\nlikely cause: these options are not added to the store's, they replace them all"
		require.True(t, entered.cookies[0].HttpOnly, replaced)
		require.Equal(t, http.SameSiteLaxMode, entered.cookies[0].SameSite, replaced)
	})
}

func TestExercise2_4(t *testing.T) {
	exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(testSecret), func(r *gin.Engine) {
			r.POST("/cart/:item", AddToCart)
			r.GET("/cart", ShowCart)
		})
		alice := newBrowser(t, "Alice")
		require.Equal(t, http.StatusNoContent, alice.send(http.MethodPost, url+"/cart/tea").status,
			"wanted: a cart with tea\nlikely cause: gob, which writes the session, was never told of Cart, or finds no exported field in it; the error above is Save's")
		require.Equal(t, http.StatusNoContent, alice.send(http.MethodPost, url+"/cart/milk").status)
		require.Equal(t, `["tea","milk"]`, alice.send(http.MethodGet, url+"/cart").body,
			"wanted: both items\nlikely cause: Get returns the type that gob was told of; a *Cart is not a Cart")
		require.Equal(t, `null`, newBrowser(t, "Bob").send(http.MethodGet, url+"/cart").body,
			"wanted: a cart for each visitor\nlikely cause: it is not in the session, but in a variable that all visitors share")
	})
}

func TestExercise2_5(t *testing.T) {
	exercise(t, func(t *testing.T) {
		newSecret, oldSecret := []byte("the new secret, thirty-two bytes"), []byte("the old secret, thirty-two bytes")
		before := app(t, cookie.NewStore(oldSecret), func(*gin.Engine) {})
		now := app(t, RotatedStore(newSecret, oldSecret), func(*gin.Engine) {})
		later := app(t, cookie.NewStore(newSecret), func(*gin.Engine) {})

		alice, bob := newBrowser(t, "Alice"), newBrowser(t, "Bob")
		alice.send(http.MethodPost, before+"/login/alice")
		t.Log("the secret changes: the app restarts with RotatedStore")
		require.Equal(t, "alice", alice.send(http.MethodGet, now+"/me").body,
			"wanted: Alice, who came before the secret changed, is still logged in\nlikely cause: the store does not verify with the old secret; keys come in pairs, one that signs and one that encrypts, and the second may be nil")
		require.Equal(t, http.StatusOK, bob.send(http.MethodPost, now+"/login/bob").status,
			"wanted: a new login\nlikely cause: Save failed, because the old secret has become a key to encrypt with")

		t.Log("a month later the old secret is thrown away")
		require.Equal(t, "bob", bob.send(http.MethodGet, later+"/me").body,
			"wanted: Bob, who came after the secret changed, is still logged in\nlikely cause: his cookie was not signed with the new secret, or also encrypted; the first pair of keys writes")
	})
}

func TestExercise2_6(t *testing.T) {
	exercise(t, func(t *testing.T) {
		signingKey, encryptionKey := []byte("signs the cookies, with 32 bytes"), []byte("encrypts them, with 32 bytes too")
		url := app(t, PrivateStore(signingKey, encryptionKey), func(*gin.Engine) {})
		alice := newBrowser(t, "Alice")
		require.Equal(t, http.StatusOK, alice.send(http.MethodPost, url+"/login/alice").status,
			"wanted: a login\nlikely cause: Save failed; what encrypts has 16, 24 or 32 bytes, and is the second key of a pair")
		require.Equal(t, "alice", alice.send(http.MethodGet, url+"/me").body,
			"wanted: a session that works\nlikely cause: the keys are made anew for each request")

		require.Len(t, alice.cookies(url), 1)
		// Anybody can take the two layers of base64 off, without a key.
		signed, err := base64.URLEncoding.DecodeString(alice.cookies(url)[0].Value)
		require.NoError(t, err)
		parts := strings.SplitN(string(signed), "|", 3) // time, values, signature
		require.Len(t, parts, 3)
		values, err := base64.URLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		t.Logf("without any key, Alice's cookie reads %q", values)
		require.NotContains(t, string(values), "alice",
			"wanted: nothing that can be read\nlikely cause: the first key of a pair only signs; what encrypts is the second")

		t.Log("another app, with another signing key, gets the cookie")
		other := app(t, PrivateStore([]byte("another signing key, of 32 bytes"), encryptionKey), func(*gin.Engine) {})
		require.Equal(t, http.StatusUnauthorized, alice.send(http.MethodGet, other+"/me").status,
			"wanted: the cookie is refused\nlikely cause: it is not signed with the signing key")
	})
}

func TestExercise2_7(t *testing.T) {
	exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(testSecret), func(r *gin.Engine) {
			r.POST("/order", Order)
			r.GET("/", Home)
		})
		alice := newBrowser(t, "Alice")
		messages := func(visitor *browser) (texts []string) {
			var page struct{ Messages []string }
			require.NoError(t, json.Unmarshal([]byte(visitor.send(http.MethodGet, url+"/").body), &page))
			return page.Messages
		}
		alice.send(http.MethodPost, url+"/login/alice")
		for range 2 {
			require.Equal(t, http.StatusSeeOther, alice.send(http.MethodPost, url+"/order").status)
		}
		require.Len(t, messages(alice), 2, "wanted: a message for each order\nlikely cause: the messages were changed; only when they go is wrong")
		require.Empty(t, messages(alice),
			"wanted: each message once\nlikely cause: Flashes takes the messages out of the session, which is a change; was it saved, and before the body?")
		require.Equal(t, "alice", alice.send(http.MethodGet, url+"/me").body,
			"wanted: Alice is still logged in\nlikely cause: more than the messages was taken out of the session")

		require.Empty(t, newBrowser(t, "Bob").send(http.MethodGet, url+"/").cookies,
			"wanted: no cookie for Bob, who has no message\nlikely cause: Flashes counts as a change even when there are none; ask before you save")
	})
}
