package main

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/alicebob/miniredis/v2/server"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A visitor whose session is on a node of the cluster.
type member struct {
	*sessiontest.Browser
	key string // in Redis
}

func TestAClusterSpreadsTheSessionsAndSurvivesItsChanges(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t)
	var addrs []string
	for _, n := range nodes {
		addrs = append(addrs, n.addr)
	}
	store, err := newStore(strings.Join(addrs, ","), time.Minute, sessiontest.Secret)
	require.NoError(t, err)
	app := sessiontest.Serve(t, newRouter(store))

	// 60 visitors: their IDs decide on which node each session is.
	var members []member
	for range 60 {
		visitor := sessiontest.NewBrowser(t, "one of sixty")
		require.Equal(t, 0, sessiontest.CountOnceBack(t, visitor, app))
		members = append(members, member{visitor, "session_" + sessiontest.ID(t, store, visitor.CookieValue(app))})
	}
	on := make([][]member, len(nodes))
	for i, n := range nodes {
		for _, m := range members {
			if n.has(t, m.key) {
				on[i] = append(on[i], m)
			}
		}
		assert.NotEmpty(t, on[i], "node %d has no session", i)
	}
	assert.Len(t, members, len(on[0])+len(on[1])+len(on[2]), "each session is on one node")
	last := map[*sessiontest.Browser]int{}
	goOn := func(some []member, when string) {
		for _, m := range some {
			count := sessiontest.CountOnceBack(t, m.Browser, app)
			require.Greater(t, count, last[m.Browser], "%s: the session started over", when)
			last[m.Browser] = count
		}
	}
	goOn(members, "before anything happened")
	for _, n := range nodes {
		stats := fmt.Sprintf("%s", n.do(t, "INFO", "stats"))
		var connections int
		_, after, _ := strings.Cut(stats, "total_connections_received:")
		_, err := fmt.Sscan(after, &connections)
		require.NoError(t, err)
		assert.Less(t, connections, 60, "each node's connections should be kept for the next visitor")
	}

	// A slot moves from one node to another, with the sessions in it. Half way
	// the old node answers ASK, in the end MOVED.
	moved, from, to := on[0][0], nodes[0], nodes[1]
	slot := from.int(t, "CLUSTER", "KEYSLOT", moved.key)
	to.do(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.id)
	from.do(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.id)
	host, port, err := net.SplitHostPort(to.addr)
	require.NoError(t, err)
	for _, key := range from.do(t, "CLUSTER", "GETKEYSINSLOT", slot, len(members)).([]any) {
		from.do(t, "MIGRATE", host, port, key, 0, 60_000)
	}
	goOn(members, "while a slot moves")
	for _, n := range nodes {
		n.do(t, "CLUSTER", "SETSLOT", slot, "NODE", to.id)
	}
	goOn(members, "after a slot has moved")
	assert.True(t, to.has(t, moved.key))

	// A node dies. Its visitors wait for it, the others do not notice.
	nodes[2].stop()
	for _, m := range on[2] {
		got := m.Send(http.MethodGet, app+"/incr")
		assert.Equal(t, http.StatusServiceUnavailable, got.Status)
		assert.JSONEq(t, `{"error":"session store unavailable"}`, got.Body)
	}
	goOn(on[0], "after another node has died")
	goOn(on[1], "after another node has died")
	_, err = newStore(strings.Join([]string{nodes[2].addr, nodes[0].addr, nodes[1].addr}, ","), time.Minute, sessiontest.Secret)
	assert.NoError(t, err, "wanted: a start without the first node\nlikely cause: only its address is used")
}

func TestServersThatAreNoClusterAreRefused(t *testing.T) {
	t.Parallel()
	var addrs []string
	for range 2 {
		single := redisserver.Run(t)
		single.Server().SetPreHook(func(app *server.Peer, command string, _ ...string) bool {
			if command != "CLUSTER" {
				return false
			}
			app.WriteError("ERR This instance has cluster support disabled")
			return true
		})
		addrs = append(addrs, single.Addr())
	}

	_, err := newStore(strings.Join(addrs, ","), time.Minute, sessiontest.Secret)

	assert.ErrorContains(t, err, "cluster support disabled",
		"wanted: an error\nlikely cause: nobody asks who has which keys, and each session is on any of the servers")
}

