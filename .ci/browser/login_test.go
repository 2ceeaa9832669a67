// Package browser drives the login and the front end in a real Chromium. The login needs
// a Redis, at REDIS_ADDR.
// With SCREENSHOTS=folder it keeps a picture of each page there.
package browser

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const password = "correct horse"

func TestTheLoginInDevelopmentMode(t *testing.T) {
	drive(t, start(t, "GIN_MODE=debug"), func(page http.Handler) string { return httptest.NewServer(page).URL })
}

// In release mode the program stands behind a proxy that speaks TLS, as nginx does.
func TestTheLoginInReleaseModeBehindTLS(t *testing.T) {
	site, err := url.Parse(start(t, "GIN_MODE=release"))
	require.NoError(t, err)
	overTLS := func(handler http.Handler) string {
		server := httptest.NewTLSServer(handler)
		t.Cleanup(server.Close)
		return server.URL
	}
	proxy := overTLS(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(site)
		r.Out.Host = r.In.Host
	}})
	drive(t, strings.Replace(proxy, "127.0.0.1", "localhost", 1), overTLS)
}

// drive signs up, logs out and in, on two devices, and lets another site post a form.
func drive(t *testing.T, site string, serve func(http.Handler) (url string)) {
	name := "alice-" + strings.ToLower(rand.Text()[:8])
	laptop := open(t)
	laptop.visit(site + "/")
	laptop.picture("home")
	require.Zero(t, laptop.cookies(), "wanted: no cookie for an anonymous visitor")

	laptop.visit(site + "/account")
	require.Contains(t, laptop.address(), "/login?next=%2Faccount")
	laptop.picture("login")
	laptop.click(`main a[href^="/signup"]`)
	laptop.picture("signup")
	laptop.send("#name", name, "#password", password)
	require.Equal(t, site+"/account", laptop.address())
	require.Contains(t, laptop.text(), "You are logged in as "+name)
	require.Equal(t, 1, laptop.cookies())

	laptop.click("header form button")
	require.Equal(t, site+"/", laptop.address())
	require.Zero(t, laptop.cookies(), "wanted: no cookie after the logout")
	laptop.back()
	require.Contains(t, laptop.address(), "/login", "wanted: no page of before, with the back button")

	laptop.visit(site + "/login")
	laptop.send("#name", name, "#password", "wrong password")
	require.Contains(t, laptop.text(), "The name or the password is wrong.")
	laptop.send("#password", password)
	require.Equal(t, site+"/account", laptop.address())

	phone := open(t)
	phone.visit(site + "/login")
	phone.send("#name", name, "#password", password)
	require.Equal(t, 2, phone.count(".logins li"))
	phone.picture("account")

	// Another site, which has a form for this one, and sends it at once.
	evil := serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<body><form method="post" action="%s/logout-everywhere"><button>Win!</button></form>
<script>addEventListener("load", () => document.forms[0].submit())</script>`, site)
	}))
	laptop.visit(evil)
	laptop.until(`location.pathname === "/logout-everywhere" && document.readyState === "complete"`)
	require.Contains(t, laptop.text(), "This form was sent by another site.")
	laptop.visit(site + "/account")
	require.Contains(t, laptop.text(), "You are logged in as "+name)

	phone.send("#current", password, "#new", "battery staple")
	require.Contains(t, phone.text(), "Your password is changed")
	require.Equal(t, 1, phone.count(".logins li"))
	laptop.visit(site + "/account")
	require.Contains(t, laptop.address(), "/login", "wanted: the other device is out")

	laptop.send("#name", name, "#password", "battery staple")
	laptop.click(".logins li:nth-child(2) button")
	require.Equal(t, 1, laptop.count(".logins li"))
	phone.visit(site + "/account")
	require.Contains(t, phone.address(), "/login", "wanted: the device that was ended is out")
}

// start builds the login and runs it until the test ends.
func start(t *testing.T, mode string) (url string) {
	t.Helper()
	redis := os.Getenv("REDIS_ADDR")
	require.NotEmpty(t, redis, "wanted: a Redis, at REDIS_ADDR")
	addr := freeAddr(t)
	process := launch(t, "./03-redis-store/login", addr, mode, "SESSION_SECRET="+rand.Text()+rand.Text())
	t.Cleanup(func() {
		assert.NoError(t, process.Process.Signal(os.Interrupt))
		assert.NoError(t, process.Wait(), "wanted: exit status 0")
	})
	return "http://" + addr
}

// freeAddr returns a host:port on which nothing listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return fmt.Sprintf("localhost:%d", listener.Addr().(*net.TCPAddr).Port)
}

// launch builds a program, starts it, and waits until it listens on addr.
func launch(t *testing.T, folder, addr string, env ...string) *exec.Cmd {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-o", program, folder)
	build.Dir = filepath.Join("..", "..")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)

	process := exec.Command(program)
	process.Env = append(append(os.Environ(), "ADDR="+addr), env...)
	require.NoError(t, process.Start())
	listens := func() bool {
		connection, err := net.Dial("tcp", addr)
		if err == nil {
			connection.Close()
		}
		return err == nil
	}
	require.Eventually(t, listens, time.Minute, 20*time.Millisecond)
	return process
}

// browser is a Chromium with a profile of its own, as wide as a telephone.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func open(t *testing.T, more ...chromedp.ExecAllocatorOption) browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.IgnoreCertErrors, chromedp.WindowSize(390, 700))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(options, more...)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return browser{t, ctx}
}

// run does something in the browser, for a minute at most, and returns what comes of it.
func run[T any](b browser, action chromedp.Action[T]) T {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Location()) // starts the browser: not within the minute
	require.NoError(b.t, err)
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	require.NoError(b.t, err)
	return result
}

func (b browser) visit(url string) { b.t.Helper(); run(b, chromedp.Navigate(url)) }

// leave does what leads to another page, and waits until that is there.
func leave[T any](b browser, action chromedp.Action[T]) {
	b.t.Helper()
	run(b, chromedp.Evaluate[bool]("window.old = true"))
	run(b, action)
	b.until("!window.old && document.readyState === 'complete'")
}

// until waits until a condition holds in the page, or in the next one.
func (b browser) until(condition string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		done, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](condition))
		return err == nil && done
	}, time.Minute, 20*time.Millisecond, condition)
}

func (b browser) click(selector string) { b.t.Helper(); leave(b, chromedp.Click(selector)) }

// send types texts into fields, and clicks the button of their form.
func (b browser) send(fields ...string) {
	b.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		run(b, chromedp.Steps(chromedp.Clear(fields[i]), chromedp.SendKeys(fields[i], fields[i+1])))
	}
	b.click("form:has(" + fields[0] + ") button")
}

// back presses the back button. A page out of the browser's memory asks the program
// again: so this waits for the page after it.
func (b browser) back() {
	b.t.Helper()
	run(b, chromedp.Evaluate[int]("setTimeout(() => history.back(), 0)"))
	b.until("location.pathname === '/login' && document.readyState === 'complete'")
}

func (b browser) address() (url string) { b.t.Helper(); return run(b, chromedp.Location()) }

func (b browser) text() string { b.t.Helper(); return run(b, chromedp.Text("body")) }

func (b browser) count(selector string) int {
	b.t.Helper()
	return run(b, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll(%q).length", selector)))
}

// cookies returns how many this profile has, also those that no script can read.
func (b browser) cookies() int {
	b.t.Helper()
	run(b, chromedp.Location())
	result, err := chromedp.CallBrowser(b.ctx, storage.GetCookies, storage.GetCookiesParams{})
	require.NoError(b.t, err)
	return len(result.Cookies)
}

// picture keeps the page as it is seen now, if SCREENSHOTS asks for it.
func (b browser) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	require.NoError(b.t, os.WriteFile(filepath.Join(folder, name+".png"), run(b, chromedp.CaptureScreenshot()), 0o644))
}
