package sessiontest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Server is what the tests have to know of the server behind an app's store.
type Server struct {
	// NewStore opens the store with the time-outs of the program. The App's may be
	// more patient: it is for a look past the outage.
	NewStore NewStore

	// What stands in the requests that read and write a session.
	Read, Write string

	// Settings returns the variables ("NAME=value") and the flags that make the
	// program's main use the server at addr.
	Settings func(addr string) (env, args []string)
	Ways     []string // to get a server, which main names when there is none
}

// Redis returns the Server of a program that keeps its sessions in Redis.
func Redis(newStore NewStore) Server {
	return Server{newStore, "\r\nGET\r\n", "\r\nSETEX\r\n",
		func(addr string) (env, args []string) { return []string{"REDIS_ADDR=" + addr}, nil },
		[]string{"docker compose up -d redis", "REDIS_ADDR="}}
}

// TestOutages checks what happens to a visitor when the server of the sessions is
// lost: a 503, nothing written, and the session goes on when the server is back.
// The app has the page of Counter.
//
// Each check runs the app twice: behind a Proxy that loses the server, and
// directly. The first one gives up soon, so on a busy machine it may answer 503
// without the proxy's help; the second one is patient.
func TestOutages(t *testing.T, app App, server Server) {
	for _, outage := range []struct {
		name  string
		check func(*testing.T, App, Server)
	}{
		{"a lost server is a 503 and the session survives it", lostServer},
		{"a blip is a 503 and overwrites nothing", blip},
		{"a blip of any length overwrites nothing", blipOfAnyLength},
		{"an answer that breaks off is a 503 and overwrites nothing", brokenAnswer},
		{"a refused write is a 503 and changes nothing", refusedWrite},
		{"a write whose answer breaks off is a 503 and may be done", brokenAnswerToAWrite},
		{"new visitors are served while reads fail", newVisitors},
		{"an app restart keeps the session", restart},
		{"two apps share the session", twoApps},
		{"a missing server at start is explained", missingServer},
	} {
		t.Run(outage.name, func(t *testing.T) {
			t.Parallel()
			outage.check(t, app, server)
		})
	}
}

// behind serves the app behind a proxy.
func (server Server) behind(t *testing.T, app App) (network *Proxy, url string) {
	t.Helper()
	network = NewProxy(t, app.Addr)
	app.NewStore, app.Addr = server.NewStore, network.Addr
	url = app.Serve(t)
	t.Cleanup(network.Cut) // or the app's end would wait for what hangs
	return network, url
}

// visits lets a new visitor come so many times.
func visits(t *testing.T, url string, times int) (alice *Browser) {
	t.Helper()
	alice = NewBrowser(t, "Alice")
	for visit := range times {
		require.Equal(t, visit, Count(t, alice.Send(http.MethodGet, url+"/incr")))
	}
	return alice
}

func lostServer(t *testing.T, app App, server Server) {
	network, url := server.behind(t, app)
	direct := app.Serve(t)
	alice := visits(t, direct, 3)

	network.Cut()
	app.wantFailure(t, alice.Send(http.MethodGet, url+"/incr"), unchecked)
	app.wantFailure(t, alice.Send(http.MethodPost, url+"/logout"), unchecked)
	app.wantFailure(t, NewBrowser(t, "an anonymous visitor").Send(http.MethodGet, url+"/incr"), unchecked)
	require.Contains(t, logged.String(), "session store: ", "wanted: the cause of a 503 in the log")
	require.NotContains(t, logged.String(), "session store: <nil>", "wanted: the cause of a 503 in the log")

	network.Restore()
	require.Equal(t, 3, Count(t, alice.Send(http.MethodGet, direct+"/incr")), "wanted: the session goes on where it was")
	require.Greater(t, CountOnceBack(t, alice, url), 3, "wanted: the app finds its server, and the session in it")
}

const (
	unsaved     = "nobody looks at the error of Save"
	unchecked   = "nobody looks at the store's error before the handler runs, and an empty session is saved over the visitor's"
	overwritten = "wanted: the session goes on\nlikely cause: " + unchecked
)

// A blip is the dangerous case: the session cannot be read, and a moment later it
// can be written. Whoever writes then, writes an empty session over a full one.
func blip(t *testing.T, app App, server Server) {
	network, url := server.behind(t, app)
	direct := app.Serve(t)
	alice := visits(t, direct, 5)

	network.CutOn(server.Read, Always) // everything else works
	app.wantFailure(t, alice.Send(http.MethodGet, url+"/incr"), unchecked)

	network.Restore()
	require.Equal(t, 5, Count(t, alice.Send(http.MethodGet, direct+"/incr")), overwritten)
	require.Greater(t, CountOnceBack(t, alice, url), 5, overwritten)
}