// node is a redis-server of a cluster.
type node struct {
	addr, id string
	conn     redigo.Conn
	stop     func()
}

// startCluster starts three nodes with a third of the slots each, until the test
// ends. It skips the test where there is no redis-server.
func startCluster(t *testing.T) []*node {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("a cluster needs real servers: install redis-server to run this test")
	}
	nodes := []*node{startNode(t), startNode(t), startNode(t)}
	for i, n := range nodes {
		n.do(t, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		n.do(t, "CLUSTER", "ADDSLOTSRANGE", i*16384/3, (i+1)*16384/3-1)
		if i > 0 {
			host, port, err := net.SplitHostPort(nodes[0].addr)
			require.NoError(t, err)
			n.do(t, "CLUSTER", "MEET", host, port, nodes[0].busPort(t))
		}
	}
	for _, n := range nodes {
		require.Eventually(t, func() bool {
			slots, err := redigo.Values(n.conn.Do("CLUSTER", "SLOTS"))
			info, err2 := redigo.String(n.conn.Do("CLUSTER", "INFO"))
			return err == nil && err2 == nil && len(slots) == 3 && strings.Contains(info, "cluster_state:ok")
		}, time.Minute, 50*time.Millisecond, "the nodes do not find each other")
	}
	return nodes
}

// startNode starts a redis-server which is a cluster of its own, so far.
func startNode(t *testing.T) *node {
	t.Helper()
	for range 20 {
		addr := sessiontest.FreeAddr()
		_, port, _ := net.SplitHostPort(addr)
		_, bus, _ := net.SplitHostPort(sessiontest.FreeAddr())
		command := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir(),
			"--save", "", "--appendonly", "no", "--cluster-enabled", "yes", "--cluster-port", bus,
			"--cluster-announce-ip", "127.0.0.1", "--cluster-require-full-coverage", "no",
			"--cluster-node-timeout", "60000") // ms; nobody is dead because the machine is busy
		require.NoError(t, command.Start())
		exited := make(chan error, 1)
		go func() { exited <- command.Wait() }()
		n := &node{addr: addr}
		n.stop = func() {
			command.Process.Kill()
			exited <- <-exited // it has, and may be asked again
		}
		t.Cleanup(n.stop)
		for start := time.Now(); time.Since(start) < time.Minute && len(exited) == 0; {
			conn, err := redigo.Dial("tcp", n.addr)
			if err != nil {
				continue
			}
			if n.id, err = redigo.String(conn.Do("CLUSTER", "MYID")); err == nil {
				n.conn = conn
				t.Cleanup(func() { conn.Close() })
				return n
			}
			conn.Close()
		}
	}
	require.FailNow(t, "redis-server does not start")
	return nil
}

// do sends a command to this node, past the app.
func (n *node) do(t *testing.T, name string, args ...any) any {
	t.Helper()
	reply, err := n.conn.Do(name, args...)
	require.NoError(t, err, "%s %v", name, args)
	return reply
}

func (n *node) int(t *testing.T, name string, args ...any) int {
	t.Helper()
	number, err := redigo.Int(n.do(t, name, args...), nil)
	require.NoError(t, err)
	return number
}

// has says whether the key is on this node.
func (n *node) has(t *testing.T, key string) bool {
	t.Helper()
	for _, here := range n.do(t, "KEYS", "session_*").([]any) {
		if fmt.Sprintf("%s", here) == key {
			return true
		}
	}
	return false
}

// busPort returns the port on which the nodes talk to each other.
func (n *node) busPort(t *testing.T) string {
	t.Helper()
	setting := n.do(t, "CONFIG", "GET", "cluster-port").([]any)
	return fmt.Sprintf("%s", setting[1])
}
