package exercise

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var testSecret = []byte("signs the cookies of these tests")

// app runs these routes with a session in a cookie, and returns the app's URL.
// login and me are there for all.
func app(t *testing.T, store sessions.Store, routes func(r *gin.Engine)) string {
	t.Helper()
	store.Options(cookieOptions())
	return serve(t, func(r *gin.Engine) {
		r.Use(sessions.Sessions("mysession", store))
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

		long := alice.send(http.MethodPost, url+"/name/"+strings.Repeat("a", 5000))
		require.Equal(t, http.StatusInternalServerError, long.status,
			"wanted: an error, because this name is too long for a cookie\nlikely cause: Save returned an error, and nobody looked at it")
		require.Empty(t, long.body, "wanted: no greeting, because Save failed\nlikely cause: the handler goes on after the error")
	})
}

func TestExercise2_2(t *testing.T) {
	exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(testSecret), func(r *gin.Engine) { r.POST("/logout", Logout) })
		alice := newBrowser(t, "Alice")
		alice.send(http.MethodPost, url+"/login/alice")
		require.Equal(t, "alice", alice.send(http.MethodGet, url+"/me").body)

		left := alice.send(http.MethodPost, url+"/logout")
		require.Equal(t, http.StatusNoContent, left.status)
		require.NotEmpty(t, left.cookies,
			"wanted: a Set-Cookie line that ends the session\nlikely cause: Clear has emptied the session in this request only; nothing was saved")
		require.Equal(t, http.StatusUnauthorized, alice.send(http.MethodGet, url+"/me").status,
			"wanted: nobody is logged in\nlikely cause: the values are still in the session that was saved")
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
			"wanted: the session on every route\nlikely cause: a cookie without a Path belongs to the folder of the route that set it, here /account/login")

		require.Len(t, entered.cookies, 1)
		require.Equal(t, week, entered.cookies[0].MaxAge, "wanted: a week, in seconds\nlikely cause: the MaxAge is the store's; a session's own is set with Options, before Save")
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
			"wanted: a cart with tea\nlikely cause: gob, which writes the session, was never told of Cart, and Save said so")
		require.Equal(t, http.StatusNoContent, alice.send(http.MethodPost, url+"/cart/milk").status)
		require.JSONEq(t, `["tea","milk"]`, alice.send(http.MethodGet, url+"/cart").body,
			"wanted: both items\nlikely cause: Get returns the type that gob was told of; a *Cart is not a Cart")
		require.JSONEq(t, `null`, newBrowser(t, "Bob").send(http.MethodGet, url+"/cart").body,
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
			"wanted: Bob, who came after the secret changed, is still logged in\nlikely cause: his cookie was not signed with the new secret; the first pair signs")
	})
}

func TestExercise2_6(t *testing.T) {
	exercise(t, func(t *testing.T) {
		signingKey, encryptionKey := []byte("signs these cookies, with 32 byte"), []byte("encrypts them, with 32 bytes too")
		url := app(t, PrivateStore(signingKey, encryptionKey), func(*gin.Engine) {})
		alice := newBrowser(t, "Alice")
		require.Equal(t, http.StatusOK, alice.send(http.MethodPost, url+"/login/alice").status)
		require.Equal(t, "alice", alice.send(http.MethodGet, url+"/me").body)

		require.Len(t, alice.cookies(url), 1)
		// Anybody can take the two layers of base64 off, without a key.
		signed, err := base64.URLEncoding.DecodeString(alice.cookies(url)[0].Value)
		require.NoError(t, err)
		parts := strings.SplitN(string(signed), "|", 3) // time, values, signature
		require.Len(t, parts, 3)
		values, err := base64.URLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		t.Logf("without any key, Alice's cookie reads %q", values)
		assert.NotContains(t, string(values), "alice",
			"wanted: nothing that can be read\nlikely cause: the first key of a pair only signs; what encrypts is the second")
	})
}

func TestExercise2_7(t *testing.T) {
	exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(testSecret), func(r *gin.Engine) {
			r.POST("/order", Order)
			r.GET("/", Home)
		})
		alice := newBrowser(t, "Alice")
		require.Equal(t, http.StatusSeeOther, alice.send(http.MethodPost, url+"/order").status)
		require.JSONEq(t, `{"messages":["Thank you for your order!"]}`, alice.send(http.MethodGet, url+"/").body)
		require.JSONEq(t, `{"messages":null}`, alice.send(http.MethodGet, url+"/").body,
			"wanted: each message once\nlikely cause: Flashes takes the messages out of the session, which is a change; was it saved, and before the body?")

		require.Empty(t, newBrowser(t, "Bob").send(http.MethodGet, url+"/").cookies,
			"wanted: no cookie for Bob, who has no message\nlikely cause: Flashes counts as a change even when there are none; ask before you save")
	})
}
