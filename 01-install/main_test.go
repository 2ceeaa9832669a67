package main

import (
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	gorilla "github.com/gorilla/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	sessiontest.Main(m, func() {
		if os.Getenv("NO_SECRET") != "" {
			secret = nil // no session works with this
		}
		main()
	})
}

// Nobody listens on these ports: it takes root to.
const (
	noRedis     = "127.0.0.1:1"
	noMemcached = "127.0.0.1:2,127.0.0.1:3"
	noMongo     = "127.0.0.1:4,127.0.0.1:5"
)

// run runs the check-up where no server is, except for what env ("NAME=value") says.
func run(t *testing.T, env ...string) (status int, output string) {
	t.Helper()
	nowhere := []string{"REDIS_ADDR=" + noRedis, "REDIS_USERNAME=", "REDIS_PASSWORD=",
		"MEMCACHED_ADDR=" + noMemcached, "MONGO_URI=mongodb://gopher:burrow@" + noMongo}
	return sessiontest.Run(t, append(nowhere, env...))
}

// find runs the check-up until it has found these servers: on a busy machine they
// may need longer than the second that it waits.
func find(t *testing.T, servers []string, env ...string) (output string) {
	t.Helper()
	missing := regexp.MustCompile("(?m)^(" + strings.Join(servers, "|") + ") +not running")
	for range 10 {
		if _, output = run(t, env...); !missing.MatchString(output) {
			break
		}
	}
	return output
}

func TestAVisitorIsCounted(t *testing.T) {
	app := sessiontest.Serve(t, newRouter(cookie.NewStore(secret)))
	alice := sessiontest.NewBrowser(t, "Alice")

	assert.Equal(t, "1", alice.Get(app+"/visits"))
	assert.NotNil(t, alice.Cookie(app), "wanted: a cookie\nlikely cause: nothing was saved, or only after the body")
	assert.Equal(t, "2", alice.Get(app+"/visits"), "wanted: one more than before\nlikely cause: the number was not set, or not saved")
}

func TestAVisitThatIsNotSavedIsA500(t *testing.T) {
	app := sessiontest.Serve(t, newRouter(sessiontest.CannotSave(cookie.NewStore(secret))))

	lost := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, app+"/visits")

	assert.Equal(t, http.StatusInternalServerError, lost.Status, "wanted: an error\nlikely cause: nobody looked at Save's")
	assert.Empty(t, lost.Body, "wanted: no number\nlikely cause: the handler goes on after the error")
}

// forgetfulStore saves, but never finds a session again.
type forgetfulStore struct{ sessions.Store }

func (s forgetfulStore) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.NewSession(s, name), nil
}

func TestTheRoundTripFailsWhenASessionDoesNotWork(t *testing.T) {
	working := cookie.NewStore(secret)
	assert.NoError(t, roundTrip(newRouter(working)))

	assert.EqualError(t, roundTrip(newRouter(sessiontest.CannotSave(working))), `visit 1 was answered with status 500 and ""`)
	assert.EqualError(t, roundTrip(newRouter(forgetfulStore{working})), `visit 2 was answered with status 200 and "1"`)

	failing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "1", http.StatusTeapot) })
	assert.EqualError(t, roundTrip(failing), `visit 1 was answered with status 418 and "1\n"`)
}

func TestAModuleThatIsNotInTheProgramHasNoVersion(t *testing.T) {
	assert.Equal(t, "unknown version", version("example.com/no/such/module"))
}

func TestOnlyASessionThatDoesNotWorkFailsTheCheckUp(t *testing.T) {
	t.Parallel()
	status, output := run(t, "NO_SECRET=1")
	assert.Equal(t, 1, status, "wanted: exit status 1, for scripts")
	assert.Contains(t, output, "session    broken       visit 1 was answered with status 500 and \"\"\n")
	assert.Contains(t, output, "session not saved: securecookie: hash key is not set\n", "wanted: the cause in the log")
	assert.Contains(t, output, "mongo      not running", "wanted: the whole list all the same")
	assert.NotContains(t, output, "two visits")
}

