package main

import (
	"context"
	"encoding/gob"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What people asked about sessions in cookies, for QUESTIONS.md.

// serveApp runs an app of its own, with these routes behind the sessions
// middleware, until the test ends. It returns the app's URL.
func serveApp(t *testing.T, store sessions.Store, routes func(r *gin.Engine)) string {
	t.Helper()
	r := gin.New()
	r.Use(gin.RecoveryWithWriter(io.Discard), sessions.Sessions(sessionName, store))
	routes(r)
	return sessiontest.Serve(t, r)
}

// storeWith returns the chapter's store with these options.
func storeWith(options sessions.Options) sessions.Store {
	store := newStore(sessiontest.Secret)
	store.Options(options)
	return store
}

// findAnyHostAt lets the browser find the app under every host name, as if the
// DNS said so: http://shop.example/hello goes to the app, with the cookies of
// shop.example.
func findAnyHostAt(app string, b *sessiontest.Browser) {
	address := strings.TrimPrefix(app, "http://")
	b.Client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// Question 1: "I call Clear() or Delete() at logout, and the session is still there"
func TestClearIsNoLogoutButMaxAgeMinusOneIs(t *testing.T) {
	t.Parallel()
	app := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
		r.GET("/hello", hello)
		r.POST("/clear", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Clear()
			assert.NoError(t, session.Save())
		})
		r.POST("/account/logout", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Options(sessions.Options{MaxAge: -1}) // without the Path
			assert.NoError(t, session.Save())
		})
		r.POST("/logout", logout) // main.go: Clear, all options, MaxAge -1, Save
	})
	visitor := sessiontest.NewBrowser(t, "Alice")
	visitor.Get(app + "/hello")
	copied := visitor.CookieValue(app)

	visitor.Send(http.MethodPost, app+"/account/logout")
	assert.JSONEq(t, returningVisitor, visitor.Get(app+"/hello"),
		"without Path / the browser drops another cookie, that of /account")

	visitor.Send(http.MethodPost, app+"/clear")
	assert.NotNil(t, visitor.Cookie(app), "Clear empties the session, and the browser keeps it")

	visitor.Send(http.MethodPost, app+"/logout")
	assert.Nil(t, visitor.Cookie(app), "the cookie is still there: is it MaxAge -1, Path / and then Save?")

	visitor.SetCookie(app, copied)
	assert.JSONEq(t, returningVisitor, visitor.Get(app+"/hello"),
		"a copy works on: only a store on the server can take a session back")
}

type member struct{ Name string }

func init() { gob.Register(member{}) } // once, before the first request

// Question 3: "gob: type not registered", or "I store a struct and everything in the
// session is gone"
func TestAStructOrMapHasToBeRegisteredWithGob(t *testing.T) {
	t.Parallel()
	type guest struct{ Name string } // nobody has registered it

	for name, test := range map[string]struct {
		value any
		want  string
	}{
		"unregistered struct": {guest{"Ann"}, "nothing"},
		"unregistered map":    {map[string]string{"name": "Ann"}, "nothing"},
		"registered struct":   {member{"Ann"}, "Ann"},
	} {
		t.Run(name, func(t *testing.T) {
			app := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
				r.POST("/login", func(c *gin.Context) {
					session := sessions.Default(c)
					session.Set("id", 7)
					session.Set("user", test.value)
					if err := session.Save(); err != nil { // it names the type
						c.String(http.StatusInternalServerError, err.Error())
					}
				})
				r.GET("/user", func(c *gin.Context) {
					session := sessions.Default(c)
					if user, ok := session.Get("user").(member); ok && session.Get("id") == 7 {
						c.String(http.StatusOK, user.Name)
						return
					}
					c.String(http.StatusOK, "nothing")
				})
			})
			visitor := sessiontest.NewBrowser(t, "Alice")
			login := visitor.Send(http.MethodPost, app+"/login")

			if test.want == "nothing" {
				assert.Equal(t, http.StatusInternalServerError, login.Status)
				assert.Contains(t, login.Body, "gob: type not registered for interface")
				assert.Empty(t, login.Cookies, "one bad value, and the others are not saved either")
			}
			assert.Equal(t, test.want, visitor.Get(app+"/user"), "was the type registered, and Save's error looked at?")
		})
	}
}

func login(c *gin.Context) {
	session := sessions.Default(c)
	session.Set("name", "Ann")
	if err := session.Save(); err != nil {
		saveFailed(c, err)
		return
	}
	c.Redirect(http.StatusSeeOther, "/") // 303
}

