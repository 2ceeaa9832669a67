package main

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/stretchr/testify/require"
)

// serve runs the chapter's app on a port of its own until the test ends, and
// returns its URL.
func serve(t *testing.T, store sessions.Store) string {
	t.Helper()
	return listen(t, newRouter(store))
}

// listen does the same for any app.
func listen(t *testing.T, app http.Handler) string {
	t.Helper()
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	return server.URL
}

// browser is one visitor: an HTTP client with a cookie jar of its own.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	// A lost server has to be answered for long before this timeout.
	return &browser{t, &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute}}
}

// answer is what the browser got.
type answer struct {
	status  int
	body    string
	cookies []*http.Cookie // of this answer's Set-Cookie lines
}

// send makes one request, with the cookies that earlier answers have set.
func (b *browser) send(method, url string) answer {
	b.t.Helper()
	request, err := http.NewRequest(method, url, nil)
	require.NoError(b.t, err)
	response, err := b.client.Do(request)
	require.NoError(b.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	return answer{response.StatusCode, string(body), response.Cookies()}
}

// get makes a GET request that has to be answered 200, and returns the body.
func (b *browser) get(url string) string {
	b.t.Helper()
	got := b.send(http.MethodGet, url)
	require.Equal(b.t, http.StatusOK, got.status, "GET %s was answered with %s", url, got.body)
	return got.body
}

// cookie returns the session cookie that the browser would send to this URL,
// nil when it has none.
func (b *browser) cookie(address string) *http.Cookie {
	b.t.Helper()
	u, err := url.Parse(address)
	require.NoError(b.t, err)
	for _, cookie := range b.client.Jar.Cookies(u) {
		if cookie.Name == sessionName {
			return cookie
		}
	}
	return nil
}

// setCookie puts a session cookie of this value into the browser's jar.
func (b *browser) setCookie(address, value string) {
	b.t.Helper()
	u, err := url.Parse(address)
	require.NoError(b.t, err)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: sessionName, Value: value, Path: "/"}})
}

// plainText decodes a cookie as anybody can who has no secret: two layers of
// base64. What comes out is the gob encoding of the values.
func plainText(t testing.TB, cookie string) string {
	t.Helper()
	signed, err := base64.URLEncoding.DecodeString(cookie)
	require.NoError(t, err)
	parts := strings.SplitN(string(signed), "|", 3) // time, values, signature
	require.Len(t, parts, 3)
	values, err := base64.URLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	return string(values)
}
