package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

func TestBadInputIsRefusedBeforeAnythingStarts(t *testing.T) {
	t.Parallel()
	for wanted, args := range map[string][]string{
		`unknown -only "mysql"`:      {"-only", "redis,mysql"},
		`unusable -sessions "many"`:  {"-sessions", "1000,many"},
		`unusable -sessions "999"`:   {"-sessions", "999"}, // fewer than the visitors
		`unusable -each 1ms`:         {"-each", "1ms"},
		`unknown argument "redis"`:   {"redis"},
		`in the tutorial's root fol`: {}, // a test runs in the folder of its package
	} {
		status, output := sessiontest.Run(t, nil, args...)
		assert.Equal(t, 1, status, output)
		assert.Contains(t, output, wanted)
	}
}

func TestSessionsAreSortedAndCountedOnce(t *testing.T) {
	t.Parallel()
	chosen, sessions, err := parse("memory,redis", "100000,1000,1000", time.Second, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"memory", "redis"}, chosen)
	assert.Equal(t, []int{1000, 100_000}, sessions)
}

func TestAServerThatIsNotInstalledIsLeftOut(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	b := &bench{ctx: t.Context(), out: &out}

	assert.False(t, b.installed("a-server-that-nobody-has", "Redis"))

	assert.Contains(t, out.String(), "# left out: Redis: ")
	assert.Contains(t, out.String(), "a-server-that-nobody-has")
}

// TestVisitsCountsWhatVisitorsGet answers as a program does, and counts who asks.
func TestVisitsCountsWhatVisitorsGet(t *testing.T) {
	t.Parallel()
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = strings.Repeat("A", i+1)
	}
	cookies, err := cookiesOf(ids)
	require.NoError(t, err)
	id, err := idOf(cookies[41])
	require.NoError(t, err)
	assert.Equal(t, ids[41], id)

	for _, c := range []struct {
		name, body string
		status     int
		wanted     string // the error
	}{
		{"counted", `{"count":7}`, http.StatusOK, ""},
		{"failed", `{"error":"session store unavailable"}`, http.StatusServiceUnavailable, ""},
		{"started over", `{"count":0}`, http.StatusOK, "a session started over"},
		{"another page", `{}`, http.StatusOK, "GET /incr answered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var app []*process
			for range 2 {
				url := sessiontest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					cookie, err := r.Cookie(sessionName)
					if assert.NoError(t, err) {
						assert.Contains(t, cookies, cookie.Value)
					}
					w.WriteHeader(c.status)
					_, err = w.Write([]byte(c.body))
					assert.NoError(t, err)
				}))
				app = append(app, &process{addr: strings.TrimPrefix(url, "http://")})
			}
			seen, err := visits(t.Context(), app, cookies, 20, 100*time.Millisecond)
			for each := time.Second; err == nil && seen.failed+len(seen.took) == 0; each *= 2 { // a busy machine: nothing yet
				seen, err = visits(t.Context(), app, cookies, 20, each)
			}
			switch {
			case c.wanted != "":
				assert.ErrorContains(t, err, c.wanted)
			case c.status == http.StatusOK:
				assert.NoError(t, err)
				assert.Zero(t, seen.failed)
				assert.LessOrEqual(t, seen.percentile(50), seen.percentile(99))
				assert.Positive(t, seen.perSecond())
			default:
				assert.NoError(t, err)
				assert.Empty(t, seen.took)
				assert.Contains(t, seen.String(), "\t0 visits")
			}
		})
	}
}

func TestVisitsNeedsASessionForEachVisitor(t *testing.T) {
	t.Parallel()
	_, err := visits(t.Context(), nil, []string{"one"}, 2, time.Second)
	assert.ErrorContains(t, err, "1 sessions are not enough for 2 visitors")
}

func TestPercentiles(t *testing.T) {
	t.Parallel()
	c := crowd{measured: time.Second}
	assert.Zero(t, c.percentile(99))
	for i := range 200 {
		c.took = append(c.took, time.Duration(i)*time.Millisecond)
	}
	assert.Equal(t, 100*time.Millisecond, c.percentile(50))
	assert.Equal(t, 198*time.Millisecond, c.percentile(99))
	assert.Equal(t, 199*time.Millisecond, c.percentile(100))
}

func TestAProcessThatEndsIsAnErrorWithItsWords(t *testing.T) {
	t.Parallel()
	b := &bench{ctx: t.Context(), bin: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	taken := l.Addr().String()
	require.NoError(t, l.Close())

	p, err := b.start(taken, nil, "go", "a-command-that-go-does-not-have")
	require.NoError(t, err)

	assert.ErrorContains(t, b.untilItListens(p), "a-command-that-go-does-not-have")
}
