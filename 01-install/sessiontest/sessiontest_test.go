package sessiontest_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	gorilla "github.com/gorilla/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The kit tests an app that is right, and is green. Then it tests the app with one
// thing broken, in a process of its own, and has to be red for that reason.

func TestMain(m *testing.M) { sessiontest.Main(m, program) }

// broken says whether this is what is wrong with the app in this process.
func broken(what string) bool { return os.Getenv("BROKEN") == what }

// program is the main of the app.
func program() {
	secret, err := sessionSecret()
	if err != nil {
		if broken("exit status") {
			os.Exit(0)
		}
		log.Fatal(err)
	}
	if broken("signs with another key") {
		secret = []byte("a key from the source code, of 32 bytes")
	}
	addr := os.Getenv("REDIS_ADDR")
	store, err := newStore(addr, secret)
	if err != nil && !broken("panics without a server") {
		log.Fatalf("no Redis at %s: %v; docker compose up -d redis, go run ./01-install/servers, REDIS_ADDR=…", addr, err)
	}
	err = newRouter(store).Run(os.Getenv("ADDR"))
	if broken("silent about the port") {
		os.Exit(1)
	}
	log.Fatalf("cannot serve: %v; ADDR= moves it", err)
}

func sessionSecret() ([]byte, error) {
	secret := os.Getenv("SESSION_SECRET")
	if secret == "" && (gin.Mode() != gin.ReleaseMode || broken("development key in release mode")) {
		if !broken("no warning") {
			log.Print("warning: SESSION_SECRET is not set")
		}
		return []byte("development only: everybody knows"), nil
	}
	if secret == "development only: everybody knows" && !broken("development key as a secret") {
		return nil, errors.New("SESSION_SECRET needs 32 bytes of your own")
	}
	if len(secret) < 31 || len(secret) == 31 && !broken("31 bytes") {
		return nil, errors.New("SESSION_SECRET needs 32 bytes")
	}
	return []byte(secret), nil
}

func newStore(addr string, secret []byte) (sessions.Store, error) {
	if broken("values beside the ID") {
		return withID{cookie.NewStore(secret)}, nil
	}
	timeout := time.Second
	return redis.NewStoreWithPool(&redigo.Pool{MaxIdle: 10, Dial: func() (redigo.Conn, error) {
		return redigo.Dial("tcp", addr, redigo.DialConnectTimeout(timeout), redigo.DialReadTimeout(timeout))
	}}, secret)
}

// withID says that its sessions have an ID, and keeps the values in the cookie.
type withID struct{ sessions.Store }

func (s withID) Get(r *http.Request, name string) (*gorilla.Session, error) {
	session, err := s.Store.Get(r, name)
	session.ID = "ID"
	return session, err
}

func options() sessions.Options {
	options := sessiontest.Options()
	options.Secure = gin.Mode() == gin.ReleaseMode && !broken("never Secure") || broken("always Secure")
	options.HttpOnly = !broken("no HttpOnly")
	if broken("no SameSite") {
		options.SameSite = 0
	}
	if broken("no Path") {
		options.Path = ""
	}
	if broken("an hour") {
		options.MaxAge = 60 * 60
	}
	if broken("a Domain") {
		options.Domain = "127.0.0.1"
	}
	return options
}

