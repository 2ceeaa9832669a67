package exercise

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

const password = "correct horse"

// accountsOf are those of a test, in the process: as Members, and as Customers.
type accountsOf struct {
	t     *testing.T
	lock  sync.Mutex
	names []string
	audit []string
}

func (a *accountsOf) Add(name, _ string) bool {
	a.lock.Lock()
	defer a.lock.Unlock()
	if slices.Contains(a.names, name) {
		return false
	}
	a.names = append(a.names, name)
	return true
}

func (a *accountsOf) Check(name, typed string) bool {
	a.lock.Lock()
	defer a.lock.Unlock()
	return slices.Contains(a.names, name) && typed == password
}

func (a *accountsOf) Names(by string) []string {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.write("%q listed all names", by)
	return slices.Clone(a.names)
}

func (a *accountsOf) Delete(by, name string) {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.write("%q deleted %s", by, name)
	a.names = slices.DeleteFunc(a.names, func(other string) bool { return other == name })
}

func (a *accountsOf) write(format string, args ...any) {
	a.audit = append(a.audit, fmt.Sprintf(format, args...))
	a.t.Logf("the audit log gets: "+format, args...)
}

// read returns the lines of the audit log since it was read.
func (a *accountsOf) read() (lines string) {
	a.lock.Lock()
	defer a.lock.Unlock()
	lines, a.audit = strings.Join(a.audit, "\n"), nil
	return lines
}

