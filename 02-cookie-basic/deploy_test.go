package main

import (
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
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
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	deployed, deploy := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serveUntil(deployed, listener, newServer(router, 100*time.Millisecond)) }()

	slow, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer slow.Close()
	_, err = io.WriteString(slow, "GET /hello HTTP/1.1\r\nHost: ") // and nothing more
	require.NoError(t, err)
	require.NoError(t, slow.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = io.ReadAll(slow)
	assert.NoError(t, err, "wanted: the server hangs up\nlikely cause: no ReadHeaderTimeout, and such clients keep all connections")

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

// Question: "Do I need a CSRF token?" (contrib#63, gin-csrf#18)
func TestCrossOriginProtectionStopsWhatSameSiteLetsThrough(t *testing.T) {
	t.Parallel()
	router := newRouter(newStore(sessiontest.Secret))
	protection := http.NewCrossOriginProtection() // Go 1.25
	require.NoError(t, protection.AddTrustedOrigin("https://frontend.example"))
	app := sessiontest.Serve(t, protection.Handler(router))

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

// Question: "Can a subdomain change my visitors' session?"
func TestTheHostPrefixKeepsSubdomainsOut(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"mysession":        "mallory", // and Alice's next order is his
		"__Host-mysession": "alice",
	} {
		options := cookieOptions()
		options.Secure = true // what the prefix asks for, with Path "/" and no Domain
		r := gin.New()
		r.Use(sessions.Sessions(name, storeWith(options)))
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
		own := mallory.Send(http.MethodPost, "https://shop.example/login/mallory").Cookies[0].Value

		evil, err := url.Parse("https://blog.shop.example/") // Alice reads Mallory's blog there
		require.NoError(t, err)
		alice.Client.Jar.SetCookies(evil, []*http.Cookie{{Name: name, Value: own, Domain: "shop.example", Path: "/account", Secure: true}})

		assert.Equal(t, want, alice.Get("https://shop.example/account"),
			"of two cookies of one name the one with the longer Path comes first, and counts: is it called __Host-…?")
	}
}

// Not parallel: the mode is the whole process's.
func TestAPanicInDebugModeLogsTheCookie(t *testing.T) {
	defer func(before io.Writer) { gin.DefaultErrorWriter = before }(gin.DefaultErrorWriter)
	defer gin.SetMode(gin.TestMode)
	for mode, want := range map[string]bool{gin.DebugMode: true, gin.ReleaseMode: false} {
		gin.SetMode(mode)
		var logged strings.Builder
		gin.DefaultErrorWriter = &logged
		router := newRouter(newStore(sessiontest.Secret))
		router.GET("/panic", func(*gin.Context) { panic("in a handler") })
		request := httptest.NewRequest(http.MethodGet, "/panic", nil)
		request.Header.Set("Cookie", "mysession=copy-me")
		router.ServeHTTP(httptest.NewRecorder(), request)
		assert.Contains(t, logged.String(), "in a handler")
		assert.Equal(t, want, strings.Contains(logged.String(), "copy-me"), "wanted in %s mode: %t", mode, want)
	}
}
