package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The questions that come up before a program is deployed.

// newServer waits so long for the headers of a request: a client that sends them
// letter by letter would keep its connection for ever.
func newServer(router http.Handler, patience time.Duration) *http.Server {
	return &http.Server{
		Handler:           router,
		ReadHeaderTimeout: patience,
		ReadTimeout:       6 * patience, // with the body
		WriteTimeout:      6 * patience, // of the answer
		IdleTimeout:       2 * time.Minute,
	}
}

// serveUntil serves until the context ends, as it does when a deploy sends SIGTERM.
// Then it accepts nothing more, and lets what runs come to its end, for ten seconds.
func serveUntil(ctx context.Context, listener net.Listener, server *http.Server) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(finish)
}

// What main does with the two: it is compiled, and not run.
func Example_main() {
	secret, err := sessionSecret()
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), "localhost:8000"))
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := newServer(newRouter(newStore(secret)), 5*time.Second)
	if err := serveUntil(ctx, listener, server); err != nil {
		log.Fatalf("cannot serve: %v", err)
	}
}

// Question: "What is missing before I deploy?"
func TestAServerHasTimeoutsAndEndsGently(t *testing.T) {
	t.Parallel()
	inHandler, goOn := make(chan bool), make(chan bool)
	router := newRouter(newStore(sessiontest.Secret))
	router.GET("/slow", func(c *gin.Context) {
		inHandler <- true
		<-goOn
		hello(c)
	})
	// start serves the router until the deploy, and says how that ended.
	start := func(server *http.Server) (address string, deploy func(), ended chan error) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		deployed, deploy := context.WithCancel(t.Context())
		ended = make(chan error, 1)
		go func() { ended <- serveUntil(deployed, listener, server) }()
		return listener.Addr().String(), deploy, ended
	}

	impatient := newServer(router, 100*time.Millisecond)
	impatient.ReadTimeout = 0 // or it would do as well
	address, _, _ := start(impatient)
	slow, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer slow.Close()
	require.NoError(t, slow.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(slow, "GET /hello HTTP/1.1\r\nHost: ") // and nothing more
	if err == nil {
		_, err = io.ReadAll(slow)
	}
	assert.NotErrorIs(t, err, os.ErrDeadlineExceeded,
		"wanted: the server hangs up\nlikely cause: no ReadHeaderTimeout, and such clients keep all connections")

	address, deploy, ended := start(newServer(router, time.Minute))
	alice, answered := sessiontest.NewBrowser(t, "Alice"), make(chan sessiontest.Answer)
	go func() { answered <- alice.Send(http.MethodGet, "http://"+address+"/slow") }()
	<-inHandler
	deploy()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, time.Minute, time.Millisecond, "wanted: nothing new is accepted")
	goOn <- true
	assert.Equal(t, newVisitor, (<-answered).Body, "wanted: an answer for the request under way\nlikely cause: the server was closed, and not shut down")
	assert.NoError(t, <-ended)
}

// Question: "Why does the session come and go with several instances?" (sessions#57)
func TestInstancesWithOneSecretShareTheSession(t *testing.T) {
	t.Parallel()
	// visits returns what a visitor gets from a program with so many instances,
	// each of which answers in turn.
	visits := func(stores ...sessions.Store) (answers []string) {
		var instances []http.Handler
		for _, store := range stores {
			instances = append(instances, newRouter(store))
		}
		var requests atomic.Int64
		app := sessiontest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			instances[int(requests.Add(1)-1)%len(instances)].ServeHTTP(w, r)
		}))
		visitor := sessiontest.NewBrowser(t, "Alice")
		for range 3 {
			answers = append(answers, visitor.Get(app+"/hello"))
		}
		return answers
	}
	always := []string{newVisitor, returningVisitor, returningVisitor}
	never := []string{newVisitor, newVisitor, newVisitor}
	oldSecret, newSecret := sessiontest.Secret, []byte("the next secret, of 32 bytes or more")

	assert.Equal(t, always, visits(newStore(oldSecret), newStore(oldSecret)), "wanted: one session\nlikely cause: the instances have two secrets")
	assert.Equal(t, never, visits(newStore(oldSecret), newStore(newSecret)), "wanted: each instance drops the other's cookie")
	assert.Equal(t, newVisitor, visits(memstore.NewStore(oldSecret), memstore.NewStore(oldSecret))[1], "wanted: each instance has a memory of its own")

	// A new secret comes in two deploys. While each of them is under way, instances
	// of both kinds answer.
	first := newRotatedStore(oldSecret, newSecret)  // reads both, signs with the old one
	second := newRotatedStore(newSecret, oldSecret) // once all instances have the first
	assert.Equal(t, always, visits(newStore(oldSecret), first))
	assert.Equal(t, always, visits(first, newStore(oldSecret)), "wanted: the old instances know what the new ones sign")
	assert.Equal(t, always, visits(first, second))
	assert.Equal(t, always, visits(second, first))
	assert.NotEqual(t, always, visits(second, newStore(oldSecret)), "wanted: with one deploy, the old instances drop what the new ones sign")
}