// Question 4: "the session is nil on the next request, or after a redirect"
func TestSaveThenRedirectWith303KeepsTheSession(t *testing.T) {
	t.Parallel()
	app := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
		r.GET("/", greet)
		r.GET("/login", login)
		r.GET("/permanent", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("name", "Ann")
			assert.NoError(t, session.Save())
			c.Redirect(http.StatusMovedPermanently, "/")
		})
		r.GET("/careless", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("name", "Ann")
			session.Set("avatar", strings.Repeat("x", 5000)) // too long for a cookie
			session.Save()                                   // says so, and nobody listens
			c.Redirect(http.StatusSeeOther, "/")
		})
		r.POST("/logout", logout)
	})

	t.Run("an ignored error of Save is a lost session", func(t *testing.T) {
		assert.Equal(t, "hello visitor", sessiontest.NewBrowser(t, "Alice").Get(app+"/careless"))
		assert.Equal(t, "hello Ann", sessiontest.NewBrowser(t, "Alice").Get(app+"/login"))
	})
	t.Run("a 301 is asked for once", func(t *testing.T) {
		visitor := sessiontest.NewBrowser(t, "Alice")
		visitor.Client.Transport = rememberRedirects{visitor.Client.Transport, map[string]string{}}

		assert.Equal(t, "hello Ann", visitor.Get(app+"/permanent"), "the first time all is well")
		visitor.Send(http.MethodPost, app+"/logout")
		assert.Equal(t, "hello visitor", visitor.Get(app+"/permanent"), "the second time /permanent is not even asked")
	})
	t.Run("a 303 is asked for every time", func(t *testing.T) {
		visitor := sessiontest.NewBrowser(t, "Alice")
		visitor.Client.Transport = rememberRedirects{visitor.Client.Transport, map[string]string{}}

		assert.Equal(t, "hello Ann", visitor.Get(app+"/login"))
		visitor.Send(http.MethodPost, app+"/logout")
		assert.Equal(t, "hello Ann", visitor.Get(app+"/login"), "is the redirect a permanent one?")
	})
	t.Run("another host name is another cookie", func(t *testing.T) {
		visitor := sessiontest.NewBrowser(t, "Alice")
		visitor.Get(app + "/login")

		assert.NotNil(t, visitor.Cookie(app))
		assert.Nil(t, visitor.Cookie(strings.Replace(app, "127.0.0.1", "localhost", 1)),
			"log in at one of the two, and you are anonymous at the other")
	})
}

// rememberRedirects does what a browser's cache does: a page that has moved
// permanently, 301, is not asked for again.
type rememberRedirects struct {
	http.RoundTripper
	moved map[string]string // from URL to URL
}

func (r rememberRedirects) RoundTrip(request *http.Request) (*http.Response, error) {
	from := request.URL.String()
	if to := r.moved[from]; to != "" {
		header := http.Header{"Location": {to}}
		return &http.Response{StatusCode: http.StatusMovedPermanently, Header: header, Body: http.NoBody, Request: request}, nil
	}
	response, err := r.RoundTripper.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusMovedPermanently {
		r.moved[from] = response.Header.Get("Location")
	}
	return response, err
}

func saveForAWeek(session sessions.Session) error {
	options := cookieOptions() // all of them, then the change
	options.MaxAge = 7 * maxAge
	session.Options(options)
	return session.Save()
}