func newRouter(store sessions.Store) *gin.Engine {
	store.Options(options())
	r := gin.Default()
	if broken("no recovery") {
		r = gin.New()
	}
	if !broken("trusted proxies") {
		_ = r.SetTrustedProxies(nil)
	}
	if !broken("open to caches") {
		r.Use(func(c *gin.Context) { c.Header("Cache-Control", "no-store") })
	}
	r.Use(sessions.Sessions("mysession", store))
	unavailable := func(c *gin.Context, err error) {
		if broken("log without a cause") {
			err = nil
		}
		if !broken("silent about the cause") {
			log.Print("session store: ", err)
		}
		status := http.StatusServiceUnavailable
		if broken("an error that is a 200") {
			status = http.StatusOK
		}
		c.AbortWithStatusJSON(status, gin.H{"error": "session store unavailable"})
	}
	r.Use(func(c *gin.Context) {
		session, err := store.Get(c.Request, "mysession")
		if err != nil && (session.ID != "" || broken("a broken cookie is an error")) && !broken("no look at the error of Get") {
			unavailable(c, err)
		}
	})
	everybodys := 0
	r.GET("/incr", func(c *gin.Context) {
		session := sessions.Default(c)
		count := 0
		if last := session.Get("count"); last != nil && broken("no look at the type") {
			count = last.(int) + 1
		} else if last, ok := last.(int); ok {
			count = last + 1
		}
		if broken("one session for everybody") {
			count, everybodys = everybodys, everybodys+1
		}
		session.Set("count", count)
		if broken("Save after the body") {
			c.JSON(http.StatusOK, gin.H{"count": count})
		}
		if err := session.Save(); err != nil {
			unavailable(c, err)
			if !broken("no return after the error") {
				return
			}
		}
		if !broken("Save after the body") {
			c.JSON(http.StatusOK, gin.H{"count": count})
		}
	})
	r.POST("/logout", func(c *gin.Context) {
		session := sessions.Default(c)
		if !broken("no Clear") {
			session.Clear()
		}
		if broken("a logout that only the browser knows") {
			http.SetCookie(c.Writer, &http.Cookie{Name: "mysession", Path: "/", MaxAge: -1})
			c.Status(http.StatusNoContent)
			return
		}
		options := options()
		if broken("a logout with bare options") {
			options = sessions.Options{}
		}
		if !broken("no MaxAge at logout") {
			options.MaxAge = -1
		}
		session.Options(options)
		if err := session.Save(); err != nil {
			unavailable(c, err)
			if !broken("a second answer to a logout") {
				return
			}
		}
		c.Status(http.StatusNoContent)
	})
	return r
}

func app(t testing.TB) sessiontest.App {
	return sessiontest.Counter(newRouter, newStore, redisserver.Addr(t))
}

func TestContract(t *testing.T) { sessiontest.TestContract(t, app(t)) }

func TestOutages(t *testing.T) { sessiontest.TestOutages(t, app(t), sessiontest.Redis(newStore)) }

func TestSilence(t *testing.T) { sessiontest.TestSilence(t, app(t), sessiontest.Redis(newStore)) }

func TestProgram(t *testing.T) {
	sessiontest.TestProgram(t, sessionSecret, "/incr", []string{"REDIS_ADDR=" + redisserver.Addr(t)})
}

func TestABrokenAppIsRedAndSaysWhy(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]struct{ test, words string }{
		"never Secure":                         {"TestContract/release", "Secure in release mode"},
		"always Secure":                        {"TestContract/the_first", "no Secure outside release mode"},
		"no HttpOnly":                          {"TestContract/the_first", "HttpOnly"},
		"no SameSite":                          {"TestContract/the_first", "SameSite=Lax"},
		"no Path":                              {"TestContract/the_first", "other routes see no session"},
		"an hour":                              {"TestContract/the_first", "a day, in seconds"},
		"a Domain":                             {"TestContract/the_first", "no Domain"},
		"Save after the body":                  {"TestContract/the_first", "only after the body"},
		"one session for everybody":            {"TestContract/two", "is in a variable"},
		"no Clear":                             {"TestContract/logout_sends", "Clear is missing"},
		"no MaxAge at logout":                  {"TestContract/logout_ends_the_session_in_the_browser", "MaxAge is not negative"},
		"a logout that only the browser knows": {"TestContract/logout_ends_the_session_in_the_store", "still in the store"},
		"values beside the ID":                 {"TestContract/the_cookie", "no values in the cookie"},
		"a broken cookie is an error":          {"TestContract/a_broken", "a new session for a cookie"},
		"an error that is a 200":               {"TestContract/a_failed", "nobody looks at the error of Save"},
		"no return after the error":            {"TestContract/a_failed", "the handler goes on after the error"},
		"trusted proxies":                      {"TestContract/a_forwarded", "SetTrustedProxies(nil) is missing"},

		"no look at the error of Get": {"TestOutages/a_blip_is", "an empty session is saved over the visitor's"},
		"silent about the cause":      {"TestOutages/a_lost", "the cause of a 503 in the log"},
		"panics without a server":     {"TestOutages/a_missing", "panic"},

		"31 bytes":                        {"TestProgram/debug_mode_with_a_secret_of_31", "the limit of 32 bytes"},
		"development key in release mode": {"TestProgram/release_mode_with_a_secret_of_0", "the question for release mode"},
		"no warning":                      {"TestProgram/debug_mode_with_a_secret_of_0", "a warning for the key that everybody knows"},
		"exit status":                     {"TestProgram/a_bad", "expected: 1"},
		"silent about the port":           {"TestProgram/a_taken", "cannot serve"},
		"signs with another key":          {"TestProgram/the_program", "a cookie that SESSION_SECRET has signed"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			status, output := test(t, what, want.test)
			require.Equal(t, 1, status, "wanted: red\n%s", output)
			assert.Contains(t, output, "--- FAIL: "+want.test)
			assert.Contains(t, output, want.words)
			assert.LessOrEqual(t, strings.Count(output, "\n"), 23, "wanted: 25 lines, with the two of go test\n%s", output)
		})
	}
}

