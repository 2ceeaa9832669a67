package main

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheConnectionsAreBoundedAndARequestWaitsForOne(t *testing.T) {
	pool, err := nodePool(redisserver.Run(t).Addr())
	require.NoError(t, err)
	defer pool.Close()
	var conns []redigo.Conn
	for range 200 {
		conn := pool.Get()
		require.NoError(t, conn.Err())
		conns = append(conns, conn)
	}

	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err = pool.GetContext(gone)
	assert.ErrorIs(t, err, context.Canceled, "wanted: 200 at most, and one more waits\nlikely cause: no MaxActive, and more connections than Redis may be able to bear")

	waiting := make(chan redigo.Conn)
	go func() { waiting <- pool.Get() }()
	require.NoError(t, conns[0].Close()) // now there is one to have
	one := <-waiting
	assert.NoError(t, one.Err(), "wanted: a request waits for a connection\nlikely cause: no Wait, and Redis is idle while visitors get a 503")

	for _, conn := range append(conns[1:], one) {
		conn.Close()
	}
	assert.Equal(t, 50, pool.IdleCount(), "wanted: fifty kept for the next requests\nlikely cause: no MaxIdle, and each request makes a new connection")
	assert.Equal(t, 10*time.Minute, pool.MaxConnLifetime, "wanted: connections that follow a failover, in the end")
}

// allAtOnce lets so many new visitors come at once, and returns how many got which
// status.
func allAtOnce(t *testing.T, visitors int, url string) map[int]int {
	t.Helper()
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range visitors {
		visitor := sessiontest.NewBrowser(t, "one of many")
		all.Go(func() {
			got := visitor.Send(http.MethodGet, url)
			mu.Lock()
			defer mu.Unlock()
			statuses[got.Status]++
		})
	}
	all.Wait()
	return statuses
}

func TestThreeHundredVisitorsAtOnceAreServed(t *testing.T) {
	t.Parallel()
	app := program(redisserver.Addr(t)).Serve(t)

	assert.Equal(t, map[int]int{http.StatusOK: 300}, allAtOnce(t, 300, app+"/incr"),
		"wanted: nobody is refused while Redis is well\nlikely cause: no Wait, and who finds no free connection gets a 503")
}

func TestASilentRedisAnswersThreeHundredVisitorsInTime(t *testing.T) {
	t.Parallel()
	network := sessiontest.NewProxy(t, redisserver.Addr(t))
	app := sessiontest.Serve(t, newRouter(storeOn(t, network.Addr, timeout/2)))
	t.Cleanup(network.Cut) // or the app's end would wait for what hangs

	network.Hang()
	start := time.Now()
	assert.Equal(t, map[int]int{http.StatusServiceUnavailable: 300}, allAtOnce(t, 300, app+"/incr"))
	// 200 give up after the timeout, and the others after theirs. The rest is for busy
	// machines.
	assert.Less(t, time.Since(start), 30*time.Second, "wanted: an answer for everybody in time\nlikely cause: fewer connections, or a longer timeout")
}

func TestAConnectionThatHasRestedIsChecked(t *testing.T) {
	server := redisserver.Run(t)
	pool, err := nodePool(server.Addr())
	require.NoError(t, err)
	conn, err := pool.Dial()
	require.NoError(t, err)
	defer conn.Close()
	twoMinutesAgo := time.Now().Add(-2 * time.Minute)

	assert.NoError(t, pool.TestOnBorrow(conn, time.Now()))
	assert.NoError(t, pool.TestOnBorrow(conn, twoMinutesAgo))
	server.Close()
	assert.NoError(t, pool.TestOnBorrow(conn, time.Now()), "wanted: no PING within the minute")
	assert.Error(t, pool.TestOnBorrow(conn, twoMinutesAgo), "wanted: an error\nlikely cause: no PING, and a broken connection is handed out")
}