// Question 5: "after session.Options(sessions.Options{MaxAge: …}) my other routes
// see no session"
func TestOptionsReplaceAllOptions(t *testing.T) {
	t.Parallel()
	const week = 7 * maxAge
	routes := func(r *gin.Engine) {
		r.POST("/account/only-max-age", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("hello", "world")
			session.Options(sessions.Options{MaxAge: week})
			assert.NoError(t, session.Save())
		})
		r.POST("/account/remember-me", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("hello", "world")
			assert.NoError(t, saveForAWeek(session))
		})
		r.GET("/hello", hello)
		r.GET("/account/hello", hello)
		r.DELETE("/hello", forgetHello)
	}
	app := serveApp(t, storeWith(cookieOptions()), routes)

	visitor := sessiontest.NewBrowser(t, "Alice")
	bad := visitor.Send(http.MethodPost, app+"/account/only-max-age")
	require.Len(t, bad.Cookies, 1)
	assert.Empty(t, bad.Cookies[0].Path, "the store's Path is not filled in")
	assert.False(t, bad.Cookies[0].HttpOnly, "neither is HttpOnly")
	assert.Zero(t, bad.Cookies[0].SameSite, "neither is SameSite")
	assert.JSONEq(t, returningVisitor, visitor.Get(app+"/account/hello"), "the cookie belongs to the folder /account")
	assert.JSONEq(t, newVisitor, visitor.Get(app+"/hello"), "and so this route sees no session")

	visitor = sessiontest.NewBrowser(t, "Alice")
	good := visitor.Send(http.MethodPost, app+"/account/remember-me")
	require.Len(t, good.Cookies, 1)
	assert.Equal(t, week, good.Cookies[0].MaxAge)
	assert.Equal(t, "/", good.Cookies[0].Path)
	assert.True(t, good.Cookies[0].HttpOnly, "start from your own options, not from an empty struct")
	assert.JSONEq(t, returningVisitor, visitor.Get(app+"/hello"))

	afterSixDays := sessiontest.Aged(t, visitor.CookieValue(app), 6*24*time.Hour)
	visitor.SetCookie(app, afterSixDays)
	assert.JSONEq(t, newVisitor, visitor.Get(app+"/hello"), "wanted: newStore's MaxAge ends the session after a day, whatever the browser keeps")
	signedForAWeek := newStore(sessiontest.Secret)
	signedForAWeek.(interface{ MaxAge(seconds int) }).MaxAge(week)
	signedForAWeek.Options(cookieOptions())
	app = serveApp(t, signedForAWeek, routes)
	visitor.SetCookie(app, afterSixDays)
	assert.JSONEq(t, returningVisitor, visitor.Get(app+"/hello"), "wanted: a week in the browser and on the server")

	next := visitor.Send(http.MethodDelete, app+"/hello")
	require.Len(t, next.Cookies, 1)
	assert.Equal(t, maxAge, next.Cookies[0].MaxAge, "nobody remembers Options: the next Save is back at the store's")
}

// Question 6: "since an upgrade the cookie is not kept over plain http" (gorilla PR
// 276, lakeFS PR 9850)
func TestWithoutOptionsTheCookieNeedsHTTPS(t *testing.T) {
	t.Parallel()
	get := func(store sessions.Store, url string) (visitor *sessiontest.Browser, first sessiontest.Answer, secondVisit string) {
		visitor = sessiontest.NewBrowser(t, "Alice")
		findAnyHostAt(serveApp(t, store, func(r *gin.Engine) { r.GET("/hello", hello) }), visitor)
		first = visitor.Send(http.MethodGet, url)
		return visitor, first, visitor.Get(url)
	}

	visitor, first, secondVisit := get(cookie.NewStore(sessiontest.Secret), "http://shop.example/hello") // and no Options
	assert.JSONEq(t, newVisitor, secondVisit, "the browser holds the cookie back: it is not https")
	require.Len(t, first.Cookies, 1)
	assert.True(t, first.Cookies[0].Secure)
	assert.Equal(t, http.SameSiteNoneMode, first.Cookies[0].SameSite)
	assert.False(t, first.Cookies[0].HttpOnly)
	assert.NotNil(t, visitor.Cookie("https://shop.example"), "https would get it")

	_, first, secondVisit = get(storeWith(cookieOptions()), "http://shop.example/hello") // main.go: Secure in release mode only
	assert.JSONEq(t, returningVisitor, secondVisit, "the cookie did not come back over http: was Secure set?")
	require.Len(t, first.Cookies, 1)
	// On localhost most browsers, and Go's cookie jar, send a Secure cookie over
	// http as well: so look at the Set-Cookie, too.
	assert.False(t, first.Cookies[0].Secure)

	released := cookieOptions()
	released.Secure = true // as in release mode
	visitor, _, secondVisit = get(storeWith(released), "http://192.0.2.1/hello")
	assert.JSONEq(t, newVisitor, secondVisit, "wanted: each visit is the first, at an address without https that is not localhost")
	assert.NotNil(t, visitor.Cookie("https://192.0.2.1"))
	_, _, secondVisit = get(storeWith(cookieOptions()), "http://192.0.2.1/hello")
	assert.JSONEq(t, returningVisitor, secondVisit, "wanted: debug mode is enough for a trial without https")
}

func crossSiteOptions() sessions.Options {
	options := cookieOptions()
	options.SameSite = http.SameSiteNoneMode
	options.Secure = true // or the browser refuses None
	return options
}

