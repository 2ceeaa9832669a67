package main

import (
	"html/template"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The questions about visitors who are logged in, and those who are no more.

// Question: "Session or JWT?" (gin#582)
func TestASignedTokenOutlivesTheLogoutAndASessionOnTheServerDoesNot(t *testing.T) {
	t.Parallel()
	inMemory := func(secret []byte) sessions.Store { return memstore.NewStore(secret) }

	for name, test := range map[string]struct {
		newStore func(secret []byte) sessions.Store
		want     string // for somebody who has copied the cookie
	}{
		"a signed token":          {newStore, returningVisitor}, // the values and a signature, as in a JWT
		"a session on the server": {inMemory, newVisitor},       // the cookie has only an ID
	} {
		app, other := serve(t, test.newStore(sessiontest.Secret)), serve(t, test.newStore(sessiontest.Secret))
		alice, thief := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "the thief")
		alice.Get(app + "/hello")
		copied := alice.CookieValue(app)

		thief.SetCookie(app, copied)
		assert.Equal(t, returningVisitor, thief.Get(app+"/hello"), "%s: wanted: a copy works as long as Alice is logged in", name)
		assert.Equal(t, test.want, thief.Get(other+"/hello"), "%s: another program, which has nothing but the secret", name)

		alice.Send(http.MethodPost, app+"/logout")
		thief.SetCookie(app, copied)
		assert.Equal(t, test.want, thief.Get(app+"/hello"), "%s: after the logout", name)
	}
}

// history is what a browser keeps for the back button: no page with no-store.
type history struct {
	*sessiontest.Browser
	pages map[string]string // by URL
}

func (h history) visit(url string) (page string) {
	got := h.Send(http.MethodGet, url)
	if !strings.Contains(got.Header.Get("Cache-Control"), "no-store") {
		h.pages[url] = got.Body
	}
	return got.Body
}

func (h history) back(url string) (page string) {
	if page, kept := h.pages[url]; kept {
		return page
	}
	return h.visit(url)
}

// Question: "Why does the back button still show a page after logout?"
func TestNoStoreKeepsPagesFromTheBackButton(t *testing.T) {
	t.Parallel()
	careless := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
		r.GET("/hello", hello)
		r.POST("/logout", logout)
	})
	for app, want := range map[string]string{
		careless:                               returningVisitor,
		serve(t, newStore(sessiontest.Secret)): newVisitor, // main.go: noStore
	} {
		alice := history{sessiontest.NewBrowser(t, "Alice"), map[string]string{}}
		alice.visit(app + "/hello")
		require.Equal(t, returningVisitor, alice.visit(app+"/hello"))

		out := alice.Send(http.MethodPost, app+"/logout")
		require.Len(t, out.Cookies, 1)
		assert.True(t, out.Cookies[0].HttpOnly, "wanted: an HttpOnly cookie changes, which makes Chrome forget its pages")

		assert.Equal(t, want, alice.back(app+"/hello"), "wanted: the page is asked for again\nlikely cause: no Cache-Control: no-store")
	}
}

func needsLogin(c *gin.Context) {
	user := sessions.Default(c).Get("user")
	if user == nil {
		c.Redirect(http.StatusSeeOther, "/login")
		c.Abort() // or the handler runs as well
		return
	}
	c.Set("user", user)
}

// Question: "I call c.Redirect in a middleware. Why does the handler still run?"
// (gin#426, gin#287, gin#290)
func TestOnlyAbortKeepsTheHandlerFromRunning(t *testing.T) {
	t.Parallel()
	var deleted atomic.Int32
	redirectOnly := func(c *gin.Context) {
		if sessions.Default(c).Get("user") == nil {
			c.Redirect(http.StatusSeeOther, "/login")
			return // out of this function, and on to the handler
		}
	}
	deleteOrder := func(c *gin.Context) {
		deleted.Add(1)
		c.String(http.StatusOK, "deleted")
	}
	app := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
		r.POST("/careless", redirectOnly, deleteOrder)
		r.POST("/orders/7/delete", needsLogin, deleteOrder)
		r.POST("/login", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("user", 7)
			assert.NoError(t, session.Save())
		})
	})
	visitor := sessiontest.NewBrowser(t, "Mallory")
	visitor.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	got := visitor.Send(http.MethodPost, app+"/careless")
	assert.EqualValues(t, 1, deleted.Swap(0), "wanted: return does not stop the handler")
	assert.Equal(t, http.StatusOK, got.Status, "wanted: the handler's status replaces the 303 of a POST")

	got = visitor.Send(http.MethodPost, app+"/orders/7/delete")
	assert.Zero(t, deleted.Load(), "wanted: the order is still there\nlikely cause: no c.Abort")
	assert.Equal(t, http.StatusSeeOther, got.Status)
	assert.Equal(t, "/login", got.Header.Get("Location"))

	visitor.Send(http.MethodPost, app+"/login")
	assert.Equal(t, "deleted", visitor.Send(http.MethodPost, app+"/orders/7/delete").Body, "wanted: who is logged in gets through")
}

var accounts = map[int]string{7: "Ann <b>"} // your database

var pages = template.Must(template.New("").Parse(`
	{{define "top"}}{{if .User}}Hello {{.User}}{{else}}<a href="/login">Log in</a>{{end}}{{end}}
	{{define "home"}}{{template "top" .}} Welcome!{{end}}
	{{define "cart"}}{{template "top" .}} {{.Data}} items{{end}}`))

func addPages(r *gin.Engine) {
	r.SetHTMLTemplate(pages)
	r.Use(loadUser)
	r.GET("/", func(c *gin.Context) { render(c, "home", nil) })
	r.GET("/cart", func(c *gin.Context) { render(c, "cart", 3) })
}

func loadUser(c *gin.Context) {
	if id, ok := sessions.Default(c).Get("user").(int); ok {
		c.Set("user", accounts[id])
	}
}

func render(c *gin.Context, page string, data any) {
	c.HTML(http.StatusOK, page, gin.H{"User": c.GetString("user"), "Data": data})
}

// Question: "How do I show the user's name on every page?" (gin#1512)
func TestTheUsersNameIsOnEveryPage(t *testing.T) {
	t.Parallel()
	app := serveApp(t, storeWith(cookieOptions()), func(r *gin.Engine) {
		addPages(r)
		for path, id := range map[string]int{"/login": 7, "/deleted": 8} { // 8 is in no account
			r.POST(path, func(c *gin.Context) {
				session := sessions.Default(c)
				session.Set("user", id)
				assert.NoError(t, session.Save())
			})
		}
	})
	visitor := sessiontest.NewBrowser(t, "Ann")
	assert.Equal(t, `<a href="/login">Log in</a> Welcome!`, visitor.Get(app+"/"))
	assert.Equal(t, `<a href="/login">Log in</a> 3 items`, visitor.Get(app+"/cart"))

	visitor.Send(http.MethodPost, app+"/login")
	assert.Equal(t, "Hello Ann &lt;b&gt; Welcome!", visitor.Get(app+"/"),
		"wanted: the name, escaped\nlikely cause: no loadUser before the route, or text/template")
	assert.Equal(t, "Hello Ann &lt;b&gt; 3 items", visitor.Get(app+"/cart"))

	visitor.Send(http.MethodPost, app+"/deleted")
	assert.Equal(t, `<a href="/login">Log in</a> Welcome!`, visitor.Get(app+"/"), "wanted: a deleted account is anonymous at once")
}
