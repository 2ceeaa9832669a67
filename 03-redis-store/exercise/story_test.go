package exercise

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

// This file is the same in every chapter. It runs the exercises, and tells what
// the browsers did when one fails.

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode) // whatever GIN_MODE says
	m.Run()
}

// exercise runs the test of one exercise, unless its TODO still stands in its
// file. The test runs in a process of its own, so that a panic or an endless loop
// in one exercise hides no other. To debug it, set EXERCISE to the test's name:
// then it runs in this process.
func exercise(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv("EXERCISE") == t.Name() {
		test(t)
		return
	}
	t.Parallel()
	number := strings.TrimPrefix(t.Name(), "TestExercise") // like 2_1
	folder, err := os.Getwd()
	require.NoError(t, err)
	folder = "./" + filepath.Base(filepath.Dir(folder)) + "/" + filepath.Base(folder)
	again := fmt.Sprintf("go test -v -run '%s' %s", strings.TrimPrefix(t.Name(), "Test"), folder)

	files, err := filepath.Glob(number + "_*.go")
	require.NoError(t, err)
	require.Len(t, files, 1, "%s holds one file of this exercise: was it renamed, or is there a copy?", folder)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	todo := regexp.MustCompile(`TODO\(` + strings.Replace(number, "_", `\.`, 1) + `\).*`)
	if goal := todo.Find(text); goal != nil {
		t.Skipf("not begun. Open %s/%s, delete the line with the TODO, and begin:\n%s\nThen: %s", folder, files[0], goal, again)
	}

	program, err := os.Executable()
	require.NoError(t, err)
	process := exec.Command(program, "-test.run", "^"+t.Name()+"$", "-test.timeout", "2m")
	process.Env = append(os.Environ(), "EXERCISE="+t.Name())
	if output, err := process.CombinedOutput(); err != nil {
		t.Errorf("not solved yet:\n%s\nAgain: %s", testFrame.ReplaceAll(output, nil), again)
	}
}

// testFrame is what go test and testify print around a failure.
var testFrame = regexp.MustCompile(`(?m)^--- FAIL.*\n|^FAIL\n|^\s+Error Trace:.*\n(\s+\S+:\d+\n)*|^\s+Test: .*\n`)

// serve runs an app as long as this process, and returns its URL. What panics in
// a handler is told, and answered with a 500.
func serve(t *testing.T, routes func(r *gin.Engine)) string {
	t.Helper()
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, reason any) {
		place := regexp.MustCompile(`\d+_\d+_\w+\.go:\d+`).Find(debug.Stack())
		t.Logf("%s %s panicked: %v (%s)", c.Request.Method, c.Request.URL.Path, reason, place)
		c.AbortWithStatus(http.StatusInternalServerError)
	}))
	routes(r)
	return httptest.NewServer(r).URL // Close would wait for a handler that never ends
}

// storeOptions are those of the chapters' programs: safe, for all paths and for
// one day.
func storeOptions() sessions.Options {
	return sessions.Options{Path: "/", MaxAge: 24 * 60 * 60, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// browser is one visitor, with a cookie jar of its own. It tells what it sends
// and gets: go test prints that when the test fails.
type browser struct {
	t      *testing.T
	name   string
	client *http.Client
}

func newBrowser(t *testing.T, name string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t, name, &http.Client{
		Jar: jar, Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what the browser got.
type answer struct {
	status  int
	body    string
	cookies []*http.Cookie // of this answer's Set-Cookie lines
}

// send makes one request, with the cookies that earlier answers have set.
func (b *browser) send(method, address string) answer {
	b.t.Helper()
	request, err := http.NewRequest(method, address, nil)
	require.NoError(b.t, err)
	sent := b.cookies(address)
	response, err := b.client.Do(request)
	require.NoError(b.t, err,
		"wanted: an answer\nlikely cause: the handler never ends: a loop, or a lock that nobody gives back")
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	b.t.Logf("%s sends %s %s with %s,\n  gets %d %s and %s", b.name, method, short(request.URL.Path), list("cookie", sent),
		response.StatusCode, cmp.Or(short(strings.TrimSpace(string(body))), "without a body"), list("Set-Cookie", response.Cookies()))
	return answer{response.StatusCode, string(body), response.Cookies()}
}

// cookies returns those that the browser would send to this address.
func (b *browser) cookies(address string) []*http.Cookie {
	b.t.Helper()
	u, err := url.Parse(address)
	require.NoError(b.t, err)
	return b.client.Jar.Cookies(u)
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