func allowOrigin(origin string) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Vary", "Origin")
		if c.GetHeader("Origin") != origin {
			return
		}
		c.Header("Access-Control-Allow-Origin", origin)
		c.Header("Access-Control-Allow-Credentials", "true")
		if c.Request.Method == http.MethodOptions { // the browser asks before a DELETE or JSON
			c.Header("Access-Control-Allow-Methods", "GET, POST, DELETE")
			c.Header("Access-Control-Allow-Headers", "Content-Type")
			c.AbortWithStatus(http.StatusNoContent)
		}
	}
}

// Question 7: "how do I set SameSite, and use the session from another site?"
func TestAnotherSiteNeedsSameSiteNoneAndSecureAndCORS(t *testing.T) {
	t.Parallel()
	const frontend = "https://frontend.example"
	app := func(options sessions.Options, middleware ...gin.HandlerFunc) string {
		return serveApp(t, storeWith(options), func(r *gin.Engine) {
			r.Use(middleware...)
			r.GET("/hello", hello)
		})
	}

	t.Run("the cookie", func(t *testing.T) {
		lax := cookieOptions()
		notSecure := crossSiteOptions()
		notSecure.Secure = false
		forgotten := cookieOptions()
		forgotten.SameSite = 0

		for _, test := range []struct {
			name    string
			options sessions.Options
			want    bool
		}{
			{"Lax", lax, false},
			{"forgotten", forgotten, false},
			{"None without Secure", notSecure, false},
			{"None and Secure", crossSiteOptions(), true},
		} {
			got := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, app(test.options)+"/hello")
			require.Len(t, got.Cookies, 1)
			assert.Equal(t, test.want, goesAlongWithFetch(got.Cookies[0]), test.name)
		}
	})
	t.Run("CORS", func(t *testing.T) {
		url := app(cookieOptions(), allowOrigin(frontend)) + "/hello"
		ask := func(method, origin string) (status int, header http.Header) {
			request, err := http.NewRequest(method, url, nil)
			require.NoError(t, err)
			request.Header.Set("Origin", origin)
			response, err := sessiontest.NewBrowser(t, "Alice").Client.Do(request)
			require.NoError(t, err)
			response.Body.Close()
			return response.StatusCode, response.Header
		}

		_, fetched := ask(http.MethodGet, frontend)
		assert.Equal(t, frontend, fetched.Get("Access-Control-Allow-Origin"), "by its name: with cookies browsers refuse *")
		assert.Equal(t, "true", fetched.Get("Access-Control-Allow-Credentials"), "or the browser keeps the answer from the script")

		status, preflight := ask(http.MethodOptions, frontend) // the browser's question before a DELETE or JSON
		assert.Equal(t, http.StatusNoContent, status, "a preflight that is not answered with 2xx is a no")
		assert.Equal(t, frontend, preflight.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, "true", preflight.Get("Access-Control-Allow-Credentials"))
		assert.Contains(t, preflight.Get("Access-Control-Allow-Methods"), "DELETE")
		assert.Contains(t, preflight.Get("Access-Control-Allow-Headers"), "Content-Type")

		_, foreign := ask(http.MethodGet, "https://evil.example")
		assert.Empty(t, foreign.Get("Access-Control-Allow-Origin"), "any site could read the visitor's data")
	})
	t.Run("another port is the same site", func(t *testing.T) {
		url := app(cookieOptions())
		visitor := sessiontest.NewBrowser(t, "Alice")
		visitor.Get(url + "/hello")
		assert.NotNil(t, visitor.Cookie("http://127.0.0.1:3000"), "cookies know no ports: Lax is enough here")
	})
}

// goesAlongWithFetch says whether a browser may send the cookie with a fetch from
// a page of another site. Without a SameSite, Chrome takes it for Lax.
func goesAlongWithFetch(cookie *http.Cookie) bool {
	return cookie.SameSite == http.SameSiteNoneMode && cookie.Secure
}

func greet(c *gin.Context) {
	name, ok := sessions.Default(c).Get("name").(string)
	if !ok {
		name = "visitor"
	}
	c.String(http.StatusOK, "hello "+name)
}

