package exercise

import (
	"encoding/gob"
	"encoding/json"
	"io"
	"net/http"
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
func app(t *testing.T, store sessions.Store, routes func(r *gin.Engine)) (url string) {
	t.Helper()
	store.Options(sessiontest.Options())
	return sessiontest.ServeExercise(t, func(r *gin.Engine) {
		r.Use(gin.ErrorLogger(), sessions.Sessions("mysession", store))
		r.POST("/login/:user", login)
		r.GET("/me", me)
		routes(r)
	})
}

func newStore() sessions.Store { return cookie.NewStore(sessiontest.Secret) }

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

// newBrowser returns a browser that follows no redirect: what a page answers is seen.
func newBrowser(t *testing.T, name string) *sessiontest.Browser {
	t.Helper()
	browser := sessiontest.NewBrowser(t, name)
	browser.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return browser
}

// requireDone wants an answer that is no error: 200, 204, a redirect.
func requireDone(t *testing.T, got sessiontest.Answer, message string) {
	t.Helper()
	require.Less(t, got.Status, http.StatusBadRequest, message)
}

// requireError makes a request to the same routes on a store that cannot save, and
// returns the body of the answer.
func requireError(t *testing.T, visitor *sessiontest.Browser, method, path string, routes func(r *gin.Engine)) string {
	t.Helper()
	t.Log("now with a store that cannot save")
	got := visitor.Send(method, app(t, sessiontest.CannotSave(newStore()), routes)+path)
	require.Equal(t, http.StatusInternalServerError, got.Status,
		"wanted: status 500, because nothing was saved\nlikely cause: Save is not called, or its error is not checked, or the handler goes on after the error")
	return got.Body
}

// requireSession checks that what a page says of Alice comes from her session, and
// from nowhere else.
func requireSession(t *testing.T, alice *sessiontest.Browser, path, kept string, routes func(r *gin.Engine)) {
	t.Helper()
	url := app(t, newStore(), routes)
	require.Contains(t, alice.Send(http.MethodGet, url+path).Body, kept,
		"wanted: the same after the app has started again\nlikely cause: it is kept in a variable of the program, and not in the session")
	require.NotContains(t, newBrowser(t, "Bob").Send(http.MethodGet, url+path).Body, kept,
		"wanted: nothing of Alice's for Bob\nlikely cause: it is kept in a variable that all visitors share, and not in the session")
	t.Log("the app gets another secret, so that nobody's session is valid any more")
	url = app(t, cookie.NewStore([]byte("another secret, thirty-two bytes")), routes)
	require.NotContains(t, alice.Send(http.MethodGet, url+path).Body, kept,
		"wanted: nothing\nlikely cause: it is kept in a cookie of your own, which is not signed, so any visitor can change it")
}

func TestExercise2_1(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		routes := func(r *gin.Engine) {
			r.POST("/name/:name", Introduce)
			r.GET("/name", Greet)
		}
		alice, url := newBrowser(t, "Alice"), app(t, newStore(), routes)
		requireDone(t, alice.Send(http.MethodPost, url+"/name/alice"),
			"wanted: a greeting\nlikely cause: the handler answers with an error although Save returned none")
		require.Equal(t, "Hello, alice!", alice.Send(http.MethodGet, url+"/name").Body,
			"wanted: the name of the request before\nlikely cause: Save ran after the body, when the headers, with the cookie, had been sent; or before Set, when there was nothing new to save")
		alice.Send(http.MethodPost, url+"/name/anna")
		require.Equal(t, "Hello, anna!", alice.Send(http.MethodGet, url+"/name").Body,
			"wanted: the new name\nlikely cause: the name is only set when there is none yet")
		requireSession(t, alice, "/name", "anna", routes)
		require.NotContains(t, requireError(t, alice, http.MethodPost, "/name/eve", routes), "Hello, eve!",
			"wanted: no greeting, because Save failed\nlikely cause: the handler goes on after the error")
	})
}

