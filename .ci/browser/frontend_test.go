package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startFrontend runs the front end's program until the test ends. It returns the ports
// of the API and of the page.
func startFrontend(t *testing.T) (api, page string) {
	t.Helper()
	apiAddr, pageAddr := freeAddr(t), freeAddr(t)
	process := launch(t, "./02-cookie-basic/frontend", apiAddr, "PAGE_ADDR="+pageAddr, "GIN_MODE=debug", "SESSION_SECRET="+strings.Repeat("s", 32))
	t.Cleanup(func() {
		assert.NoError(t, process.Process.Kill())
		assert.Error(t, process.Wait(), "wanted: it ran until now")
	})
	return strings.TrimPrefix(apiAddr, "localhost:"), strings.TrimPrefix(pageAddr, "localhost:")
}

// thirdPartyCookies opens a browser whose settings allow them, or block them. What a
// profile without the setting does depends on who built the browser.
func thirdPartyCookies(t *testing.T, setting string) browser {
	t.Helper()
	profile, err := os.MkdirTemp("", "chromium")
	require.NoError(t, err)
	t.Cleanup(func() { // once its processes have gone
		require.Eventually(t, func() bool { return os.RemoveAll(profile) == nil }, time.Minute, 20*time.Millisecond)
	})
	mode := map[string]string{"allowed": `"cookie_controls_mode":0`, "blocked": `"cookie_controls_mode":1`, "as installed": ""}[setting]
	require.NoError(t, os.MkdirAll(filepath.Join(profile, "Default"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte(`{"profile":{`+mode+`}}`), 0o600))
	return open(t, chromedp.UserDataDir(profile))
}

var result = regexp.MustCompile("`(kept|new|blocked|refused)`") // in the README

// results returns what the page shows at this address, a row each.
func (b browser) results(address string) []string {
	b.t.Helper()
	b.visit(address)
	b.until(`document.body.className === "done"`)
	return strings.Split(run(b, chromedp.Text("#ways")), "\n")
}

// The table of 02-cookie-basic/frontend/README.md is what Chromium shows.
func TestTheFrontEndsTable(t *testing.T) {
	api, page := startFrontend(t)
	target, err := url.Parse("http://localhost:" + api)
	require.NoError(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}})
	defer proxy.Close()
	text, err := os.ReadFile("../../02-cookie-basic/frontend/README.md")
	require.NoError(t, err)
	var want [][]string
	for _, line := range strings.Split(string(text), "\n") {
		if words := result.FindAllString(line, -1); strings.HasPrefix(line, "|") && len(words) == 4 {
			want = append(want, words)
		}
	}
	require.Len(t, want, 6, "rows of the README's table")

	for _, place := range []struct {
		name, address, thirdParties string
		column                      int
	}{
		{"one origin: the API's own page", "http://localhost:" + api, "blocked", 0},
		{"one origin: through a proxy", proxy.URL, "blocked", 0},
		{"another port: localhost, same site", "http://localhost:" + page, "blocked", 1},
		{"another site: 127.0.0.1, third-party cookies allowed", "http://127.0.0.1:" + page, "allowed", 2},
		{"another site: 127.0.0.1, third-party cookies blocked", "http://127.0.0.1:" + page, "blocked", 3},
	} {
		fmt.Printf("front end, %s\n", place.name)
		rows := thirdPartyCookies(t, place.thirdParties).results(place.address)
		require.Len(t, rows, len(want))
		for i, row := range rows {
			fmt.Printf("  CORS %s\n", strings.ReplaceAll(row, "\t", " · "))
			cells := strings.Split(row, "\t")
			assert.Equal(t, strings.Trim(want[i][place.column], "`"), cells[len(cells)-1], "%s: %s", place.name, row)
		}
	}
	rows := thirdPartyCookies(t, "as installed").results("http://127.0.0.1:" + page)
	fmt.Printf("front end, another site: 127.0.0.1, third-party cookies as this browser has them in a new profile\n  CORS %s\n", strings.ReplaceAll(rows[5], "\t", " · "))
}

// What the console says is what the README quotes.
func TestTheConsoleSaysWhyAnAnswerIsBlocked(t *testing.T) {
	_, page := startFrontend(t)
	b := thirdPartyCookies(t, "allowed")
	var mu sync.Mutex
	var console strings.Builder
	require.NoError(t, chromedp.Listen(b.ctx, func(event any) {
		if entry, ok := event.(*log.EventEntryAdded); ok {
			mu.Lock()
			defer mu.Unlock()
			console.WriteString(entry.Entry.Text + "\n")
		}
	}))
	b.results("http://localhost:" + page)
	text, err := os.ReadFile("../../02-cookie-basic/frontend/README.md")
	require.NoError(t, err)
	_, quoted, found := strings.Cut(string(text), "```text\n")
	require.True(t, found)
	quoted, _, _ = strings.Cut(quoted, "```")
	for line := range strings.Lines(quoted) {
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(console.String(), strings.TrimSpace(line))
		}, time.Minute, 20*time.Millisecond, "wanted in the console: %s\nbut it says:\n%s", line, &console)
	}
	fmt.Print("front end, the console:\n", console.String())
}

// A page that the API does not trust sends a POST without a preflight, with the
// visitor's cookies.
func TestAPageThatIsNotTrustedChangesNoSession(t *testing.T) {
	api, _ := startFrontend(t)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<script>
onload = async () => {
	for (const way of ["lax", "none-secure", "none", "any-origin", "no-cors"]) {
		await fetch("http://localhost:%s/api/" + way + "/name",
			{ method: "POST", mode: "no-cors", credentials: "include", body: '{"name":"Mallory"}' })
	}
	document.body.className = "done"
}
</script><body>`, api)
	}))
	defer evil.Close()
	for _, where := range []string{strings.Replace(evil.URL, "127.0.0.1", "localhost", 1), evil.URL} {
		b := thirdPartyCookies(t, "allowed")
		b.results("http://localhost:" + api) // as Ann, in four ways
		b.visit(where)
		b.until(`document.body.className === "done"`)
		b.visit("http://localhost:" + api + "/none")
		for _, way := range []string{"lax", "none-secure", "any-origin", "no-cors"} {
			name := run(b, chromedp.Evaluate[string](`fetch("/api/`+way+`/name").then(answer => answer.text())`, chromedp.EvalAwaitPromise))
			fmt.Printf("front end, after a POST by %s to /api/%s: %s\n", where, way, name)
			assert.Equal(t, `{"name":"Ann"}`, name)
		}
	}
}