func TestExercise3_6(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		db := redisserver.Run(t)
		store, _ := storeOn(t, db.Addr(), "app")
		members := &accountsOf{t: t, names: []string{"bob"}}
		shop := app(t, store, func(r *gin.Engine) {
			Shop(r, members)
			r.POST("/keep/:key/:value", keep)
			r.GET("/kept/:key", tellKept)
		})
		// comeIn needs a name that has an account for the login, and none for the sign-up.
		comeIn := func(browser *sessiontest.Browser, door, name string) sessiontest.Answer {
			t.Helper()
			if door == "/login" {
				members.Add(name, password)
			}
			return browser.Post(shop+door, "name", name, "password", password)
		}
		requireIn := func(browser *sessiontest.Browser, door, name string) (kept *http.Cookie, id string) {
			t.Helper()
			entered := comeIn(browser, door, name)
			require.Less(t, entered.Status, 400, "wanted: %s is logged in\nlikely cause: an error; the story above has it", name)
			require.NotEmpty(t, entered.Cookies, "wanted: a cookie with the ID\nlikely cause: nothing was saved, or only after the answer")
			kept = entered.Cookies[len(entered.Cookies)-1]
			require.Positive(t, kept.MaxAge,
				"wanted: a cookie that lives\nlikely cause: the session was ended, and no new one saved after that; or its MaxAge is still negative")
			require.Equal(t, name, browser.Send(http.MethodGet, shop+"/me").Body,
				"wanted: %s is logged in\nlikely cause: the last Save had no user, or another one", name)
			return kept, sessiontest.ID(t, store, kept.Value)
		}
		for _, door := range []string{"/login", "/signup"} {
			for _, before := range []string{"somebody", "bob"} {
				name := "alice-" + door[1:] + "-after-" + before
				library := newBrowser(t, "The library's browser")
				if before == "bob" {
					requireIn(library, "/login", "bob")
				}
				first := library.Send(http.MethodPost, shop+"/keep/address/1-"+before+"-street").Cookies[0]
				library.Send(http.MethodPost, shop+"/keep/cart/tea-of-"+before)
				mallory := newBrowser(t, "Mallory")
				mallory.SetCookie(shop, library.CookieValue(shop))
				old := sessiontest.ID(t, store, library.CookieValue(shop))
				t.Logf("This was the session of %s, who has left. Mallory has written down its cookie, and waits", before)

				kept, id := requireIn(library, door, name)
				if door == "/login" {
					require.NotEqual(t, old, id,
						"wanted: a new ID\nlikely cause: the session has the ID of before the login, and whoever knows that is Alice, too")
				} else {
					require.NotEqual(t, old, id,
						"wanted: a new ID\nlikely cause: the sign-up logs in as well, so it has to do all that the login does")
				}
				require.NotContains(t, mallory.Send(http.MethodGet, shop+"/me").Body, "alice",
					"wanted: Mallory is not Alice\nlikely cause: the user was saved under the old ID as well")
				require.NotContains(t, db.Keys(), "session_"+old,
					"wanted: nothing in Redis under the old ID\nlikely cause: the session of before is still there for whoever has its cookie; Save deletes it, with a negative MaxAge")
				require.Empty(t, library.Send(http.MethodGet, shop+"/kept/cart").Body,
					"wanted: an empty cart for Alice\nlikely cause: the ID is new, but the values have moved with it: they were somebody else's")
				require.Empty(t, library.Send(http.MethodGet, shop+"/kept/address").Body,
					"wanted: no address but Alice's own\nlikely cause: only some of the values were deleted; no list of them is complete, but Clear is")
				require.Equal(t, attributes(first), attributes(kept),
					"wanted: a cookie as safe as before\nlikely cause: session.Options replaces all options of the store, not only MaxAge")

				t.Log("That session is gone, but its cookie is in one more browser")
				planted := newBrowser(t, "A browser with the old cookie")
				planted.SetCookie(shop, mallory.CookieValue(shop))
				_, id = requireIn(planted, door, name+"-2")
				require.NotEqual(t, old, id,
					"wanted: a new ID\nlikely cause: an ID without a session in Redis was kept, and Mallory knows it; ask whether there is an ID, not whether there are values")
			}

			_, id := requireIn(newBrowser(t, "Carol's laptop"), door, "carol-"+door[1:])
			_, again := requireIn(newBrowser(t, "Carol's phone"), "/login", "carol-"+door[1:])
			require.NotEqual(t, id, again, "wanted: two sessions\nlikely cause: the ID is made of the user's name; when it is empty, Save makes a random one")

			t.Log("Nobody comes in with a wrong password, or with a name that is taken")
			visitor := newBrowser(t, "A visitor")
			visitor.Send(http.MethodPost, shop+"/keep/cart/tea")
			require.GreaterOrEqual(t, visitor.Post(shop+door, "name", "bob", "password", "wrong").Status, 400,
				"wanted: a refusal\nlikely cause: the answer of Check or Add was not looked at")
			require.Equal(t, "tea", visitor.Send(http.MethodGet, shop+"/kept/cart").Body,
				"wanted: the visitor's session is as before\nlikely cause: it was ended before it was clear that somebody comes in")

			for _, refused := range []string{"DEL", "SETEX"} {
				t.Logf("Redis refuses each %s", refused)
				erin := newBrowser(t, "Erin")
				erin.Send(http.MethodPost, shop+"/keep/cart/tea")
				allow := refuse(db, func(command, _ string) bool { return command == refused })
				require.GreaterOrEqual(t, comeIn(erin, door, "erin-"+door[1:]+refused).Status, 500,
					"wanted: an error, because a session was not deleted, or not saved\nlikely cause: Save returned an error, and nobody looked at it")
				allow()
			}
		}
	})
}

