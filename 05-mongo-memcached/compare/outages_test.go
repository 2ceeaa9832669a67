package compare

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	mongooptions "go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"
)

// onServers is for what can happen to a store on a server only.
func onServers(see look) look {
	return func(t *testing.T, c contender) string {
		if c.addr == "" {
			return "–"
		}
		return see(t, c)
	}
}

// briefly is how long the driver looks for a lost MongoDB here. Its own 30 s would
// change nothing but the wait.
const briefly = 500 * time.Millisecond

func noServerAtStart(t *testing.T, c contender) (seen string) {
	c = c.at("127.0.0.1:1") // nobody listens there: it takes root to
	c.patience = briefly
	defer func() {
		if recover() != nil {
			seen = "panic"
		}
	}()
	if _, err := c.open(t, true); err != nil {
		return "error"
	}
	return "not noticed"
}

// behindAProxy runs the shop behind a proxy, with a visitor who has a session, and a
// store with that patience.
func behindAProxy(t *testing.T, c contender, patience time.Duration) (network *sessiontest.Proxy, app string, alice *sessiontest.Browser) {
	t.Helper()
	alice, _ = enter(t, shop(t, c.library(t)))
	network = sessiontest.NewProxy(t, c.addr)
	c.patience = patience
	return network, shop(t, c.at(network.Addr).library(t)), alice
}

// program is one of this tutorial's, which is built when the first test needs it.
type program struct {
	owner   testing.TB // it is there until this test ends
	folder  string
	mongoDB string // host:port of an embedded one, because its database has a fixed name
	once    sync.Once
	file    string
}

// behindAProxy runs the tutorial's program in a process of its own behind a proxy,
// with a visitor who has a session, and her last count. It gives its server a second
// at a time, so on a busy machine it may say 503 now and then.
func (p *program) behindAProxy(t *testing.T, c contender) (network *sessiontest.Proxy, app string, alice *sessiontest.Browser, count int) {
	t.Helper()
	p.once.Do(func() { p.file = sessiontest.Build(p.owner, p.folder) })
	if c.column == "MongoDB" {
		c.addr, c.uri = p.mongoDB, "mongodb://"+p.mongoDB
	}
	network = sessiontest.NewProxy(t, c.addr)
	there := c.at(network.Addr)
	env := []string{"GIN_MODE=debug", "SESSION_SECRET=" + string(sessiontest.Secret),
		"REDIS_ADDR=" + there.addr, "MEMCACHED_ADDR=" + there.addr, "MONGO_URI=" + there.uri}
	var args []string
	if c.column == "memcached" {
		args = []string{"-store", "memcached"}
	}
	app = sessiontest.StartFile(t, p.file, env, args...)
	alice = sessiontest.NewBrowser(t, "Alice")
	sessiontest.CountOnceBack(t, alice, app)
	return network, app, alice, sessiontest.CountOnceBack(t, alice, app)
}

// meaning says what an answer means that comes while the server is lost.
func meaning(got sessiontest.Answer) string {
	if got.Status == http.StatusOK && got.Body == "" {
		return "an empty session"
	}
	return strconv.Itoa(got.Status)
}

func libraryOnADeadServer(t *testing.T, c contender) string {
	network, app, alice := behindAProxy(t, c, briefly)
	network.Cut()
	defer network.Restore() // the driver says goodbye to its server
	seen := meaning(alice.Send(http.MethodGet, app+"/text"))
	if c.column != "MongoDB" {
		return seen
	}
	// The first request may find out at once. Then the driver looks for the server
	// before it gives up.
	config, err := topology.NewConfig(mongooptions.Client(), nil)
	require.NoError(t, err)
	for range 10 {
		start := time.Now()
		require.Equal(t, seen, meaning(alice.Send(http.MethodGet, app+"/text")))
		if time.Since(start) >= briefly {
			return fmt.Sprintf("%s, after up to %.0f s", seen, config.ServerSelectionTimeout.Seconds())
		}
	}
	return seen
}

func programOnADeadServer(t *testing.T, c contender) string {
	network, app, alice, _ := c.program.behindAProxy(t, c)
	network.Cut()
	return meaning(alice.Send(http.MethodGet, app+"/incr"))
}

// In a blip each read is cut, until the visitor has tried to save something more.
func libraryInABlip(t *testing.T, c contender) string {
	network, app, alice := behindAProxy(t, c, c.patience)
	network.CutOn(c.read, sessiontest.Always)
	got := alice.Send(http.MethodPost, app+"/more")
	network.Restore()
	require.Equal(t, http.StatusOK, got.Status, "wanted: a library that notices nothing")
	return known(alice, shop(t, c.library(t)), "nothing is lost", "the values are lost")
}