// A driver may ask again by itself, and so may the program: a blip can end between
// any two of these reads.
func blipOfAnyLength(t *testing.T, app App, server Server) {
	for failures := 1; failures <= 4; failures++ {
		t.Run(strconv.Itoa(failures), func(t *testing.T) {
			t.Parallel()
			network, url := server.behind(t, app)
			alice := NewBrowser(t, "Alice")
			last := CountOnceBack(t, alice, url)

			network.CutOn(server.Read, failures)
			if got := alice.Send(http.MethodGet, url+"/incr"); got.Status == http.StatusOK { // somebody asked often enough
				require.Greater(t, Count(t, got), last, overwritten)
				last = Count(t, got)
			} else {
				app.wantFailure(t, got, unchecked)
			}

			network.Restore()
			require.Greater(t, CountOnceBack(t, alice, url), last, overwritten)
		})
	}
}

func brokenAnswer(t *testing.T, app App, server Server) {
	network, url := server.behind(t, app)
	direct := app.Serve(t)
	alice := visits(t, direct, 3)

	network.CutAnswers(server.Read, Always)
	app.wantFailure(t, alice.Send(http.MethodGet, url+"/incr"), unchecked)

	network.Restore()
	require.Equal(t, 3, Count(t, alice.Send(http.MethodGet, direct+"/incr")), overwritten)
}

func refusedWrite(t *testing.T, app App, server Server) {
	network, url := server.behind(t, app)
	direct := app.Serve(t)
	alice := visits(t, direct, 3)

	network.CutOn(server.Write, Always)
	app.wantFailure(t, alice.Send(http.MethodGet, url+"/incr"), unsaved)

	network.Restore()
	require.Equal(t, 3, Count(t, alice.Send(http.MethodGet, direct+"/incr")), "wanted: nothing was changed")
}

func brokenAnswerToAWrite(t *testing.T, app App, server Server) {
	network, url := server.behind(t, app)
	direct := app.Serve(t)
	alice := visits(t, direct, 3)

	network.CutAnswers(server.Write, Always)
	app.wantFailure(t, alice.Send(http.MethodGet, url+"/incr"), unsaved)

	network.Restore()
	require.Contains(t, []int{3, 4, 5}, Count(t, alice.Send(http.MethodGet, direct+"/incr")), "wanted: the count of before, or one more for each time that the driver tried")
}

func newVisitors(t *testing.T, app App, server Server) {
	network, url := server.behind(t, app)
	network.CutOn(server.Read, Always)
	require.Equal(t, 0, CountOnceBack(t, NewBrowser(t, "an anonymous visitor"), url), "wanted: 0, because without a cookie there is nothing to read")
	require.Equal(t, Always, network.TimesLeft(), "wanted: nobody asks the server for the session of nobody")
}

func restart(t *testing.T, app App, _ Server) {
	alice := visits(t, app.Serve(t), 2)
	require.Equal(t, 2, Count(t, alice.Send(http.MethodGet, app.Serve(t)+"/incr")), "wanted: the session in the server, for the next start of the app")
}

func twoApps(t *testing.T, app App, _ Server) {
	one, other := app.Serve(t), app.Serve(t)
	alice := NewBrowser(t, "Alice")
	for visit, url := range []string{one, other, one} {
		require.Equal(t, visit, Count(t, alice.Send(http.MethodGet, url+"/incr")), "wanted: one session for both")
	}
}

func missingServer(t *testing.T, _ App, server Server) {
	const nobody = "127.0.0.1:1" // it takes root to listen there
	env, args := server.Settings(nobody)
	status, output := Run(t, append(env, "GIN_MODE=debug", "SESSION_SECRET="), args...)
	require.Equal(t, 1, status, output)
	for _, want := range append([]string{nobody, "refused", "go run ./01-install/servers"}, server.Ways...) {
		require.Contains(t, output, want)
	}
	require.NotContains(t, output, "panic")
}

// TestSilence checks what a program with time-outs answers when its server accepts
// everything and says nothing.
func TestSilence(t *testing.T, app App, server Server) {
	network, url := server.behind(t, app)
	direct := app.Serve(t)
	alice := visits(t, direct, 3)

	network.Hang()
	start := time.Now()
	app.wantFailure(t, alice.Send(http.MethodGet, url+"/incr"), unchecked)
	assert.Less(t, time.Since(start), 15*time.Second, "wanted: an answer in time\nlikely cause: the program's time-outs do not reach its driver")

	network.Restore()
	require.Positive(t, CountOnceBack(t, alice, url), overwritten)
}

// Count returns the number in an answer of GET /incr.
func Count(t testing.TB, got Answer) int {
	t.Helper()
	var body struct{ Count *int }
	require.NoError(t, json.Unmarshal([]byte(got.Body), &body), got.Body)
	require.NotNil(t, body.Count, "wanted: a count, and not status %d with %s", got.Status, got.Body)
	return *body.Count
}

// CountOnceBack visits /incr until the app has found its server again, for a
// minute at most, and returns the count in the first answer that is not a 503.
func CountOnceBack(t testing.TB, alice *Browser, url string) int {
	t.Helper()
	for start := time.Now(); time.Since(start) < time.Minute; {
		if got := alice.Send(http.MethodGet, url+"/incr"); got.Status != http.StatusServiceUnavailable {
			return Count(t, got)
		}
	}
	require.FailNow(t, "the app does not find its server again")
	return 0
}