func TestExercise3_7(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		customers := &accountsOf{t: t, names: []string{"alice", "carol"}}
		store, _ := storeOn(t, redisserver.Run(t).Addr(), "app")
		shop := app(t, store, func(r *gin.Engine) {
			r.POST("/login/:user", logIn)
			Office(r, customers)
		})
		mallory, bob := newBrowser(t, "Mallory"), newBrowser(t, "Bob, of the office,")
		require.Equal(t, http.StatusOK, mallory.Send(http.MethodGet, shop+"/login").Status,
			"wanted: a login for those who are not logged in\nlikely cause: it is behind requireUser as well: r.Use is for all routes after it, and the redirect leads to itself")

		send := func(browser *sessiontest.Browser, accept, method, path string) sessiontest.Answer {
			t.Helper()
			request, err := http.NewRequest(method, shop+path, nil)
			require.NoError(t, err)
			request.Header.Set("Accept", accept)
			return browser.Do(request)
		}
		const page, json = "text/html,application/xhtml+xml,*/*;q=0.8", "application/json"
		for _, accept := range []string{page, json} {
			t.Logf("Mallory is not logged in, and accepts %s", accept)
			for _, path := range []string{"/office/customers/alice", "/office/customers"} {
				method := http.MethodGet
				if strings.HasSuffix(path, "alice") {
					method = http.MethodDelete
				}
				got := send(mallory, accept, method, path)
				log := customers.read()
				if log != "" || strings.Contains(got.Body, "alice") {
					cause := "the middleware has answered, and then gin went on to the handler: neither return nor an answer stops it, only c.Abort…"
					switch {
					case got.Status < 300:
						cause = "nothing was refused here: Group and Use are for the routes that come after them"
					case accept == json:
						cause = "only the redirect is followed by an Abort: the answer in JSON needs one, too"
					case method == http.MethodGet:
						cause = "one handler is guarded, and not the others: the middleware is the place to stop them all"
					}
					require.Fail(t, "the handler has run: "+log, "wanted: no handler of the office runs for nobody\nlikely cause: %s", cause)
				}
				if accept == json {
					require.Equal(t, http.StatusUnauthorized, got.Status,
						"wanted: a 401 for a program\nlikely cause: it got what a browser gets; a program cannot fill in the form")
					continue
				}
				require.Contains(t, []int{http.StatusFound, http.StatusSeeOther}, got.Status,
					"wanted: a redirect to the login\nlikely cause: an Abort with a status of its own is another answer; c.Abort leaves the answer as it is")
				require.Equal(t, "/login", got.Header.Get("Location"),
					"wanted: a redirect to the login\nlikely cause: the request was stopped before the redirect was written, or Location was lost")
			}
		}

		bob.Send(http.MethodPost, shop+"/login/bob")
		for _, accept := range []string{page, json} {
			got := send(bob, accept, http.MethodGet, "/office/customers")
			require.Contains(t, got.Body, "carol", "wanted: the names, for Bob\nlikely cause: Abort stops everybody, also those who are logged in")
			require.Equal(t, http.StatusOK, got.Status, "wanted: the page as before\nlikely cause: its status was changed")
		}
		require.Less(t, send(bob, page, http.MethodDelete, "/office/customers/alice").Status, 400, "wanted: Bob may delete\nlikely cause: it was forbidden for everybody")
		require.Equal(t, "\"bob\" listed all names\n\"bob\" listed all names\n\"bob\" deleted alice", customers.read(),
			"wanted: the audit log says what Bob did\nlikely cause: the handlers do not learn who is logged in, or run twice")
	})
}

// unfollowed takes the Location out of an answer and keeps it as another header. Go's
// client refuses some that a browser follows, like one with a tab.
type unfollowed struct{ http.RoundTripper }

func (u unfollowed) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := u.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Header["Leads-To"] = response.Header["Location"]
		response.Header.Del("Location")
	}
	return response, err
}

// inBrowser returns where a browser goes from this page. It leaves tabs and line ends
// out, takes \ for /, and a host comes after http:, https: and two slashes or more.
func inBrowser(t *testing.T, page, location string) *url.URL {
	t.Helper()
	seen := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.TrimSpace(location))
	seen = regexp.MustCompile(`^(?i:(https?:))/*`).ReplaceAllString(seen, "$1//")
	seen = regexp.MustCompile(`^//+`).ReplaceAllString(seen, "//")
	base, err := url.Parse(page)
	require.NoError(t, err)
	to, err := base.Parse(seen)
	require.NoError(t, err, "wanted: a redirect to a page\nlikely cause: this Location is no URL")
	t.Logf("Location %q leads to %s", location, to)
	return to
}

