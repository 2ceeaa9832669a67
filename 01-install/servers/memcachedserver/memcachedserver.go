// Package memcachedserver starts a memcached inside a Go program, for learning and
// for tests: minimemcached, which speaks the real protocol.
package memcachedserver

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/daangn/minimemcached"
)

// Start starts a server at addr, a host:port of this machine, and returns its
// address, which differs when addr asks for port 0. It ends with this process:
// minimemcached would log that it was closed. Of the options,
// minimemcached.WithClock gives it a clock to be moved.
func Start(addr string, options ...minimemcached.Option) (listening string, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if host != "localhost" && host != "127.0.0.1" {
		return "", errors.New("it can listen on localhost only")
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", err
	}
	server, err := minimemcached.Run(&minimemcached.Config{Port: uint16(number)}, options...)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(int(server.Port()))), nil
}

// Run starts a server for a test, and returns its host:port.
func Run(t testing.TB, options ...minimemcached.Option) (addr string) {
	t.Helper()
	addr, err := Start("127.0.0.1:0", options...)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// Addr returns the host:port of a memcached to test with: the first one that
// MEMCACHED_ADDR names or, without it, a server for this test.
func Addr(t testing.TB) string {
	t.Helper()
	addrs := os.Getenv("MEMCACHED_ADDR")
	if addrs == "" {
		return Run(t)
	}
	if testing.Verbose() {
		t.Log("testing with the memcached at MEMCACHED_ADDR") // for .ci/run
	}
	addr, _, _ := strings.Cut(addrs, ",")
	return addr
}
