package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

// Pages that the API trusts. It runs at 127.0.0.1, on a port of its own.
const (
	anotherPort = "http://127.0.0.1:8001"
	anotherSite = "http://localhost:8001"
)

// serve runs the API until the test ends, and returns its URL.
func serve(t *testing.T, protected bool) string {
	t.Helper()
	router, err := newRouter(sessiontest.Secret, anotherPort, anotherSite)
	require.NoError(t, err)
	if !protected {
		return sessiontest.Serve(t, router)
	}
	api, err := protect(router, anotherPort, anotherSite)
	require.NoError(t, err)
	return sessiontest.Serve(t, api)
}

// tab is a page in a browser. It sends what a browser sends, and its script reads
// what a browser lets it read. What Chromium does: .ci/browser.
type tab struct {
	*sessiontest.Browser
	t      *testing.T
	origin string
	jar    *jar
}

func open(t *testing.T, origin string, blocksThirdParties bool) tab {
	alice := sessiontest.NewBrowser(t, "Alice")
	j := &jar{origin: origin, blocks: blocksThirdParties, cookies: map[string]*http.Cookie{}}
	alice.Client.Jar = j
	return tab{alice, t, origin, j}
}

// jar keeps and sends cookies as Chromium does for the script of a page.
type jar struct {
	origin      string
	credentials bool // of the fetch
	blocks      bool // third-party cookies
	cookies     map[string]*http.Cookie
}

func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	for _, cookie := range cookies {
		if j.allows(u, cookie) {
			j.cookies[cookie.Name] = cookie
		}
	}
}

func (j *jar) Cookies(u *url.URL) (sent []*http.Cookie) {
	for _, cookie := range j.cookies {
		if j.allows(u, cookie) {
			sent = append(sent, cookie)
		}
	}
	return sent
}

// allows takes http for trustworthy: Chromium does so on localhost.
func (j *jar) allows(u *url.URL, cookie *http.Cookie) bool {
	where := fetchSite(j.origin, u)
	switch {
	case where != "same-origin" && !j.credentials, cookie.SameSite == http.SameSiteNoneMode && !cookie.Secure:
		return false
	case where == "cross-site":
		return cookie.SameSite == http.SameSiteNoneMode && !j.blocks
	}
	return true
}

// fetchSite returns what the browser says of a page that calls this URL.
func fetchSite(origin string, u *url.URL) string {
	page, err := url.Parse(origin)
	switch {
	case err != nil || page.Scheme != u.Scheme || page.Hostname() != u.Hostname():
		return "cross-site"
	case page.Host != u.Host:
		return "same-site"
	}
	return "same-origin"
}

// fetch returns the answer, if the page may read it.
func (p tab) fetch(method, address, contentType, body string, credentials bool) (got sessiontest.Answer, readable bool) {
	p.t.Helper()
	send := func(method, body string, header http.Header) sessiontest.Answer {
		request, err := http.NewRequest(method, address, strings.NewReader(body))
		require.NoError(p.t, err)
		request.Header = header
		where := fetchSite(p.origin, request.URL)
		header.Set("Sec-Fetch-Site", where)
		header.Set("Sec-Fetch-Mode", "cors")
		if where != "same-origin" || method != http.MethodGet {
			header.Set("Origin", p.origin)
		}
		return p.Do(request)
	}
	mayRead := func(header http.Header) bool {
		allowed := header.Get("Access-Control-Allow-Origin")
		if !credentials {
			return allowed == p.origin || allowed == "*"
		}
		return allowed == p.origin && header.Get("Access-Control-Allow-Credentials") == "true"
	}
	u, err := url.Parse(address)
	require.NoError(p.t, err)
	sameOrigin := fetchSite(p.origin, u) == "same-origin"
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	if !sameOrigin && contentType == "application/json" {
		p.jar.credentials = false
		asked := send(http.MethodOptions, "", http.Header{"Access-Control-Request-Method": {method}, "Access-Control-Request-Headers": {"content-type"}})
		ok := asked.Status/100 == 2 && strings.Contains(asked.Header.Get("Access-Control-Allow-Headers"), "Content-Type")
		if !ok || !mayRead(asked.Header) {
			return asked, false
		}
	}
	p.jar.credentials = credentials
	got = send(method, body, header)
	return got, sameOrigin || mayRead(got.Header)
}

// session does what the script in index.html does.
func (p tab) session(way string, credentials bool) string {
	p.t.Helper()
	saved, readable := p.fetch(http.MethodPost, way, "application/json", `{"name":"Ann"}`, credentials)
	switch {
	case !readable:
		return "blocked"
	case saved.Status != http.StatusOK:
		return "refused"
	}
	got, readable := p.fetch(http.MethodGet, way, "", "", credentials)
	switch {
	case !readable:
		return "blocked"
	case got.Body == `{"name":"Ann"}`:
		return "kept"
	}
	return "new"
}

