package main

import (
	"net/http"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/benbjohnson/clock"
	"github.com/daangn/minimemcached"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

// The servers of these tests are in servers_test.go.

func TestTheSessionIsInTheServerUntilLogout(t *testing.T) {
	onEachServer(t, func(t *testing.T, s server) {
		app, alice, id := s.visited(t)
		assert.Len(t, id, 52, "wanted: 32 random bytes in base32")
		data, err := s.read(id)
		require.NoError(t, err)
		assert.Contains(t, sessiontest.Decode(t, data), "count", "wanted: the values, signed like a cookie, and readable like one")

		alice.Send(http.MethodPost, app+"/logout")

		data, err = s.read(id)
		require.NoError(t, err)
		assert.Empty(t, data, "wanted: no session\nlikely cause: MaxAge is not negative: Clear and Save alone keep it, empty")
	})
}

func TestUnreadableDataIsA503AndStays(t *testing.T) {
	onEachServer(t, func(t *testing.T, s server) {
		app, alice, id := s.visited(t)
		require.NoError(t, s.write(id, "damaged"))

		got := alice.Send(http.MethodGet, app+"/incr")

		assert.Equal(t, http.StatusServiceUnavailable, got.Status,
			"wanted: nobody is told that there is no session\nlikely cause: the error of loading it is lost")
		data, err := s.read(id)
		require.NoError(t, err)
		assert.Equal(t, "damaged", data, "wanted: nothing overwritten, because another release may be able to read it")
	})
}

func TestAMemcachedSessionUnusedForADayStartsAnew(t *testing.T) {
	now := clock.NewMock() // a real one's clock cannot be moved
	s := onMemcached(memcachedserver.Run(t, minimemcached.WithClock(now)))
	app, alice, _ := s.visited(t)

	now.Add(23 * time.Hour)
	assert.JSONEq(t, `{"count":1}`, alice.Get(app+"/incr"), "wanted: a session of a day")
	now.Add(23 * time.Hour)
	assert.JSONEq(t, `{"count":2}`, alice.Get(app+"/incr"), "wanted: a new day with every Save")
	now.Add(25 * time.Hour)
	assert.JSONEq(t, `{"count":0}`, alice.Get(app+"/incr"), "wanted: a new session, because the item has expired")
}

// MongoDB deletes old sessions by an index: see ttl_test.go. Where a server has no
// such index, the signature is too old.
func TestAMongoCookieEndsAfterADayInTheServerToo(t *testing.T) {
	app, alice, _ := onMongo(t, mongoserver.URI(t)).visited(t)
	fresh := alice.CookieValue(app)

	alice.SetCookie(app, sessiontest.Aged(t, fresh, 23*time.Hour))
	assert.JSONEq(t, `{"count":1}`, alice.Get(app+"/incr"), "wanted: a session of a day\nlikely cause: the maxAge of NewStore is too short")

	alice.SetCookie(app, sessiontest.Aged(t, fresh, 25*time.Hour))
	assert.JSONEq(t, `{"count":0}`, alice.Get(app+"/incr"), "wanted: no session after a day\nlikely cause: the maxAge of NewStore is too long")
}

// The tests that every program of the tutorial has to pass: see
// ../01-install/sessiontest.

func TestContract(t *testing.T) {
	onEachServer(t, func(t *testing.T, s server) { sessiontest.TestContract(t, s.app) })
}

func TestOutages(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		sessiontest.TestOutages(t, s.app, s.hasty)
	})
}

func TestSilence(t *testing.T) {
	t.Parallel()
	// The promise is about 2 s: a request makes two calls at most before it gives
	// up. That is kept by what is set, which a busy machine does not change.
	require.LessOrEqual(t, 2*storeTimeout, 2*time.Second)
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		sessiontest.TestSilence(t, s.app, s.hasty)
	})
}

func TestProgram(t *testing.T) { // in embedded servers, because its database has a fixed name
	t.Run("mongo", func(t *testing.T) {
		sessiontest.TestProgram(t, sessionSecret, "/incr", []string{"MONGO_URI=mongodb://" + mongoserver.Run(t)})
	})
	t.Run("memcached", func(t *testing.T) {
		sessiontest.TestProgram(t, sessionSecret, "/incr", []string{"MEMCACHED_ADDR=" + memcachedserver.Run(t)}, "-store", "memcached")
	})
}

// Run one with: go test -fuzz Mongo -fuzztime 30s ./05-mongo-memcached
func FuzzNoOtherCookieIsTrustedWithMongo(f *testing.F) {
	sessiontest.FuzzCookie(f, onMongo(f, mongoserver.URI(f)).app)
}

func FuzzNoOtherCookieIsTrustedWithMemcached(f *testing.F) {
	sessiontest.FuzzCookie(f, onMemcached(memcachedserver.Addr(f)).app)
}