// Question 8: "the app panics on an old or broken cookie"
func TestAnOldCookieGivesNilSoCheckTheType(t *testing.T) {
	t.Parallel()
	app := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
		r.GET("/careless", func(c *gin.Context) {
			c.String(http.StatusOK, "hello "+sessions.Default(c).Get("name").(string))
		})
		r.GET("/careful", greet)
	})
	for name, broken := range program.BrokenCookies(t) {
		t.Run(name, func(t *testing.T) {
			visitor := sessiontest.NewBrowser(t, "Alice")
			visitor.SetCookie(app, broken)

			assert.Equal(t, "hello visitor", visitor.Get(app+"/careful"), "a cookie that cannot be read is a new session")
			assert.Equal(t, http.StatusInternalServerError, visitor.Send(http.MethodGet, app+"/careless").Status,
				"nil.(string) panics: in your handler, not in the library")
		})
	}
}

func newRotatedStore(newSecret, oldSecret []byte) sessions.Store {
	store := cookie.NewStore(newSecret, nil, oldSecret, nil)
	store.(interface{ MaxAge(seconds int) }).MaxAge(maxAge) // as in newStore
	return store
}

// Question 9: "securecookie: the value is not valid, since I changed the secret"
func TestANewSecretKeepsTheOldOneAsASecondPair(t *testing.T) {
	t.Parallel()
	oldSecret, newSecret := sessiontest.Secret, []byte("the new secret, 32 bytes or more")
	visitor := sessiontest.NewBrowser(t, "Alice")
	visitor.Get(serve(t, cookie.NewStore(oldSecret)) + "/hello")

	rotated := serve(t, newRotatedStore(newSecret, oldSecret))
	assert.JSONEq(t, returningVisitor, visitor.Get(rotated+"/hello"), "the old sessions are lost: is the old secret the third argument?")

	newOnly := serve(t, cookie.NewStore(newSecret))
	old := visitor.CookieValue(newOnly)
	assert.JSONEq(t, newVisitor, visitor.Get(newOnly+"/hello"), "a new session, status 200; the error is in the log only")

	visitor.SetCookie(rotated, sessiontest.Aged(t, old, 25*time.Hour))
	assert.JSONEq(t, newVisitor, visitor.Get(rotated+"/hello"), "wanted: the old secret signs for a day, too\nlikely cause: the store's MaxAge was not set")

	visitor.SetCookie(rotated, old)
	visitor.Send(http.MethodDelete, rotated+"/hello") // saves: signs with the new secret
	visitor.Get(rotated + "/hello")
	assert.JSONEq(t, returningVisitor, visitor.Get(newOnly+"/hello"), "each Save signs with the first secret")

	// Without the nil the old secret is no second signing key, but the key that
	// encrypts.
	visitor.SetCookie(rotated, old)
	got := visitor.Send(http.MethodGet, serve(t, cookie.NewStore(newSecret, oldSecret))+"/hello")
	assert.Equal(t, http.StatusInternalServerError, got.Status, "AES knows keys of 16, 24 and 32 bytes only: every Save fails")
	assert.Empty(t, got.Cookies)

	oldSecret = oldSecret[:32]
	visitor = sessiontest.NewBrowser(t, "Alice")
	visitor.Get(serve(t, cookie.NewStore(oldSecret)) + "/hello")
	got = visitor.Send(http.MethodGet, serve(t, cookie.NewStore(newSecret, oldSecret))+"/hello")
	assert.JSONEq(t, newVisitor, got.Body, "32 bytes are worse: no error, and the old sessions are lost")
}

func addItem(c *gin.Context) {
	session := sessions.Default(c)
	cart, _ := session.Get("cart").([]string)
	session.Set("cart", append(cart, c.Query("item")))
	if err := session.Save(); err != nil { // "the value is too long"
		saveFailed(c, err)
		return
	}
	c.Status(http.StatusCreated)
}

