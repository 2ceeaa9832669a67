package sessiontest

import (
	"cmp"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Serve runs an app on a port of its own until the test ends, and returns its URL.
func Serve(t testing.TB, app http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	return server.URL
}

// Browser is one visitor, with a name and a cookie jar. What it sends and gets is
// logged: go test prints it when the test fails, as the story of the failure.
type Browser struct {
	Client *http.Client // follows redirects, waits a minute; a test may change it

	t    testing.TB
	name string
}

// NewBrowser returns a browser without cookies. The name is for the story.
func NewBrowser(t testing.TB, name string) *Browser {
	t.Helper()
	cookies, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &Browser{&http.Client{Jar: jar{cookies}, Transport: transport, Timeout: time.Minute}, t, name}
}

// jar refuses what browsers refuse, without a word (RFC 6265bis, 5.6 and 5.7): a cookie
// whose name and value are longer than 4,096 bytes together, and one called __Host-…
// that is not Secure, for all paths, and for this host only.
type jar struct{ http.CookieJar }

func (j jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.CookieJar.SetCookies(u, slices.DeleteFunc(slices.Clone(cookies), func(cookie *http.Cookie) bool {
		return len(cookie.Name)+len(cookie.Value) > 4096 || strings.HasPrefix(cookie.Name, "__Host-") &&
			(!cookie.Secure || cookie.Path != "/" || cookie.Domain != "" || u.Scheme != "https")
	}))
}

// Answer is what a browser got.
type Answer struct {
	Status  int
	Body    string
	Header  http.Header
	Cookies []*http.Cookie // of this answer's Set-Cookie lines
}

// Get makes a GET request that has to be answered 200, and returns the body.
func (b *Browser) Get(url string) (body string) {
	b.t.Helper()
	got := b.Send(http.MethodGet, url)
	require.Equal(b.t, http.StatusOK, got.Status, "wanted: 200 for GET %s", url)
	return got.Body
}

// Send makes a request without a body.
func (b *Browser) Send(method, url string) Answer {
	b.t.Helper()
	request, err := http.NewRequest(method, url, nil)
	require.NoError(b.t, err)
	return b.Do(request)
}

// Post sends a form: a field's name, its value, the next name, and so on.
func (b *Browser) Post(address string, fields ...string) Answer {
	b.t.Helper()
	form := url.Values{}
	for field := range slices.Chunk(fields, 2) {
		form.Set(field[0], field[1])
	}
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.Do(request)
}

// Do makes any request, with the cookies that earlier answers have set. No answer
// at all is a failure of the test.
func (b *Browser) Do(request *http.Request) Answer {
	b.t.Helper()
	sent := b.Cookies(request.URL.String())
	response, err := b.Client.Do(request)
	require.NoError(b.t, err,
		"wanted: an answer\nlikely cause: the handler never ends: a loop, or a lock that nobody gives back")
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	b.t.Logf("%s sends %s %s with %s,\n  gets %d %s and %s", b.name, request.Method, short(request.URL.Path), list("cookie", sent),
		response.StatusCode, cmp.Or(short(strings.TrimSpace(string(body))), "without a body"), list("Set-Cookie", response.Cookies()))
	return Answer{response.StatusCode, string(body), response.Header, response.Cookies()}
}

// Cookies returns what the browser would send to this URL.
func (b *Browser) Cookies(address string) []*http.Cookie {
	b.t.Helper()
	u, err := url.Parse(address)
	require.NoError(b.t, err)
	return b.Client.Jar.Cookies(u)
}

// Cookie returns the session cookie that the browser would send to this URL, nil
// when it has none.
func (b *Browser) Cookie(address string) *http.Cookie {
	b.t.Helper()
	for _, cookie := range b.Cookies(address) {
		if cookie.Name == CookieName {
			return cookie
		}
	}
	return nil
}

// CookieValue returns the value of that cookie, which has to be there.
func (b *Browser) CookieValue(address string) string {
	b.t.Helper()
	cookie := b.Cookie(address)
	require.NotNil(b.t, cookie, "wanted: a session cookie in the browser\nlikely cause: nothing was saved, or only after the body")
	return cookie.Value
}

// SetCookie puts a session cookie of this value into the jar, as a thief does who
// has copied it.
func (b *Browser) SetCookie(address, value string) {
	b.t.Helper()
	u, err := url.Parse(address)
	require.NoError(b.t, err)
	b.Client.Jar.SetCookies(u, []*http.Cookie{{Name: CookieName, Value: value, Path: "/"}})
}

// list writes down cookies in one line, with the ends of their values: what was
// signed in the same second begins alike.
func list(kind string, cookies []*http.Cookie) string {
	if len(cookies) == 0 {
		return "no " + kind
	}
	var lines []string
	for _, cookie := range cookies {
		shown := *cookie
		if length := len(cookie.Value); length > 20 {
			shown.Value = "..." + cookie.Value[length-16:]
		}
		shown.Expires, shown.RawExpires = time.Time{}, "" // Max-Age says it
		lines = append(lines, shown.String())
	}
	return kind + " " + strings.Join(lines, " and ")
}

func short(text string) string {
	if len(text) > 120 {
		return text[:100] + "…"
	}
	return text
}
