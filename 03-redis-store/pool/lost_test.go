package main

import (
	"bytes"
	"encoding/json"
	"math"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What happens to a visitor when the server of the sessions is lost: this file
// is the same in chapters 03 and 05.

const unavailable = `{"error":"session store unavailable"}`

// Each test runs two apps on one server: behind a proxy that loses the server,
// and directly, to see what is in it. The first one gives up soon, so on a busy
// machine it may answer 503 without the proxy's help; the second one is patient.

func TestALostServerIsA503AndTheSessionSurvivesIt(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		network := newProxy(t, s.addr)
		app := serve(t, s.through(network).store(t, testSecret))
		direct := serve(t, s.store(t, testSecret))
		visitor := newBrowser(t)
		for visit := range 3 {
			require.JSONEq(t, count(visit), visitor.get(direct+"/incr"))
		}

		network.cut()
		for path, method := range map[string]string{"/incr": http.MethodGet, "/logout": http.MethodPost} {
			got := visitor.send(method, app+path)
			assert.Equal(t, http.StatusServiceUnavailable, got.status)
			assert.JSONEq(t, unavailable, got.body)
			assert.Empty(t, got.cookies, "nothing was saved, so no cookie may be sent")
		}
		stranger := newBrowser(t).send(http.MethodGet, app+"/incr")
		assert.Equal(t, http.StatusServiceUnavailable, stranger.status, "a session that cannot be saved must not be promised")

		network.restore()
		assert.JSONEq(t, count(3), visitor.get(direct+"/incr"), "the session should go on where it was")
		assert.Greater(t, firstCount(t, visitor, app), 3, "the app should find its server, and the session in it")
	})
}

// A blip is the dangerous case: the session cannot be read, and a moment later
// it can be written. Whoever writes then, writes an empty session over a full one.
func TestABlipIsA503AndOverwritesNothing(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		network := newProxy(t, s.addr)
		app := serve(t, s.through(network).store(t, testSecret))
		direct := serve(t, s.store(t, testSecret))
		visitor := newBrowser(t)
		for visit := range 5 {
			require.JSONEq(t, count(visit), visitor.get(direct+"/incr"))
		}

		network.cutOn(s.read, always) // reads fail, everything else works
		got := visitor.send(http.MethodGet, app+"/incr")
		assert.Equal(t, http.StatusServiceUnavailable, got.status, "answered with %s", got.body)
		assert.JSONEq(t, unavailable, got.body)
		assert.Empty(t, got.cookies)

		network.restore()
		assert.JSONEq(t, count(5), visitor.get(direct+"/incr"), "an empty session was saved over the visitor's")
		assert.Greater(t, firstCount(t, visitor, app), 5)
	})
}

// A driver may ask again by itself, and so may the program: a blip can end
// between any two of these reads.
func TestABlipOfAnyLengthOverwritesNothing(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		network := newProxy(t, s.addr)
		app := serve(t, s.through(network).store(t, testSecret))
		visitor := newBrowser(t)
		last := firstCount(t, visitor, app)
		for failures := 1; failures <= 4; failures++ {
			network.cutOn(s.read, failures)
			got := visitor.send(http.MethodGet, app+"/incr")
			if got.status == http.StatusOK { // somebody asked often enough
				require.Greater(t, number(t, got.body), last, "after %d failed reads", failures)
				last = number(t, got.body)
			} else {
				require.Equal(t, http.StatusServiceUnavailable, got.status, "after %d failed reads", failures)
			}
			network.restore()
			next := firstCount(t, visitor, app)
			require.Greater(t, next, last, "after %d failed reads", failures)
			last = next
		}
	})
}

func TestNewVisitorsAreServedWhileReadsFail(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		network := newProxy(t, s.addr)
		app := serve(t, s.through(network).store(t, testSecret))
		network.cutOn(s.read, always)

		assert.Equal(t, 0, firstCount(t, newBrowser(t), app), "without a cookie there is nothing to read")
		assert.Equal(t, always, network.timesLeft(), "the server was asked for the session of nobody")
	})
}

