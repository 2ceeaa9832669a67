package sessiontest

import (
	"bytes"
	"math"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy stands between an app and its server, and does to their connections what a
// network or a dying server does.
type Proxy struct {
	Addr string // host:port for the app

	mu     sync.Mutex
	lost   bool   // connections break at once
	silent bool   // connections stay, but nothing comes through
	word   []byte // a request with this word breaks its connection, …
	times  int    // … for so many times, …
	midway bool   // … or the answer to it does, in the middle
	conns  map[net.Conn]bool
}

// Always is more often than any test asks.
const Always = math.MaxInt

// NewProxy starts a proxy in front of the server at this host:port. It ends with
// the test.
func NewProxy(t testing.TB, server string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{Addr: listener.Addr().String(), conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		listener.Close()
		p.Cut()
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
			cutAnswer := make(chan bool, 1) // the next answer breaks off
			go p.copy(upstream, app, func(chunk []byte) []byte { return p.request(chunk, cutAnswer) })
			go p.copy(app, upstream, func(chunk []byte) []byte { return p.answer(chunk, cutAnswer) })
		}
	}()
	return p
}

// copy passes on what it reads, or the part of it that may pass. It closes the
// connection after a chunk that may not pass as a whole.
func (p *Proxy) copy(to, from net.Conn, passing func(chunk []byte) []byte) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64*1024)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		silent := p.silent && !p.lost
		p.mu.Unlock()
		if silent {
			continue
		}
		part := passing(buffer[:n])
		if _, err := to.Write(part); err != nil || len(part) < n {
			return
		}
	}
}

// request returns the part of a request that comes through.
func (p *Proxy) request(chunk []byte, cutAnswer chan<- bool) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.times > 0 && bytes.Contains(chunk, p.word) {
		p.times--
		if !p.midway {
			return nil
		}
		select {
		case cutAnswer <- true:
		default: // it will break off anyway
		}
	}
	if p.lost {
		return nil
	}
	return chunk
}

// answer returns the part of an answer that comes through.
func (p *Proxy) answer(chunk []byte, cutAnswer <-chan bool) []byte {
	select {
	case <-cutAnswer:
		return chunk[:len(chunk)/2]
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost {
		return nil
	}
	return chunk
}

// Cut breaks every connection, and each new one as soon as it is used.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = true
	for conn := range p.conns {
		conn.Close()
	}
	clear(p.conns)
}

// CutOn breaks a connection when the app sends this word through it, for so many
// times. The server gets nothing of that request.
func (p *Proxy) CutOn(word string, times int) { p.set(word, times, false) }

// CutAnswers does the same to the answer: the server gets the request, and the app
// the first half of what the server says.
func (p *Proxy) CutAnswers(word string, times int) { p.set(word, times, true) }

func (p *Proxy) set(word string, times int, midway bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.word, p.times, p.midway = []byte(word), times, midway
}

// TimesLeft returns how many more connections CutOn or CutAnswers would break.
func (p *Proxy) TimesLeft() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times
}

// Hang keeps all connections open, but lets nothing through.
func (p *Proxy) Hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
}

// Restore lets everything through again.
func (p *Proxy) Restore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost, p.silent, p.times = false, false, 0
}
