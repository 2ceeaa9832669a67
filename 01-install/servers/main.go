// Servers for the chapters, for people without Docker: Redis, memcached and
// MongoDB stand-ins that run inside this program and speak the real protocols.
//
//	go run ./01-install/servers
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/servers/redisserver"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run starts the servers and waits for Ctrl-C. When one cannot start, the others
// end with this process: nothing is left behind.
func run() (err error) {
	redis := address("redis", "localhost:6379")
	memcached := address("memcached", "localhost:11211")
	mongo := address("mongo", "localhost:27017")
	flag.Parse()

	dir, err := os.MkdirTemp("", "gin-sessions-mongo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	servers := []struct {
		name    string
		addr    string
		start   func(addr string) (string, error)
		chapter string // who uses it
		command string // how that chapter is run
		setting string // how it is told of another address
	}{
		{"redis", *redis, startRedis,
			"03", "go run ./03-redis-store", "REDIS_ADDR="},
		{"memcached", *memcached, startMemcached,
			"05", "go run ./05-mongo-memcached -store memcached", "MEMCACHED_ADDR="},
		{"mongo", *mongo, startMongoIn(dir),
			"05", "go run ./05-mongo-memcached", "MONGO_URI=mongodb://"},
	}
	log.SetOutput(io.Discard) // what the servers log; our own words are printed

	var started strings.Builder
	for _, s := range servers {
		if s.addr == "" {
			continue
		}
		addr, err := startOnFreePort(s.addr, s.start)
		if err != nil {
			return fmt.Errorf("cannot start %s: %w\n-%[1]s host:port takes another address, -%[1]s \"\" leaves it out", s.name, err)
		}
		addr = announced(s.addr, addr)
		command := s.command
		if addr != flag.Lookup(s.name).DefValue { // where the chapter looks by itself
			command = s.setting + addr + " " + command
		}
		fmt.Fprintf(&started, "%-10s %-16s chapter %s: %s\n", s.name, addr, s.chapter, command)
	}
	if started.Len() == 0 {
		return errors.New("nothing to start: every server was left out")
	}
	fmt.Print(started.String())
	fmt.Println("For learning only: they keep nothing when Ctrl-C stops them.")

	stopped, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	<-stopped.Done()
	fmt.Println("\nStopped. The sessions are gone.")
	return nil
}

// address makes the flag that moves a server or, when it is empty, leaves it out.
func address(name, standard string) *string {
	return flag.String(name, standard, "`host:port` for "+name+"; empty leaves it out")
}

// announced returns the address to print: the one that was asked for, unless it
// leaves the host or the port open.
func announced(asked, listening string) string {
	if host, port, err := net.SplitHostPort(asked); err != nil || host == "" || port == "0" {
		return listening
	}
	return asked
}

// startOnFreePort tries the port first, so that a taken one is reported in the
// same words for every server.
func startOnFreePort(addr string, start func(string) (string, error)) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	if err := l.Close(); err != nil {
		return "", err
	}
	return start(addr)
}

// The start functions return the address that a server listens on, which differs
// from addr when that asks for port 0.

func startRedis(addr string) (string, error) {
	server, err := redisserver.Start(addr)
	if err != nil {
		return "", err
	}
	return server.Addr(), nil
}

func startMemcached(addr string) (string, error) { return memcachedserver.Start(addr) }

func startMongoIn(dir string) func(addr string) (string, error) {
	return func(addr string) (string, error) {
		listening, _, err := mongoserver.Start(addr, dir) // it stops when this process does
		return listening, err
	}
}