func protect(router http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection() // Go 1.25
	if err := protection.AddTrustedOrigin("https://frontend.example"); err != nil {
		log.Fatal(err)
	}
	return protection.Handler(router)
}

// Question: "Do I need a CSRF token?" (contrib#63, gin-csrf#18)
func TestCrossOriginProtectionStopsWhatSameSiteLetsThrough(t *testing.T) {
	t.Parallel()
	app := sessiontest.Serve(t, protect(newRouter(newStore(sessiontest.Secret))))

	for name, test := range map[string]struct {
		method string
		header http.Header // as browsers send it
		want   int
	}{
		"a form of this site":             {"POST", http.Header{"Sec-Fetch-Site": {"same-origin"}}, http.StatusNoContent},
		"a form of another site":          {"POST", http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusForbidden},
		"a form of a subdomain":           {"POST", http.Header{"Sec-Fetch-Site": {"same-site"}}, http.StatusForbidden},
		"an old browser, on another site": {"POST", http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"an old browser, on this site":    {"POST", http.Header{"Origin": {app}}, http.StatusNoContent},
		"a trusted front end":             {"POST", http.Header{"Origin": {"https://frontend.example"}, "Sec-Fetch-Site": {"cross-site"}}, http.StatusNoContent},
		"curl, which is no browser":       {"POST", nil, http.StatusNoContent},
		"a link on another site":          {"GET", http.Header{"Sec-Fetch-Site": {"cross-site"}}, http.StatusOK},
	} {
		path := map[string]string{"GET": "/hello", "POST": "/logout"}[test.method]
		request, err := http.NewRequest(test.method, app+path, nil)
		require.NoError(t, err)
		maps.Copy(request.Header, test.header)
		assert.Equal(t, test.want, sessiontest.NewBrowser(t, "Alice").Do(request).Status, name)
	}
}

func hostSessions(store sessions.Store) gin.HandlerFunc {
	options := cookieOptions()
	options.Secure = true // what the prefix asks for, with Path "/" and no Domain
	store.Options(options)
	return sessions.Sessions("__Host-mysession", store)
}

// Question: "Can a subdomain change my visitors' session?"
func TestTheHostPrefixKeepsSubdomainsOut(t *testing.T) {
	t.Parallel()
	secure := cookieOptions()
	secure.Secure = true
	for _, test := range []struct {
		middleware gin.HandlerFunc
		want       string
	}{
		{sessions.Sessions("mysession", storeWith(secure)), "mallory"}, // and Alice's next order is his
		{hostSessions(newStore(sessiontest.Secret)), "alice"},
	} {
		r := gin.New()
		r.Use(test.middleware)
		r.POST("/login/:user", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("user", c.Param("user"))
			assert.NoError(t, session.Save())
		})
		r.GET("/account", func(c *gin.Context) { c.String(http.StatusOK, "%v", sessions.Default(c).Get("user")) })
		server := httptest.NewTLSServer(r)
		t.Cleanup(server.Close)
		visitor := func(who string) *sessiontest.Browser {
			browser := sessiontest.NewBrowser(t, who)
			findAnyHostAt("http://"+server.Listener.Addr().String(), browser)
			browser.Client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
			return browser
		}
		alice, mallory := visitor("Alice"), visitor("Mallory")
		alice.Send(http.MethodPost, "https://shop.example/login/alice")
		own := mallory.Send(http.MethodPost, "https://shop.example/login/mallory").Cookies[0]

		evil, err := url.Parse("https://blog.shop.example/") // Alice reads Mallory's blog there
		require.NoError(t, err)
		alice.Client.Jar.SetCookies(evil, []*http.Cookie{{Name: own.Name, Value: own.Value, Domain: "shop.example", Path: "/account", Secure: true}})

		assert.Equal(t, test.want, alice.Get("https://shop.example/account"),
			"of two cookies of one name the one with the longer Path comes first, and counts: is it called __Host-…?")
	}
}

// toHTTPS redirects who has come to nginx over http. The program's own connection is
// always http: with c.Request.TLS == nil it would redirect for ever.
func toHTTPS(c *gin.Context) {
	if c.GetHeader("X-Forwarded-Proto") == "http" {
		c.Redirect(http.StatusPermanentRedirect, "https://"+c.Request.Host+c.Request.RequestURI)
		c.Abort()
	}
}

