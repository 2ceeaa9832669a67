// Package redisserver starts a Redis inside a Go program, for learning and for
// tests: miniredis, which speaks the real protocol and keeps everything in memory.
package redisserver

import (
	"os"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// Start starts a server at addr, a host:port. Port 0 takes a free one, which the
// server's Addr tells. Close stops it. The error says why it cannot listen there.
func Start(addr string) (*miniredis.Miniredis, error) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true) // a session's TTL runs down by itself, as in Redis
	return server, server.StartAddr(addr)
}

// Run starts a server that ends with the test. Its clock can be moved, with
// FastForward, and it can be made to refuse every command, with SetError.
func Run(t testing.TB) *miniredis.Miniredis {
	t.Helper()
	server, err := Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// Addr returns the host:port of a Redis to test with: the one that REDIS_ADDR
// names or, without it, a server that ends with the test.
func Addr(t testing.TB) string {
	t.Helper()
	addr := os.Getenv("REDIS_ADDR")
	if addr == "" {
		return Run(t).Addr()
	}
	if testing.Verbose() {
		t.Log("testing with the Redis at REDIS_ADDR") // for .ci/run
	}
	return addr
}
