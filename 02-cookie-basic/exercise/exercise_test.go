package exercise

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, nil) }

// app runs these routes with a session in a cookie, and returns the app's URL.
// login and me are there for all. An error that a handler reports is in the body.
func app(t *testing.T, store sessions.Store, routes func(r *gin.Engine)) string {
	t.Helper()
	store.Options(sessiontest.Options())
	return sessiontest.ServeExercise(t, func(r *gin.Engine) {
		r.Use(gin.ErrorLogger(), sessions.Sessions("mysession", store))
		r.POST("/login/:user", login)
		r.GET("/me", me)
		routes(r)
	})
}

func login(c *gin.Context) {
	session := sessions.Default(c)
	session.Set("user", c.Param("user"))
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
	}
}

func me(c *gin.Context) {
	user, ok := sessions.Default(c).Get("user").(string)
	if !ok {
		c.String(http.StatusUnauthorized, "nobody is logged in")
		return
	}
	c.String(http.StatusOK, user)
}

func TestExercise2_1(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(sessiontest.Secret), func(r *gin.Engine) {
			r.POST("/name/:name", Introduce)
			r.GET("/name", Greet)
		})
		alice := sessiontest.NewBrowser(t, "Alice")
		introduced := alice.Send(http.MethodPost, url+"/name/alice")
		require.Equal(t, http.StatusOK, introduced.Status)
		require.Equal(t, "Hello, alice!", introduced.Body)
		require.NotEmpty(t, introduced.Cookies,
			"wanted: a cookie with the session\nlikely cause: a cookie is a header, and headers are sent before the body; when Save ran, the body was on its way")
		require.Equal(t, "Hello, alice!", alice.Send(http.MethodGet, url+"/name").Body,
			"wanted: the name of the request before\nlikely cause: the session was saved before the name was set")
		require.Equal(t, "Hello, stranger!", sessiontest.NewBrowser(t, "Bob").Send(http.MethodGet, url+"/name").Body,
			"wanted: no name for Bob\nlikely cause: the name is not in the session, but in a variable that all visitors share")

		long := alice.Send(http.MethodPost, url+"/name/"+strings.Repeat("a", 5000))
		require.Equal(t, http.StatusInternalServerError, long.Status,
			"wanted: status 500, because this name is too long for a cookie\nlikely cause: Save returned an error, and the handler did not answer with a 500")
		require.False(t, strings.Contains(long.Body, "Hello"),
			"wanted: no greeting, because Save failed\nlikely cause: the handler goes on after the error")
	})
}

func TestExercise2_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(sessiontest.Secret), func(r *gin.Engine) { r.POST("/account/logout", Logout) })
		alice := sessiontest.NewBrowser(t, "Alice")
		alice.Send(http.MethodPost, url+"/login/alice")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body)

		left := alice.Send(http.MethodPost, url+"/account/logout")
		require.Equal(t, http.StatusNoContent, left.Status)
		require.NotEmpty(t, left.Cookies,
			"wanted: a Set-Cookie line that ends the session\nlikely cause: Clear has emptied the session in this request only; nothing was saved")
		require.Equal(t, http.StatusUnauthorized, alice.Send(http.MethodGet, url+"/me").Status,
			"wanted: nobody is logged in\nlikely cause: the values were saved again, or the cookie that ends has another Path than the one in the browser")
		require.Empty(t, alice.Cookies(url),
			"wanted: no cookie left in the browser\nlikely cause: an empty session is a cookie still; which MaxAge makes a browser drop it?")
	})
}

func TestExercise2_3(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(sessiontest.Secret), func(r *gin.Engine) { r.POST("/account/login/:user", Login) })
		alice := sessiontest.NewBrowser(t, "Alice")
		entered := alice.Send(http.MethodPost, url+"/account/login/alice")
		require.Equal(t, http.StatusNoContent, entered.Status)
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body,
			"wanted: the session on every route\nlikely cause: the Path is too narrow; without one, a cookie belongs to the folder of the route that set it, here /account/login")

		require.Len(t, entered.Cookies, 1)
		require.Equal(t, week, entered.Cookies[0].MaxAge, "wanted: a week, 604800 seconds\nlikely cause: another unit, or the store's MaxAge: a session's own is set with Options, before Save")
		const replaced = "wanted: HttpOnly and SameSite=Lax, as in the store's options\nlikely cause: these options are not added to the store's, they replace them all"
		require.True(t, entered.Cookies[0].HttpOnly, replaced)
		require.Equal(t, http.SameSiteLaxMode, entered.Cookies[0].SameSite, replaced)
	})
}