// behindNginx puts a proxy with the lines of the page's nginx block in front of a
// program. It returns a browser that finds it at shop.example, over http and https.
func behindNginx(t *testing.T, program http.Handler, visitor string) *sessiontest.Browser {
	t.Helper()
	page, err := os.ReadFile("QUESTIONS.md")
	require.NoError(t, err)
	lines := regexp.MustCompile(`proxy_set_header (\S+) +(\S+);`).FindAllStringSubmatch(string(page), -1)
	target, err := url.Parse(sessiontest.Serve(t, program))
	require.NoError(t, err)

	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)                     // its host and port are the Host, unless a line says otherwise
		maps.Copy(r.Out.Header, r.In.Header) // those of the visitor go through
		variables := map[string]string{"$host": r.In.Host, "$remote_addr": visitor, "$scheme": "http"}
		if r.In.TLS != nil {
			variables["$scheme"] = "https"
		}
		for _, line := range lines {
			r.Out.Header.Set(line[1], variables[line[2]])
			if line[1] == "Host" {
				r.Out.Host = variables[line[2]]
			}
		}
	}}
	secure := httptest.NewTLSServer(proxy)
	t.Cleanup(secure.Close)
	addresses := map[string]string{
		"shop.example:443": secure.Listener.Addr().String(),
		"shop.example:80":  strings.TrimPrefix(sessiontest.Serve(t, proxy), "http://"),
	}

	browser := sessiontest.NewBrowser(t, "Alice")
	transport := browser.Client.Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addresses[address])
	}
	return browser
}

// Question: "How do I run it behind nginx, with https?" (gin#2697, gin#3447)
//
// Not parallel: the mode is the whole process's.
func TestBehindNginxTheProgramBelievesNginxAndNobodyElse(t *testing.T) {
	defer gin.SetMode(gin.TestMode)
	gin.SetMode(gin.ReleaseMode)
	router := newRouter(newStore(sessiontest.Secret))
	require.NoError(t, router.SetTrustedProxies([]string{"127.0.0.1"})) // nginx, on the same machine
	router.GET("/address", toHTTPS, func(c *gin.Context) { c.String(http.StatusOK, c.ClientIP()) })
	router.GET("/endless", func(c *gin.Context) {
		if c.Request.TLS == nil {
			c.Redirect(http.StatusSeeOther, "https://"+c.Request.Host+"/endless")
		}
	})
	const aliceIP, forgedIP = "203.0.113.7", "203.0.113.66"
	alice := behindNginx(t, http.NewCrossOriginProtection().Handler(router), aliceIP)

	first := alice.Send(http.MethodGet, "https://shop.example/hello")
	require.Len(t, first.Cookies, 1)
	assert.True(t, first.Cookies[0].Secure, "wanted: release mode makes it Secure, although the program sees http only")
	assert.Equal(t, returningVisitor, alice.Get("https://shop.example/hello"))

	forged, err := http.NewRequest(http.MethodGet, "https://shop.example/address", nil)
	require.NoError(t, err)
	forged.Header = http.Header{"X-Forwarded-For": {forgedIP}, "X-Forwarded-Proto": {"http"}}
	assert.Equal(t, aliceIP, alice.Do(forged).Body, "wanted: what nginx says of the visitor, in the place of what she says herself")

	direct := httptest.NewRequest(http.MethodGet, "/address", nil) // past nginx, from 192.0.2.1
	direct.Header.Set("X-Forwarded-For", forgedIP)
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, direct)
	assert.Equal(t, http.StatusOK, recorder.Code, "wanted: no redirect without X-Forwarded-Proto")
	assert.Equal(t, "192.0.2.1", recorder.Body.String(), "wanted: the address of the connection\nlikely cause: not only nginx is trusted")

	oldBrowser, err := http.NewRequest(http.MethodPost, "https://shop.example/logout", nil) // no Sec-Fetch-Site
	require.NoError(t, err)
	oldBrowser.Header.Set("Origin", "https://shop.example")
	assert.Equal(t, http.StatusNoContent, alice.Do(oldBrowser).Status, "wanted: a form of this site\nlikely cause: nginx does not pass the Host on")

	_, err = alice.Client.Get("https://shop.example/endless")
	assert.ErrorContains(t, err, "stopped after 10 redirects")
	alice.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	redirected := alice.Send(http.MethodGet, "http://shop.example/address?a=b")
	assert.Equal(t, http.StatusPermanentRedirect, redirected.Status)
	assert.Equal(t, "https://shop.example/address?a=b", redirected.Header.Get("Location"))
}

// Not parallel: the mode is the whole process's.
func TestAPanicInDebugModeLogsTheCookie(t *testing.T) {
	defer func(before io.Writer) { gin.DefaultErrorWriter = before }(gin.DefaultErrorWriter)
	defer gin.SetMode(gin.TestMode)
	for _, test := range []struct {
		mode   string
		reason any
		want   bool // the cookie in the log
	}{
		{gin.DebugMode, "in a handler", true},
		{gin.ReleaseMode, "in a handler", false},
		{gin.ReleaseMode, syscall.ECONNRESET, true}, // the visitor's connection breaks
	} {
		gin.SetMode(test.mode)
		var logged strings.Builder
		gin.DefaultErrorWriter = &logged
		router := newRouter(newStore(sessiontest.Secret))
		router.GET("/panic", func(*gin.Context) { panic(test.reason) })
		request := httptest.NewRequest(http.MethodGet, "/panic", nil)
		request.Header.Set("Cookie", "mysession=copy-me")
		router.ServeHTTP(httptest.NewRecorder(), request)
		assert.Contains(t, logged.String(), fmt.Sprint(test.reason))
		assert.Equal(t, test.want, strings.Contains(logged.String(), "copy-me"), "wanted in %s mode after %v: %t", test.mode, test.reason, test.want)
	}
}