func programInABlip(t *testing.T, c contender) string {
	network, app, alice, count := c.program.behindAProxy(t, c)
	network.CutOn(c.read, sessiontest.Always)
	got := alice.Send(http.MethodGet, app+"/incr")
	network.Restore()
	if sessiontest.CountOnceBack(t, alice, app) <= count {
		return "the values are lost"
	}
	return fmt.Sprintf("%d, nothing is lost", got.Status)
}

// inSilence visits a page while the server says nothing.
func inSilence(network *sessiontest.Proxy, alice *sessiontest.Browser, page string, patience time.Duration) (seen string, took time.Duration) {
	network.Hang()
	start := time.Now()
	answered := make(chan sessiontest.Answer, 1)
	go func() { answered <- alice.Send(http.MethodGet, page) }()
	select {
	case got := <-answered:
		return meaning(got), time.Since(start)
	case <-time.After(patience):
		network.Cut() // or the test waits as well
		network.Restore()
		<-answered
		return "the visitor waits", patience
	}
}

func libraryOnASilentServer(t *testing.T, c contender) string {
	network, app, alice := behindAProxy(t, c, 0)
	patience := 2 * time.Second
	if c.column == "memcached" { // it has a limit, but a busy machine may be late
		patience = 30 * time.Second
	}
	seen, took := inSilence(network, alice, app+"/text", patience)
	if limit := memcache.DefaultTimeout; seen == "an empty session" && took >= limit {
		return fmt.Sprintf("%s, after %d ms", seen, limit.Milliseconds())
	}
	return seen
}

func programOnASilentServer(t *testing.T, c contender) string {
	network, app, alice, _ := c.program.behindAProxy(t, c)
	seen, _ := inSilence(network, alice, app+"/incr", 30*time.Second)
	return seen
}

// restartOfTheServer has servers of its own: nobody would like theirs to be stopped.
// An embedded Redis or memcached would prove nothing.
func restartOfTheServer(t *testing.T, c contender) string {
	redisThatSaves := func(yes string) server {
		return func(dir string) (addr string, stop func()) {
			addr = filepath.Join(dir, "socket")
			return addr, startProgram(t, c.at(addr), "redis-server", "--port", "0", "--unixsocket", addr,
				"--dir", dir, "--save", "", "--appendonly", yes)
		}
	}
	switch c.column {
	case "Redis":
		require.Equal(t, "starts over", overARestart(t, c, redisThatSaves("no")))
		return overARestart(t, c, redisThatSaves("yes")) + ", if Redis saves"
	case "memcached":
		return overARestart(t, c, func(dir string) (addr string, stop func()) {
			addr = filepath.Join(dir, "socket")
			return addr, startProgram(t, c.at(addr), "memcached", "-u", "root", "-s", addr) // -u is for root only
		})
	}
	return overARestart(t, c, func(dir string) (addr string, stop func()) {
		addr, stop, err := mongoserver.Start("127.0.0.1:0", dir)
		require.NoError(t, err)
		return addr, stop
	})
}

// server starts a server with its files in the folder dir, and says what stops it.
type server func(dir string) (addr string, stop func())

// overARestart starts a server twice, with a visitor who comes before and after.
func overARestart(t *testing.T, c contender, start server) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gin") // t.TempDir is too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	addr, stop := start(dir)
	alice, _ := enter(t, shop(t, c.at(addr).library(t)))
	stop()
	addr, stop = start(dir)
	t.Cleanup(stop) // when the store has hung up: FerretDB waits for that
	return known(alice, shop(t, c.at(addr).library(t)), "goes on", "starts over")
}

// startProgram starts a server, and waits until it answers at its socket: it may have
// to load first what it saved. stop ends it, as a shutdown of the computer does.
func startProgram(t *testing.T, c contender, name string, args ...string) (stop func()) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("not installed here, so not stopped and started: %v", err)
	}
	server := exec.Command(path, args...)
	require.NoError(t, server.Start())
	require.Eventually(t, func() bool {
		_, err := c.open(t, false)
		if c.column == "memcached" {
			err = c.memcache().Ping()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond, "%s does not start", name)
	return func() {
		assert.NoError(t, server.Process.Signal(syscall.SIGTERM))
		_ = server.Wait()     // memcached calls this a failure
		_ = os.Remove(c.addr) // Redis has done it
	}
}