func TestExercise2_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		routes := func(r *gin.Engine) { r.POST("/account/logout", Logout) }
		alice, url := newBrowser(t, "Alice"), app(t, newStore(), routes)
		alice.Send(http.MethodPost, url+"/login/alice")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body)

		left := alice.Send(http.MethodPost, url+"/account/logout")
		requireDone(t, left, "wanted: no error\nlikely cause: the handler answers with an error although Save returned none")
		require.NotEmpty(t, left.Cookies,
			"wanted: a Set-Cookie line that ends the session\nlikely cause: what Clear and Options change is lost without Save, and a Save after the body is too late")
		require.Equal(t, http.StatusUnauthorized, alice.Send(http.MethodGet, url+"/me").Status,
			"wanted: nobody is logged in\nlikely cause: the user was saved again, or the cookie that ends has another Path than the one in the browser")
		require.Empty(t, alice.Cookies(url),
			"wanted: no cookie left in the browser\nlikely cause: an empty session is still a cookie; only a negative MaxAge, set before Save, makes the browser drop it")
		thief := newBrowser(t, "the thief")
		for _, ended := range left.Cookies {
			thief.SetCookie(url, ended.Value)
			require.Equal(t, http.StatusUnauthorized, thief.Send(http.MethodGet, url+"/me").Status,
				"wanted: no user in the Set-Cookie line that ends the session\nlikely cause: Clear is missing, or comes after Save")
		}

		alice.Send(http.MethodPost, url+"/login/alice")
		requireError(t, alice, http.MethodPost, "/account/logout", routes)
	})
}

func TestExercise2_3(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		routes := func(r *gin.Engine) { r.POST("/account/login/:user", Login) }
		alice, url := newBrowser(t, "Alice"), app(t, newStore(), routes)
		entered := alice.Send(http.MethodPost, url+"/account/login/alice")
		requireDone(t, entered, "wanted: a login\nlikely cause: the handler answers with an error although Save returned none")
		var cookie *http.Cookie
		for _, set := range entered.Cookies {
			if set.Name == sessiontest.CookieName {
				cookie = set // the last one counts
			}
		}
		require.NotNil(t, cookie, "wanted: a session cookie\nlikely cause: Save is missing, or comes after the body, when the headers have been sent")
		require.False(t, cookie.Secure, "wanted: no Secure, as in the store's options\nlikely cause: it was set, and over http a browser sends such a cookie to localhost only")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body,
			"wanted: the session on every route\nlikely cause: the Path is too narrow; without one, a cookie belongs to the folder of the route that set it, here /account/login")
		require.Equal(t, week, cookie.MaxAge, "wanted: a week, 604800 seconds\nlikely cause: another unit, or the store's MaxAge: a session's own is set with Options, before Save")
		require.True(t, cookie.HttpOnly, "wanted: HttpOnly, as in the store's options\nlikely cause: these options are not added to the store's, they replace them all")
		require.Contains(t, []http.SameSite{http.SameSiteLaxMode, http.SameSiteStrictMode}, cookie.SameSite,
			"wanted: SameSite=Lax, as in the store's options\nlikely cause: SameSite is not set; these options are not added to the store's, they replace them all")
		requireError(t, alice, http.MethodPost, "/account/login/alice", routes)
	})
}

func TestExercise2_4(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		routes := func(r *gin.Engine) {
			r.POST("/cart/:item", AddToCart)
			r.GET("/cart", ShowCart)
		}
		alice, url := newBrowser(t, "Alice"), app(t, newStore(), routes)
		requireDone(t, alice.Send(http.MethodGet, url+"/cart"), "wanted: an empty cart\nlikely cause: ShowCart takes it that there is a cart")
		known := gobKnowsCart()
		added := alice.Send(http.MethodPost, url+"/cart/tea")
		requireDone(t, added, "wanted: a cart with tea\nlikely cause: gob, which writes the session, was never told of Cart, or finds no exported field in it; the error above is Save's")
		require.NotEmpty(t, added.Cookies, "wanted: a cookie with the cart\nlikely cause: the cart is not in the session, or Save failed and its error is not checked")
		require.Equal(t, known, gobKnowsCart(),
			"wanted: a cart that is found again when the app has started again\nlikely cause: gob is told of Cart only when something is put into it; until then the app cannot read any cart")
		requireDone(t, alice.Send(http.MethodPost, url+"/cart/milk"), "wanted: a cart with tea and milk\nlikely cause: the cart that Get returned cannot be saved again")
		require.JSONEq(t, `["tea","milk"]`, alice.Send(http.MethodGet, url+"/cart").Body,
			"wanted: both items\nlikely cause: Get returns the type that gob was told of; a *Cart is not a Cart")
		requireSession(t, alice, "/cart", "tea", routes)
		requireError(t, alice, http.MethodPost, "/cart/bread", routes)
	})
}

// gobKnowsCart reports whether gob was told of the type.
func gobKnowsCart() bool {
	var value any = Cart{}
	return gob.NewEncoder(io.Discard).Encode(&value) == nil
}