func TestExercise3_8(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		store, _ := storeOn(t, redisserver.Run(t).Addr(), "app")
		shop := app(t, store, func(r *gin.Engine) {
			Customer(r, func(c *gin.Context) (ok bool) {
				if c.PostForm("password") != password {
					c.AbortWithStatus(http.StatusUnauthorized)
					return false
				}
				c.AddParam("user", c.PostForm("name"))
				logIn(c)
				return !c.IsAborted()
			})
		})
		visitor := func() *sessiontest.Browser {
			browser := newBrowser(t, "Alice")
			browser.Client.Transport = unfollowed{browser.Client.Transport}
			return browser
		}
		// submit sends the form, which may have next in a field as well.
		submit := func(page, next, password string) sessiontest.Answer {
			t.Helper()
			return visitor().Post(page, "name", "alice", "password", password, "next", next)
		}
		leadsTo := func(page string, got sessiontest.Answer) *url.URL {
			t.Helper()
			require.Contains(t, []int{http.StatusFound, http.StatusSeeOther}, got.Status,
				"wanted: a redirect (302 or 303)\nlikely cause: the login was refused because of its next, which Alice has not made; or the status sends her password on, as 307 does")
			return inBrowser(t, page, got.Header.Get("Leads-To"))
		}
		requireHere := func(to *url.URL, next, cause string) {
			t.Helper()
			require.Equal(t, shop, to.Scheme+"://"+to.Host, "wanted: a page of this site, and not %q\nlikely cause: %s", next, cause)
		}
		requirePage := func(to *url.URL, next, cause string) {
			t.Helper()
			page, err := url.Parse(shop + next)
			require.NoError(t, err)
			require.Equal(t, []any{page.Path, page.Query()}, []any{to.Path, to.Query()}, "wanted: on to %s\nlikely cause: %s", next, cause)
		}
		alice := visitor() // is logged in, and meets such links, too
		alice.Post(shop+"/login", "name", "alice", "password", password)
		require.Equal(t, "alice", alice.Send(http.MethodGet, shop+"/account").Body, "wanted: Alice is logged in\nlikely cause: an error; the story above has it")
		require.Equal(t, http.StatusUnauthorized, submit(shop+"/login", "", "wrong").Status,
			"wanted: no login with a wrong password\nlikely cause: enter has answered, and nobody looked at what it returned")

		const another = "next is taken as it is: whoever makes the link chooses where the login leads"
		const host = "a URL that has our name in it can still be another site's; compare the whole host, or accept paths only"
		const slashes = "it begins with a slash, and it is no path: after two slashes, or more, a browser expects a host"
		const backslash = "a browser takes a backslash for a slash"
		const tab = "a browser leaves tabs and line ends out of a URL, wherever they stand"
		name := strings.TrimPrefix(shop, "http://")
		for _, bad := range []struct{ next, cause string }{
			{"https://evil.example/login", another},
			{"HTTPS:evil.example", another},
			{"javascript:alert(1)", another},
			{"https://evil.example/?" + name, host},
			{shop + ".evil.example/", host},
			{shop + "@evil.example/", host},
			{"//evil.example/login", slashes},
			{"///evil.example/login", slashes},
			{`/\evil.example/login`, backslash},
			{`\/evil.example/login`, backslash},
			{"/\t/evil.example/login", tab},
			{"\t//evil.example/login", tab},
		} {
			page := shop + "/login?next=" + url.QueryEscape(bad.next)
			t.Logf("Mallory has sent Alice a link to %s", page)
			requireHere(leadsTo(page, submit(page, bad.next, password)), bad.next, bad.cause)
			if got := alice.Send(http.MethodGet, page); got.Status != http.StatusOK { // the form
				requireHere(leadsTo(page, got), bad.next, "next is checked after the form, and not where those go who are logged in already")
			}
		}
		for _, good := range []struct{ next, cause string }{
			{"/orders", "the login leads to one page, whatever she has asked for"},
			{"/orders?year=2025&page=2", "next is a path with a query: only the path was kept, or looked for in a list"},
			{"/orders?from=https://search.example//tea", "too strict: in a query, a colon and two slashes are harmless"},
			{"/orders?name=Tea%26Co", "next was decoded twice; c.Query has done it"},
		} {
			asked := visitor().Send(http.MethodGet, shop+good.next)
			login := leadsTo(shop, asked)
			require.Equal(t, good.next, login.Query().Get("next"), "wanted: a login that knows what she has asked for\nlikely cause: the redirect to the login has lost it")
			require.Contains(t, visitor().Get(login.String()), "<form", "wanted: the form\nlikely cause: GET /login answers something else")
			requirePage(leadsTo(shop, submit(login.String(), good.next, password)), good.next, good.cause)
			if got := alice.Send(http.MethodGet, login.String()); got.Status != http.StatusOK {
				requirePage(leadsTo(shop, got), good.next, "who is logged in already is sent elsewhere")
			}
		}
		requirePage(leadsTo(shop, submit(shop+"/login", "", password)), "/account", "without a next, the login leads nowhere, or elsewhere")
	})
}