// Question 15: "securecookie: the value is too long", or "after some time new items
// in the cart vanish"
func TestAFullCookieSavesNothingAndSaveSaysSo(t *testing.T) {
	t.Parallel()
	app := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
		r.POST("/careless", func(c *gin.Context) {
			session := sessions.Default(c)
			cart, _ := session.Get("cart").([]string)
			session.Set("cart", append(cart, c.Query("item")))
			if err := session.Save(); err != nil {
				assert.ErrorContains(t, err, "securecookie: the value is too long")
			}
			c.Status(http.StatusCreated)
		})
		r.POST("/cart", addItem)
		r.GET("/cart", func(c *gin.Context) {
			cart, _ := sessions.Default(c).Get("cart").([]string)
			c.JSON(http.StatusOK, len(cart))
		})
		r.GET("/bytes", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("hello", c.Query("value"))
			if err := session.Save(); err != nil {
				c.Status(http.StatusInsufficientStorage)
			}
		})
	})

	visitor, item := sessiontest.NewBrowser(t, "Alice"), "?item="+strings.Repeat("x", 100)
	assert.Equal(t, http.StatusCreated, visitor.Send(http.MethodPost, app+"/cart"+item).Status)
	for range 29 {
		assert.Equal(t, http.StatusCreated, visitor.Send(http.MethodPost, app+"/careless"+item).Status)
	}
	assert.Equal(t, "21", visitor.Get(app+"/cart"), "30 were added, and each was answered with 201")

	full := visitor.Send(http.MethodPost, app+"/cart"+item)
	assert.Equal(t, http.StatusInternalServerError, full.Status, "was the error of Save looked at?")
	assert.Empty(t, full.Cookies, "the old cookie stays")

	// base64 twice: 4,096 bytes of cookie hold little more than half of that.
	fits := func(bytes int) bool {
		return sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, app+"/bytes?value="+strings.Repeat("x", bytes)).Status == http.StatusOK
	}
	assert.True(t, fits(2200))
	assert.False(t, fits(2300), "more fits now: correct the README")

	// Save counts the value only, and a browser the name as well: between the two
	// limits nobody says anything.
	longest := sort.Search(2300, func(bytes int) bool { return !fits(bytes + 1) })
	dropped := sessiontest.NewBrowser(t, "Alice")
	saved := dropped.Send(http.MethodGet, app+"/bytes?value="+strings.Repeat("x", longest))
	assert.Len(t, saved.Cookies, 1, "wanted: Save returns no error, and sends the cookie")
	assert.Nil(t, dropped.Cookie(app), "wanted: the browser drops it, because name and value have more than 4,096 bytes")
}

func setLifetime(store sessions.Store, seconds int) {
	options := cookieOptions()
	options.MaxAge = seconds
	store.Options(options)                                   // for the browser
	store.(interface{ MaxAge(seconds int) }).MaxAge(seconds) // for the server
}

// Question 18: "more than 30 days is ignored", or "an hour is over, and the old
// cookie still works"
func TestTheStoresMaxAgeIsTheLifetimeOnTheServer(t *testing.T) {
	t.Parallel()
	const hour, day = 60 * 60, 24 * 60 * 60
	// worksAt says whether the session still works after so many seconds.
	worksAt := func(store sessions.Store, seconds int) bool {
		app := serveApp(t, store, func(r *gin.Engine) { r.GET("/hello", hello) })
		visitor := sessiontest.NewBrowser(t, "Alice")
		visitor.Get(app + "/hello")
		visitor.SetCookie(app, sessiontest.Aged(t, visitor.CookieValue(app), time.Duration(seconds)*time.Second))
		return visitor.Get(app+"/hello") == returningVisitor
	}
	onlyOptions := func(seconds int) sessions.Store {
		store := cookie.NewStore(sessiontest.Secret)
		store.Options(sessions.Options{Path: "/", MaxAge: seconds})
		return store
	}
	both := func(seconds int) sessions.Store {
		store := cookie.NewStore(sessiontest.Secret)
		setLifetime(store, seconds)
		return store
	}

	assert.True(t, worksAt(onlyOptions(hour), 29*day), "Options end nothing on the server: it is 30 days")
	assert.False(t, worksAt(onlyOptions(90*day), 31*day), "and they cannot make it more")

	assert.True(t, worksAt(both(hour), hour/2))
	assert.False(t, worksAt(both(hour), 2*hour), "the signature lives on: was the store's MaxAge set?")
	assert.True(t, worksAt(both(90*day), 89*day), "was the store's MaxAge set?")
	assert.False(t, worksAt(both(90*day), 91*day))
}

// Question 19: "how do I unit-test a handler that uses a session?"
func TestAHandlerIsTestedBehindTheMiddleware(t *testing.T) {
	engine := gin.New() // as in the app, but for a route that prepares the session
	engine.Use(sessions.Sessions("mysession", cookie.NewStore([]byte("for this test only"))))
	engine.GET("/hello", hello) // the handler to test
	engine.POST("/prepare", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("hello", "world")
		assert.NoError(t, session.Save())
	})
	prepared := httptest.NewRecorder()
	engine.ServeHTTP(prepared, httptest.NewRequest(http.MethodPost, "/prepare", nil))

	request := httptest.NewRequest(http.MethodGet, "/hello", nil)
	for _, cookie := range prepared.Result().Cookies() { // Result is what was sent
		request.AddCookie(cookie)
	}
	answered := httptest.NewRecorder()
	engine.ServeHTTP(answered, request)
	assert.JSONEq(t, `{"hello":"world","returning":true}`, answered.Body.String())
}