func TestExercise2_5(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		newSecret, oldSecret := []byte("the new secret, thirty-two bytes"), []byte("the old secret, thirty-two bytes")
		before := app(t, cookie.NewStore(oldSecret), func(*gin.Engine) {})
		now := app(t, RotatedStore(newSecret, oldSecret), func(*gin.Engine) {})
		later := app(t, cookie.NewStore(newSecret), func(*gin.Engine) {})

		alice, bob := newBrowser(t, "Alice"), newBrowser(t, "Bob")
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
		alice := newBrowser(t, "Alice")
		require.Equal(t, http.StatusOK, alice.Send(http.MethodPost, url+"/login/alice").Status,
			"wanted: a login\nlikely cause: Save failed; what encrypts has 16, 24 or 32 bytes, and is the second key of a pair")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body,
			"wanted: a session that works\nlikely cause: the store cannot read what it has written")

		values := sessiontest.Decode(t, alice.CookieValue(url)) // anybody can do that
		t.Logf("without any key, Alice's cookie reads %q", values)
		require.NotContains(t, values, "alice",
			"wanted: nothing that can be read\nlikely cause: the pair that writes, the first one, has no second key, and only the second key of a pair encrypts")

		t.Log("another app, with another signing key, gets the cookie")
		other := app(t, PrivateStore([]byte("another signing key, of 32 bytes"), encryptionKey), func(*gin.Engine) {})
		require.Equal(t, http.StatusUnauthorized, alice.Send(http.MethodGet, other+"/me").Status,
			"wanted: the cookie is refused\nlikely cause: it is not signed with the signing key")
		t.Log("another app, with another encryption key, gets the cookie")
		other = app(t, PrivateStore(signingKey, []byte("another key to encrypt, 32 bytes")), func(*gin.Engine) {})
		require.Equal(t, http.StatusUnauthorized, alice.Send(http.MethodGet, other+"/me").Status,
			"wanted: the cookie is refused\nlikely cause: it is not encrypted with the encryption key")
		t.Log("another app, with the same two keys, gets the cookie")
		same := app(t, cookie.NewStore(signingKey, encryptionKey), func(*gin.Engine) {})
		require.Equal(t, "alice", alice.Send(http.MethodGet, same+"/me").Body,
			"wanted: the cookie is read\nlikely cause: the two keys have changed places, or the session is not in the cookie, or not written with these two keys alone; the first of a pair signs, the second encrypts")
	})
}

func TestExercise2_7(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		routes := func(r *gin.Engine) {
			r.POST("/order", Order)
			r.GET("/", Home)
		}
		alice, url := newBrowser(t, "Alice"), app(t, newStore(), routes)
		home := func() (messages []string, cookies []*http.Cookie) {
			var page struct{ Messages []string }
			got := alice.Send(http.MethodGet, url+"/")
			require.Equal(t, http.StatusOK, got.Status, "wanted: a page\nlikely cause: the handler panicked, or answers with an error although Save returned none")
			require.NoError(t, json.Unmarshal([]byte(got.Body), &page), "wanted: {\"messages\": …}\nlikely cause: the page was changed; only when the messages go is wrong")
			return page.Messages, got.Cookies
		}
		alice.Send(http.MethodPost, url+"/login/alice")
		for range 2 {
			requireDone(t, alice.Send(http.MethodPost, url+"/order"), "wanted: an order\nlikely cause: Order was changed; only Home is wrong")
		}
		messages, _ := home()
		require.Len(t, messages, 2, "wanted: a message for each order\nlikely cause: some of the messages are not shown; Flashes returns all of them, but only when it is called for the first time")
		messages, cookies := home()
		require.Empty(t, messages,
			"wanted: each message once\nlikely cause: Flashes takes the messages out of the session, which is a change; was it saved, and before the body?")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body,
			"wanted: Alice is still logged in\nlikely cause: more than the messages was taken out of the session")

		const noMessage = "likely cause: Flashes counts as a change even when there are none, and Save then sets a cookie; save only if there are messages"
		require.Empty(t, newBrowser(t, "Bob").Send(http.MethodGet, url+"/").Cookies, "wanted: no cookie for Bob, who has no message\n"+noMessage)
		require.Empty(t, cookies, "wanted: no cookie for Alice, who had no message any more\n"+noMessage)

		alice.Send(http.MethodPost, url+"/order")
		require.NotContains(t, requireError(t, alice, http.MethodGet, "/", routes), "Thank you",
			"wanted: no message, because it will be shown again\nlikely cause: the handler goes on after the error")
	})
}