// test runs a test of this package in a process of its own, where this is broken.
func test(t *testing.T, what, name string) (status int, output string) {
	t.Helper()
	kit, err := os.Executable()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), kit, "-test.run", "^"+strings.Replace(name, "/", "$/^", 1), "-test.timeout", "2m")
	command.Env = append(os.Environ(), "BROKEN="+what)
	printed, err := command.CombinedOutput()
	require.NotNil(t, command.ProcessState, "%v", err)
	return command.ProcessState.ExitCode(), string(printed)
}

func TestAGreenTestPrintsNothing(t *testing.T) {
	t.Parallel()
	status, output := test(t, "", "TestContract/every")
	assert.Zero(t, status)
	assert.Equal(t, "PASS\n", output)
}

func TestTheFirstFailureIsToldAndTheOthersAreNamed(t *testing.T) {
	t.Parallel()
	_, output := test(t, "Save after the body", "TestContract/")
	assert.Equal(t, 1, strings.Count(output, "Error:"), "wanted: one story\n%s", output)
	assert.Contains(t, output, "Alice sends GET /incr with no cookie,\n", "wanted: what the browser did")
	assert.NotContains(t, output, "Error Trace", "wanted: nothing that repeats what go test says")
	assert.Regexp(t, `(--- FAIL: TestContract/\w+\n){4}    and \d+ more; go test -v tells all\nFAIL\n$`, output)
}

func TestABrowserKeepsItsCookiesAndTellsItsStory(t *testing.T) {
	t.Parallel()
	url := sessiontest.Serve(t, newRouter(cookie.NewStore(sessiontest.Secret)))
	teller := &story{TB: t}
	alice, bob := sessiontest.NewBrowser(teller, "Alice"), sessiontest.NewBrowser(teller, "Bob")
	alice.Get(url + "/incr")
	alice.Get(url + "/incr")
	assert.Nil(t, bob.Cookie(url))
	assert.Contains(t, sessiontest.Decode(t, alice.CookieValue(url)), "count")

	require.Len(t, teller.told, 2)
	assert.Regexp(t, `^Alice sends GET /incr with no cookie,\n  gets 200 {"count":0} and Set-Cookie mysession=\.{3}.{16}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax$`, teller.told[0])
	assert.Regexp(t, `^Alice sends GET /incr with cookie mysession=\.{3}.{16},\n  gets 200 {"count":1} and Set-Cookie `, teller.told[1])
}

// story is a test that keeps what it is told.
type story struct {
	testing.TB
	told []string
}

func (s *story) Logf(format string, args ...any) {
	s.told = append(s.told, fmt.Sprintf(format, args...))
}