func TestAHandlerWithoutAnEngineHasNoSession(t *testing.T) {
	t.Parallel()
	bare, _ := gin.CreateTestContext(httptest.NewRecorder())
	assert.Panics(t, func() { hello(bare) }, "wanted: no middleware, and so no session")
}

func remember(c *gin.Context) {
	session := sessions.Default(c)
	session.Set("hello", "world")
	if err := session.Save(); err != nil {
		saveFailed(c, err)
		return
	}
	c.JSON(http.StatusOK, "hello") // only after Save
}

// Question 20: "I call Save in a middleware, or after c.JSON, and no cookie is set"
func TestSaveAfterTheBodySendsNoCookie(t *testing.T) {
	t.Parallel()
	save := func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("hello", "world")
		assert.NoError(t, session.Save(), "Save does not notice that it is too late")
	}
	app := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
		r.GET("/after-json", func(c *gin.Context) {
			c.JSON(http.StatusOK, "hello")
			save(c)
		})
		r.GET("/after-redirect", func(c *gin.Context) {
			c.Redirect(http.StatusSeeOther, "/") // to a GET it writes a body, too
			save(c)
		})
		afterNext := func(c *gin.Context) {
			c.Next() // the handler answers
			save(c)
		}
		r.GET("/after-next", afterNext, func(c *gin.Context) { c.JSON(http.StatusOK, "hello") })

		r.GET("/before", remember)
		beforeNext := func(c *gin.Context) {
			save(c)
			c.Next()
		}
		r.GET("/before-next", beforeNext, func(c *gin.Context) { c.JSON(http.StatusOK, "hello") })
	})
	visitor := sessiontest.NewBrowser(t, "Alice")
	visitor.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	for _, path := range []string{"/after-json", "/after-redirect", "/after-next"} {
		assert.Empty(t, visitor.Send(http.MethodGet, app+path).Cookies, "%s: the headers are gone already", path)
	}
	for _, path := range []string{"/before", "/before-next"} {
		assert.Len(t, visitor.Send(http.MethodGet, app+path).Cookies, 1, "%s: is Save called before the body?", path)
	}
}

func showFlashes(c *gin.Context) {
	session := sessions.Default(c)
	flashes := session.Flashes() // takes them out of the session
	if len(flashes) > 0 {
		if err := session.Save(); err != nil {
			saveFailed(c, err)
			return
		}
	}
	c.JSON(http.StatusOK, flashes)
}

// Question 24: "my flash messages never clear"
func TestReadingFlashesIsAChangeToSave(t *testing.T) {
	t.Parallel()
	app := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
		r.POST("/note", func(c *gin.Context) {
			session := sessions.Default(c)
			session.AddFlash("Saved!")
			assert.NoError(t, session.Save())
		})
		r.GET("/forgetful", func(c *gin.Context) {
			c.JSON(http.StatusOK, sessions.Default(c).Flashes())
		})
		r.GET("/page", showFlashes)
		r.GET("/eager", func(c *gin.Context) {
			session := sessions.Default(c)
			flashes := session.Flashes()
			assert.NoError(t, session.Save())
			c.JSON(http.StatusOK, flashes)
		})
	})
	visitor := sessiontest.NewBrowser(t, "Alice")
	visitor.Send(http.MethodPost, app+"/note")

	assert.Equal(t, `["Saved!"]`, visitor.Get(app+"/forgetful"))
	assert.Equal(t, `["Saved!"]`, visitor.Get(app+"/forgetful"), "without Save it is shown for ever")

	assert.Equal(t, `["Saved!"]`, visitor.Get(app+"/page"))
	assert.Equal(t, `null`, visitor.Get(app+"/page"), "shown once more: was the session saved, before the body?")

	assert.Len(t, visitor.Send(http.MethodGet, app+"/eager").Cookies, 1, "Flashes counts as a change even when there are none")
	assert.Empty(t, visitor.Send(http.MethodGet, app+"/page").Cookies, "no flashes, so nothing to save")
}

func optionsFor(domain string) sessions.Options {
	options := cookieOptions()
	options.Domain = domain
	return options
}