func TestTheCheckUpNamesEachMissingServerItsCommandAndItsChapter(t *testing.T) {
	t.Parallel()
	status, output := run(t)

	assert.Equal(t, 0, status, "wanted: no failure for a missing server, because chapters 02 and 04 need none")
	assert.Contains(t, output, "Go         ok           "+runtime.Version()+"\n")
	assert.Regexp(t, `(?m)^gin +ok +v1\.\d+\.\d+$`, output)
	assert.Regexp(t, `(?m)^sessions +ok +v1\.\d+\.\d+$`, output)
	assert.Contains(t, output, "session    ok           two visits with one cookie: 1, 2\n")
	assert.Contains(t, output, "redis      not running  "+noRedis+", for chapter 03\n")
	assert.Contains(t, output, "memcached  not running  "+noMemcached+", for chapter 05\n")
	assert.Contains(t, output, "mongo      not running  "+noMongo+", for chapter 05\n", "wanted: the host without the password in the URI")
	assert.Contains(t, output, "With Docker, this starts them:  docker compose up -d\n")
	assert.Contains(t, output, "Without it, stand-ins:          go run ./01-install/servers\n")
	assert.NotContains(t, output, "[GIN", "wanted: the list alone\nlikely cause: main does not set release mode")
}

func TestTheCheckUpLooksWhereTheServersAreUsually(t *testing.T) {
	t.Parallel()
	_, output := run(t, "REDIS_ADDR=", "MEMCACHED_ADDR=", "MONGO_URI=")
	for _, usual := range []string{"redis .* localhost:6379", "memcached .* localhost:11211", "mongo .* localhost:27017"} {
		assert.Regexp(t, "(?m)^"+usual+`\b`, output)
	}
}

// ../servers has a test in which the check-up finds all three.
func TestTheCheckUpFindsAServerThatRuns(t *testing.T) {
	t.Parallel()
	redis, memcached := redisserver.Run(t), memcachedserver.Run(t)
	redis.RequireUserAuth("gopher", "burrow")

	output := find(t, []string{"redis", "memcached"},
		"REDIS_ADDR="+redis.Addr(), "REDIS_USERNAME=gopher", "REDIS_PASSWORD=burrow", "MEMCACHED_ADDR="+memcached)

	assert.Contains(t, output, "redis      ok           "+redis.Addr()+"\n")
	assert.Contains(t, output, "memcached  ok           "+memcached+"\n")
	assert.Contains(t, output, "With Docker", "wanted: the ways to the server that is missing")
}

func TestTheCheckUpTellsARefusalFromAMissingServer(t *testing.T) {
	t.Parallel()
	redis := redisserver.Run(t)
	redis.RequireAuth("burrow")
	output := find(t, []string{"redis"},
		"REDIS_ADDR="+redis.Addr(), "REDIS_PASSWORD=wrong", "MEMCACHED_ADDR=localhost", "MONGO_URI=localhost:27017")
	assert.Regexp(t, `(?m)^redis +not usable  .*, for chapter 03: WRONGPASS`, output)
	assert.Regexp(t, `(?m)^memcached +not usable +localhost, for chapter 05: .*missing port`, output)
	assert.Regexp(t, `(?m)^mongo +not usable  .*, for chapter 05: .*scheme must be`, output)
}

func TestTheCheckUpPrintsNoPassword(t *testing.T) {
	t.Parallel()
	_, output := run(t, "REDIS_ADDR=redis://:burrow@"+noRedis)
	assert.Contains(t, output, "redis      not running  "+noRedis)
	assert.NotContains(t, output, "burrow")
}

func TestTheCheckUpDoesNotWaitForASilentServer(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connects, but nobody answers
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })
	addr := silent.Addr().String()
	for name, test := range map[string]struct{ server, silent, password string }{
		"redis":                        {"redis", "REDIS_ADDR=" + addr, ""},
		"memcached":                    {"memcached", "MEMCACHED_ADDR=" + addr, ""},
		"mongo":                        {"mongo", "MONGO_URI=mongodb://" + addr, ""},
		"redis, sent a password first": {"redis", "REDIS_ADDR=" + addr, "burrow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, output := run(t, "MONGO_URI=nowhere", "REDIS_PASSWORD="+test.password, test.silent) // a URI like that needs no second
			assert.Regexp(t, "(?m)^"+test.server+" +not running", output)
			assert.Less(t, time.Since(start), 20*time.Second, "wanted: a second\nlikely cause: the time-out does not reach a driver, which would wait for 30 s")
		})
	}
}