// ways are the rows of the README's table.
var ways = []struct {
	name        string
	credentials bool
}{
	{"lax", false}, {"no-cors", true}, {"any-origin", true}, {"lax", true}, {"none", true}, {"none-secure", true},
}

// table reads what the README says of each way from each page.
func table(t *testing.T) (rows [][]string) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	result := regexp.MustCompile("`(kept|new|blocked|refused)`")
	for line := range strings.Lines(string(text)) {
		if cells := result.FindAllStringSubmatch(line, -1); len(cells) == 4 && strings.HasPrefix(line, "|") {
			rows = append(rows, []string{cells[0][1], cells[1][1], cells[2][1], cells[3][1]})
		}
	}
	require.Len(t, rows, len(ways), "wanted: a row of the README's table for each way")
	return rows
}

func TestEachWayFromEachPage(t *testing.T) {
	t.Parallel()
	api := serve(t, true)
	target, err := url.Parse(api)
	require.NoError(t, err)
	proxy := sessiontest.Serve(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // changeOrigin: false
	}})
	for row, cells := range table(t) {
		way := ways[row]
		for _, page := range []struct {
			name, origin, api, want string
			blocks                  bool
		}{
			{"one origin", api, api, cells[0], true},
			{"one origin, through a proxy", proxy, proxy, cells[0], true},
			{"another port", anotherPort, api, cells[1], true},
			{"another site", anotherSite, api, cells[2], false},
			{"another site, third-party cookies blocked", anotherSite, api, cells[3], true},
		} {
			got := open(t, page.origin, page.blocks).session(page.api+"/api/"+way.name+"/name", way.credentials)
			assert.Equal(t, page.want, got, "%s, credentials %t, from %s", way.name, way.credentials, page.name)
		}
	}
}

// The dev server's proxy sends the API's own Host, and the page's Origin.
func TestAProxyThatChangesTheHostIsRefusedByCORS(t *testing.T) {
	t.Parallel()
	target, err := url.Parse(serve(t, true))
	require.NoError(t, err)
	proxy := sessiontest.Serve(t, httputil.NewSingleHostReverseProxy(target))
	changed := sessiontest.Serve(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})

	assert.Equal(t, "kept", open(t, proxy, true).session(proxy+"/api/lax/name", false), "wanted: the page's Host arrives")
	assert.Equal(t, "refused", open(t, changed, true).session(changed+"/api/lax/name", false), "wanted: 403, because Origin is not http://Host")
	assert.Equal(t, "kept", open(t, changed, true).session(changed+"/api/no-cors/name", false), "wanted: without cors nobody compares them")
}

func TestAPageThatIsNotTrustedCannotChangeTheSession(t *testing.T) {
	t.Parallel()
	for _, protected := range []bool{true, false} {
		api := serve(t, protected)
		for _, test := range []struct {
			way, origin string
			unprotected string // the name afterwards, without the protection
		}{
			{"lax", "http://127.0.0.1:6666", "Ann"}, // gin-contrib/cors refuses the origin
			{"no-cors", "http://127.0.0.1:6666", "Mallory"},
			{"any-origin", "http://127.0.0.1:6666", "Mallory"},
			{"none-secure", "http://evil.example", "Ann"},
			{"any-origin", "http://evil.example", "Ann"}, // SameSite=Lax
		} {
			address := api + "/api/" + test.way + "/name"
			alice := open(t, api, false)
			require.Equal(t, "kept", alice.session(address, true))

			evil := alice // her browser, with her cookies
			evil.origin, evil.jar.origin = test.origin, test.origin
			_, readable := evil.fetch(http.MethodPost, address, "text/plain", `{"name":"Mallory"}`, true) // no preflight
			assert.False(t, readable && test.way != "any-origin", "%s from %s", test.way, test.origin)

			alice.jar.origin = api
			got, _ := alice.fetch(http.MethodGet, address, "", "", true)
			want := "Ann"
			if !protected {
				want = test.unprotected
			}
			assert.JSONEq(t, `{"name":"`+want+`"}`, got.Body, "%s from %s, protected: %t", test.way, test.origin, protected)
		}
	}
}

func TestTheProtectionHasToKnowTheFrontEnd(t *testing.T) {
	t.Parallel()
	router, err := newRouter(sessiontest.Secret, anotherPort)
	require.NoError(t, err)
	for _, origins := range [][]string{{}, {anotherPort}} {
		api, err := protect(router, origins...)
		require.NoError(t, err)
		url := sessiontest.Serve(t, api)
		got, readable := open(t, anotherPort, true).fetch(http.MethodPost, url+"/api/lax/name", "application/json", `{"name":"Ann"}`, true)
		assert.Equal(t, len(origins) == 1, readable)
		assert.Equal(t, map[bool]int{false: http.StatusForbidden, true: http.StatusOK}[readable], got.Status)
	}
}