// Question 28: "how do I share a session across subdomains?"
func TestADomainSharesTheSessionWithSubdomains(t *testing.T) {
	t.Parallel()
	// visit logs in at www.example.com and visits other hosts.
	visit := func(t *testing.T, domain string) (visitor *sessiontest.Browser, first sessiontest.Answer) {
		visitor = sessiontest.NewBrowser(t, "Alice")
		findAnyHostAt(serveApp(t, storeWith(optionsFor(domain)), func(r *gin.Engine) {
			r.GET("/hello", hello)
			r.POST("/careless", logout) // main.go: without the Domain
			r.POST("/logout", func(c *gin.Context) {
				session, options := sessions.Default(c), optionsFor(domain)
				options.MaxAge = -1
				session.Options(options)
				assert.NoError(t, session.Save())
			})
		}), visitor)
		first = visitor.Send(http.MethodGet, "http://www.example.com/hello")
		require.Len(t, first.Cookies, 1)
		return visitor, first
	}

	t.Run("without a Domain", func(t *testing.T) {
		visitor, _ := visit(t, "")
		assert.JSONEq(t, returningVisitor, visitor.Get("http://www.example.com/hello"))
		assert.JSONEq(t, newVisitor, visitor.Get("http://shop.example.com/hello"), "the cookie belongs to www.example.com alone")
	})
	for _, domain := range []string{"example.com", ".example.com"} {
		t.Run(domain, func(t *testing.T) {
			visitor, first := visit(t, domain)
			assert.Equal(t, "example.com", first.Cookies[0].Domain, "the dot means nothing any more, and is not sent")
			assert.JSONEq(t, returningVisitor, visitor.Get("http://example.com/hello"))
			assert.JSONEq(t, returningVisitor, visitor.Get("http://shop.example.com/hello"), "is the Domain the name that both hosts end with?")

			visitor.Send(http.MethodPost, "http://shop.example.com/careless")
			assert.JSONEq(t, returningVisitor, visitor.Get("http://www.example.com/hello"), "without the Domain the browser drops another cookie, that of one host")
			visitor.Send(http.MethodPost, "http://shop.example.com/logout")
			assert.JSONEq(t, newVisitor, visitor.Get("http://www.example.com/hello"), "is the Domain the same at logout?")
		})
	}
	t.Run("the Domain of another host", func(t *testing.T) {
		visitor, _ := visit(t, "shop.example.com")
		assert.JSONEq(t, newVisitor, visitor.Get("http://www.example.com/hello"), "the browser refuses a cookie for somebody else")
	})
}

func newEncryptedStore(secret, encryptionKey []byte) sessions.Store {
	store := cookie.NewStore(secret, encryptionKey)         // of 16, 24 or 32 bytes
	store.(interface{ MaxAge(seconds int) }).MaxAge(maxAge) // as in newStore
	return store
}

// Question 29: "what is in the cookie? It looks secret"
func TestOneKeySignsAndASecondOneEncrypts(t *testing.T) {
	t.Parallel()
	encryptionKey := []byte("another key: 16, 24 or 32 bytes!")
	visit := func(store sessions.Store) (cookie string, second sessiontest.Answer) {
		app := serve(t, store)
		visitor := sessiontest.NewBrowser(t, "Alice")
		visitor.Get(app + "/hello")
		return visitor.CookieValue(app), visitor.Send(http.MethodGet, app+"/hello")
	}

	signed, _ := visit(cookie.NewStore(sessiontest.Secret))
	values := map[any]any{}
	require.NoError(t, gob.NewDecoder(strings.NewReader(sessiontest.Decode(t, signed))).Decode(&values))
	assert.Equal(t, map[any]any{"hello": "world"}, values, "anybody can decode it, without the secret")

	encrypted, second := visit(newEncryptedStore(sessiontest.Secret, encryptionKey))
	assert.NotContains(t, sessiontest.Decode(t, encrypted), "world", "the value can be read: was there a second key?")
	assert.JSONEq(t, returningVisitor, second.Body, "the app can still read it")

	app := serveApp(t, newEncryptedStore(sessiontest.Secret, encryptionKey), func(r *gin.Engine) { r.GET("/hello", hello) }) // and no Options
	bare := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, app+"/hello")
	require.Len(t, bare.Cookies, 1)
	assert.Equal(t, maxAge, bare.Cookies[0].MaxAge, "wanted: a day, as in newStore\nlikely cause: the store's MaxAge was not set")

	got := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, serve(t, newEncryptedStore(sessiontest.Secret, encryptionKey[:31]))+"/hello")
	assert.Equal(t, http.StatusInternalServerError, got.Status, "NewStore takes a key of any length: it is Save that fails")
}