func TestExercise2_4(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(sessiontest.Secret), func(r *gin.Engine) {
			r.POST("/cart/:item", AddToCart)
			r.GET("/cart", ShowCart)
		})
		alice := sessiontest.NewBrowser(t, "Alice")
		require.Equal(t, http.StatusNoContent, alice.Send(http.MethodPost, url+"/cart/tea").Status,
			"wanted: a cart with tea\nlikely cause: gob, which writes the session, was never told of Cart, or finds no exported field in it; the error above is Save's")
		require.Equal(t, http.StatusNoContent, alice.Send(http.MethodPost, url+"/cart/milk").Status)
		require.Equal(t, `["tea","milk"]`, alice.Send(http.MethodGet, url+"/cart").Body,
			"wanted: both items\nlikely cause: Get returns the type that gob was told of; a *Cart is not a Cart")
		require.Equal(t, `null`, sessiontest.NewBrowser(t, "Bob").Send(http.MethodGet, url+"/cart").Body,
			"wanted: a cart for each visitor\nlikely cause: it is not in the session, but in a variable that all visitors share")
	})
}

func TestExercise2_5(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		newSecret, oldSecret := []byte("the new secret, thirty-two bytes"), []byte("the old secret, thirty-two bytes")
		before := app(t, cookie.NewStore(oldSecret), func(*gin.Engine) {})
		now := app(t, RotatedStore(newSecret, oldSecret), func(*gin.Engine) {})
		later := app(t, cookie.NewStore(newSecret), func(*gin.Engine) {})

		alice, bob := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "Bob")
		alice.Send(http.MethodPost, before+"/login/alice")
		t.Log("the secret changes: the app restarts with RotatedStore")
		require.Equal(t, "alice", alice.Send(http.MethodGet, now+"/me").Body,
			"wanted: Alice, who came before the secret changed, is still logged in\nlikely cause: the store does not verify with the old secret; keys come in pairs, one that signs and one that encrypts, and the second may be nil")
		require.Equal(t, http.StatusOK, bob.Send(http.MethodPost, now+"/login/bob").Status,
			"wanted: a new login\nlikely cause: Save failed, because the old secret has become a key to encrypt with")

		t.Log("a month later the old secret is thrown away")
		require.Equal(t, "bob", bob.Send(http.MethodGet, later+"/me").Body,
			"wanted: Bob, who came after the secret changed, is still logged in\nlikely cause: his cookie was not signed with the new secret, or also encrypted; the first pair of keys writes")
	})
}

func TestExercise2_6(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		signingKey, encryptionKey := []byte("signs the cookies, with 32 bytes"), []byte("encrypts them, with 32 bytes too")
		url := app(t, PrivateStore(signingKey, encryptionKey), func(*gin.Engine) {})
		alice := sessiontest.NewBrowser(t, "Alice")
		require.Equal(t, http.StatusOK, alice.Send(http.MethodPost, url+"/login/alice").Status,
			"wanted: a login\nlikely cause: Save failed; what encrypts has 16, 24 or 32 bytes, and is the second key of a pair")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body,
			"wanted: a session that works\nlikely cause: the keys are made anew for each request")

		values := sessiontest.Decode(t, alice.CookieValue(url)) // anybody can do that
		t.Logf("without any key, Alice's cookie reads %q", values)
		require.NotContains(t, values, "alice",
			"wanted: nothing that can be read\nlikely cause: the first key of a pair only signs; what encrypts is the second")

		t.Log("another app, with another signing key, gets the cookie")
		other := app(t, PrivateStore([]byte("another signing key, of 32 bytes"), encryptionKey), func(*gin.Engine) {})
		require.Equal(t, http.StatusUnauthorized, alice.Send(http.MethodGet, other+"/me").Status,
			"wanted: the cookie is refused\nlikely cause: it is not signed with the signing key")
	})
}

func TestExercise2_7(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		url := app(t, cookie.NewStore(sessiontest.Secret), func(r *gin.Engine) {
			r.POST("/order", Order)
			r.GET("/", Home)
		})
		alice := sessiontest.NewBrowser(t, "Alice")
		alice.Client.CheckRedirect = func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // or she would see her messages when she orders
		}
		messages := func(visitor *sessiontest.Browser) (texts []string) {
			var page struct{ Messages []string }
			require.NoError(t, json.Unmarshal([]byte(visitor.Send(http.MethodGet, url+"/").Body), &page))
			return page.Messages
		}
		alice.Send(http.MethodPost, url+"/login/alice")
		for range 2 {
			require.Equal(t, http.StatusSeeOther, alice.Send(http.MethodPost, url+"/order").Status)
		}
		require.Len(t, messages(alice), 2, "wanted: a message for each order\nlikely cause: the messages were changed; only when they go is wrong")
		require.Empty(t, messages(alice),
			"wanted: each message once\nlikely cause: Flashes takes the messages out of the session, which is a change; was it saved, and before the body?")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body,
			"wanted: Alice is still logged in\nlikely cause: more than the messages was taken out of the session")

		require.Empty(t, sessiontest.NewBrowser(t, "Bob").Send(http.MethodGet, url+"/").Cookies,
			"wanted: no cookie for Bob, who has no message\nlikely cause: Flashes counts as a change even when there are none; ask before you save")
	})
}