func TestAnOriginEndsWithoutASlash(t *testing.T) {
	t.Parallel()
	router, err := newRouter(sessiontest.Secret, anotherPort+"/")
	require.NoError(t, err)
	assert.Equal(t, "blocked", open(t, anotherPort, true).session(sessiontest.Serve(t, router)+"/api/lax/name", true))
	_, err = protect(router, anotherPort+"/")
	assert.Error(t, err)
}

func TestAPreflightFindsNoMiddlewareOfAGroup(t *testing.T) {
	t.Parallel()
	app := func(routes func(r *gin.Engine)) string {
		r := gin.New()
		routes(r)
		return sessiontest.Serve(t, r)
	}
	answer := func(c *gin.Context) { c.JSON(http.StatusOK, visitor{"Ann"}) }
	for name, test := range map[string]struct{ app, want string }{
		"of the engine": {app(func(r *gin.Engine) {
			r.Use(allow(anotherPort))
			r.POST("/name", answer)
			r.GET("/name", answer)
		}), "kept"},
		"of a group": {app(func(r *gin.Engine) {
			group := r.Group("/", allow(anotherPort))
			group.POST("/name", answer)
			group.GET("/name", answer)
		}), "blocked"},
		"of a group with a route": {app(func(r *gin.Engine) {
			group := r.Group("/", allow(anotherPort))
			group.OPTIONS("/name")
			group.POST("/name", answer)
			group.GET("/name", answer)
		}), "kept"},
	} {
		assert.Equal(t, test.want, open(t, anotherPort, true).session(test.app+"/name", true), name)
	}
}

func TestBadInputIsABadRequest(t *testing.T) {
	t.Parallel()
	api := serve(t, true)
	for _, body := range []string{"", "name=Ann", `{}`, `{"name":""}`, `{"name":"` + strings.Repeat("ä", 101) + `"}`, strings.Repeat(" ", 4096) + `{"name":"Ann"}`} {
		got, _ := open(t, api, true).fetch(http.MethodPost, api+"/api/lax/name", "application/json", body, true)
		assert.Equal(t, http.StatusBadRequest, got.Status, body)
		assert.Empty(t, got.Cookies)
	}
}

func TestAFailedSaveIsA500(t *testing.T) {
	t.Parallel()
	r := gin.New()
	r.POST("/name", sessions.Sessions("mysession", sessiontest.CannotSave(cookie.NewStore(sessiontest.Secret))), setName)
	app := sessiontest.Serve(t, r)
	got, _ := open(t, app, true).fetch(http.MethodPost, app+"/name", "application/json", `{"name":"Ann"}`, true)
	assert.Equal(t, http.StatusInternalServerError, got.Status)
	assert.JSONEq(t, `{"error":"session not saved"}`, got.Body)
}

func TestThePageKnowsTheAPI(t *testing.T) {
	t.Parallel()
	alice := sessiontest.NewBrowser(t, "Alice")
	own := alice.Send(http.MethodGet, serve(t, true)+"/")
	assert.Equal(t, "text/html; charset=utf-8", own.Header.Get("Content-Type"))
	assert.Contains(t, own.Body, `const api = ""`)
	other := httptest.NewRecorder()
	page("http://localhost:8000")(other, httptest.NewRequest(http.MethodGet, "/", nil))
	assert.Contains(t, other.Body.String(), `const api = "http://localhost:8000"`)
}

func TestTheProgram(t *testing.T) {
	sessiontest.TestProgram(t, sessionSecret, "", []string{"PAGE_ADDR=" + sessiontest.FreeAddr()})

	env := []string{"PAGE_ADDR=" + sessiontest.FreeAddr(), "SESSION_SECRET=" + string(sessiontest.Secret), "GIN_MODE=debug"}
	url := sessiontest.Start(t, env)
	alice := open(t, url, true)
	require.Equal(t, "kept", alice.session(url+"/api/lax/name", true))
	restarted := serve(t, true)
	got, _ := tab{alice.Browser, t, restarted, alice.jar}.fetch(http.MethodGet, restarted+"/api/lax/name", "", "", true)
	assert.JSONEq(t, `{"name":"Ann"}`, got.Body, "wanted: a cookie that SESSION_SECRET has signed")
	assert.Equal(t, "no-store", got.Header.Get("Cache-Control"), "wanted: no cache keeps an answer for one visitor")

	status, output := sessiontest.Run(t, append(env, "ADDR="+sessiontest.FreeAddr())) // PAGE_ADDR is taken
	assert.Equal(t, 1, status)
	assert.Contains(t, output, "cannot serve: listen tcp "+strings.TrimPrefix(env[0], "PAGE_ADDR="))
	assert.NotContains(t, output, "open http://", "wanted: an invitation only when both ports are open")
	for _, variable := range []string{"ADDR", "PAGE_ADDR"} {
		status, output = sessiontest.Run(t, append(env, variable+"=localhost"))
		assert.Equal(t, 1, status)
		assert.Contains(t, output, variable+" is host:port")
	}
}