// firstCount visits until the app has found its server, and returns the count in
// the first answer that is not a 503.
func firstCount(t *testing.T, visitor *browser, app string) int {
	t.Helper()
	for start := time.Now(); time.Since(start) < time.Minute; {
		got := visitor.send(http.MethodGet, app+"/incr")
		if got.status != http.StatusServiceUnavailable {
			return number(t, got.body)
		}
	}
	require.FailNow(t, "the app does not find its server again")
	return 0
}

// number returns the count in the body of an answer.
func number(t *testing.T, body string) int {
	t.Helper()
	var answer struct{ Count *int }
	require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
	require.NotNil(t, answer.Count, body)
	return *answer.Count
}

func TestAMissingServerAtStartIsExplained(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		const addr = "127.0.0.1:1" // nobody listens there: it takes root to
		env, args := s.configure(addr)
		status, output := runProgram(t, append(env, "GIN_MODE=debug", "SESSION_SECRET="), args...)

		assert.Equal(t, 1, status)
		assert.Contains(t, output, addr)
		assert.Contains(t, output, "refused")
		assert.Contains(t, output, "docker compose up -d "+s.service)
		assert.Contains(t, output, "go run ./01-install/servers")
		assert.Contains(t, output, s.variable+"=")
		assert.NotContains(t, output, "panic")
	})
}

func TestAnAppRestartKeepsTheSession(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		visitor := newBrowser(t)
		app := serve(t, s.store(t, testSecret))
		visitor.get(app + "/incr")
		visitor.get(app + "/incr")

		restarted := serve(t, s.store(t, testSecret))

		assert.JSONEq(t, count(2), visitor.get(restarted+"/incr"))
	})
}

func TestTwoAppsShareTheSession(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		visitor := newBrowser(t)
		one, other := serve(t, s.store(t, testSecret)), serve(t, s.store(t, testSecret))

		assert.JSONEq(t, count(0), visitor.get(one+"/incr"))
		assert.JSONEq(t, count(1), visitor.get(other+"/incr"))
		assert.JSONEq(t, count(2), visitor.get(one+"/incr"))
	})
}

// proxy stands between the app and a server, and does to their connections what
// a network or a dying server does.
type proxy struct {
	addr string // host:port for the app

	mu     sync.Mutex
	lost   bool   // connections break at once
	silent bool   // connections stay, but nothing comes through
	word   []byte // connections break when the app sends this …
	times  int    // … for so many times
	conns  map[net.Conn]bool
}

const always = math.MaxInt

// newProxy starts a proxy in front of the server at this host:port. It ends
// with the test.
func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{addr: listener.Addr().String(), conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		listener.Close()
		p.cut()
	})
	go func() {
		for {
			app, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				app.Close()
				continue
			}
			p.mu.Lock()
			p.conns[app], p.conns[upstream] = true, true
			p.mu.Unlock()
			go p.copy(upstream, app, true)
			go p.copy(app, upstream, false)
		}
	}()
	return p
}

// copy passes on what it reads, as long as the connection is allowed to work.
func (p *proxy) copy(to, from net.Conn, fromApp bool) {
	defer to.Close()
	defer from.Close()
	chunk := make([]byte, 64*1024)
	for {
		n, err := from.Read(chunk)
		if err != nil {
			return
		}
		p.mu.Lock()
		lost, silent := p.lost, p.silent
		if fromApp && p.times > 0 && bytes.Contains(chunk[:n], p.word) {
			p.times--
			lost = true
		}
		p.mu.Unlock()
		if lost {
			return
		}
		if silent {
			continue
		}
		if _, err := to.Write(chunk[:n]); err != nil {
			return
		}
	}
}

// cut breaks every connection, and each new one as soon as it is used.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = true
	for conn := range p.conns {
		conn.Close()
	}
	clear(p.conns)
}

// cutOn breaks a connection when the app sends this word through it, for so many
// times.
func (p *proxy) cutOn(word string, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.word, p.times = []byte(word), times
}

// timesLeft returns how many more connections cutOn would break.
func (p *proxy) timesLeft() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times
}

// hang keeps all connections open, but lets nothing through.
func (p *proxy) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// restore lets everything through again.
func (p *proxy) restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost, p.silent, p.times = false, false, 0
}
