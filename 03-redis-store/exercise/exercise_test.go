package exercise

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/benbjohnson/clock"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, nil) }

// storeOn returns a store in the Redis at addr, and the pool of its connections,
// which Redis knows by this name.
func storeOn(t *testing.T, addr, name string) (sessions.Store, *redigo.Pool) {
	t.Helper()
	pool := &redigo.Pool{MaxIdle: 10, Dial: func() (redigo.Conn, error) {
		return redigo.Dial("tcp", addr, redigo.DialClientName(name))
	}}
	store, err := redis.NewStoreWithPool(pool, sessiontest.Secret)
	require.NoError(t, err)
	store.Options(sessiontest.Options())
	return store, pool
}

// app runs these routes with sessions in this store, and returns the app's URL. An
// error that a handler reports is in the answer's body.
func app(t *testing.T, store sessions.Store, routes func(r *gin.Engine)) string {
	t.Helper()
	return sessiontest.ServeExercise(t, func(r *gin.Engine) {
		r.Use(gin.ErrorLogger(), sessions.Sessions(sessiontest.CookieName, store))
		routes(r)
	})
}

// twoInstances runs an app twice on one Redis, as behind a load balancer, and
// returns both URLs. The second instance is a process of its own, which knows no
// variable of this one.
func twoInstances(t *testing.T, routes func(r *gin.Engine, pool *redigo.Pool)) (db *miniredis.Miniredis, first, second string) {
	t.Helper()
	instance := func(addr, name string) string {
		store, pool := storeOn(t, addr, name)
		return app(t, store, func(r *gin.Engine) { routes(r, pool) })
	}
	if addr := os.Getenv("SECOND_INSTANCE"); addr != "" { // this is the second one
		fmt.Println(instance(addr, "second"))
		_, _ = io.Copy(io.Discard, os.Stdin) // until the first one ends, however it ends
		t.SkipNow()
	}
	db = redisserver.Run(t)
	first = instance(db.Addr(), "first")

	program, err := os.Executable()
	require.NoError(t, err)
	process := exec.Command(program, "-test.run", "^"+t.Name()+"$", "-test.timeout", "2m")
	process.Env = append(os.Environ(), "SECOND_INSTANCE="+db.Addr())
	process.Stderr = os.Stderr
	stdin, err := process.StdinPipe()
	require.NoError(t, err)
	stdout, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = process.Wait()
	})
	second, err = bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "the second instance of the app did not start")
	return db, first, strings.TrimSpace(second)
}

// logIn is a login that believes everybody.
func logIn(c *gin.Context) {
	session := sessions.Default(c)
	session.Set("user", c.Param("user"))
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusServiceUnavailable, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// tellUser tells who is logged in.
func tellUser(c *gin.Context) {
	user, _ := sessions.Default(c).Get("user").(string)
	if user == "" {
		c.String(http.StatusUnauthorized, "nobody is logged in")
		return
	}
	c.String(http.StatusOK, user)
}

func TestExercise3_1(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		connect := func(addr string) (store sessions.Store, err error) {
			t.Helper()
			defer func() {
				if reason := recover(); reason != nil {
					require.FailNow(t, fmt.Sprintf("Connect(%q) panicked: %v", addr, reason),
						"wanted: an error, when there is no Redis\nlikely cause: the store is nil, and the error that said so was thrown away")
				}
				t.Logf("Connect(%q) returns the error: %v", addr, err)
			}()
			return Connect(addr, sessiontest.Secret)
		}
		const noError = "wanted: an error, because this store has no Redis\nlikely cause: NewStore's error ends in Connect; the caller goes on without a store, or with another one, and learns nothing"
		const noAddress = "wanted: the address of the Redis in the error\nlikely cause: NewStore's error has the address only when nobody listens there; when a Redis refuses, it has not"
		const noReason = "wanted: the reason in the error\nlikely cause: it tells where, but not what NewStore said"

		t.Log("nobody listens")
		_, err := connect("127.0.0.1:1")
		require.Error(t, err, noError)
		require.ErrorContains(t, err, "127.0.0.1:1", noAddress)
		require.ErrorContains(t, err, "dial tcp", noReason)

		db := redisserver.Run(t)
		t.Log("Redis is there, but not ready")
		db.SetError("LOADING Redis is loading the dataset in memory")
		_, err = connect(db.Addr())
		require.Error(t, err, noError)
		require.ErrorContains(t, err, db.Addr(), noAddress)
		require.ErrorContains(t, err, "LOADING", noReason)

		t.Log("Redis is ready")
		db.SetError("")
		store, err := connect(db.Addr())
		require.NoError(t, err, "wanted: a store, because this Redis works\nlikely cause: an error is returned without asking whether there is one")
		require.NotNil(t, store, "wanted: a store, because this Redis works\nlikely cause: Connect returns nil in every case")
		url := app(t, store, func(r *gin.Engine) {
			r.POST("/login/:user", logIn)
			r.GET("/me", tellUser)
		})
		alice := sessiontest.NewBrowser(t, "Alice")
		alice.Send(http.MethodPost, url+"/login/alice")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body,
			"wanted: a session that works\nlikely cause: the store has another secret, or options that no browser accepts")
		require.NotEmpty(t, db.Keys(), "wanted: the session in Redis\nlikely cause: this is a store of another kind")
	})
}

func TestExercise3_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		db, first, second := twoInstances(t, func(r *gin.Engine, pool *redigo.Pool) {
			r.POST("/login/:user", logIn)
			r.POST("/click", CountClick(pool))
		})
		alice, bob := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "Bob")
		alice.Send(http.MethodPost, first+"/login/alice")
		bob.Send(http.MethodPost, first+"/login/bob")

		// From here on each command waits for one from the other instance, until one
		// of them has answered: so both read before either writes. The time is for
		// those who wait for each other without asking Redis again.
		meeting, answered := make(chan bool), make(chan bool)
		db.Server().SetPreHook(func(from *server.Peer, _ string, _ ...string) bool {
			if from.ClientName == "" { // it is a command of a script, or not connected yet
				return false
			}
			select {
			case meeting <- true:
			case <-meeting:
			case <-answered:
			case <-time.After(30 * time.Second):
			}
			return false // now Redis runs it
		})
		end := sync.OnceFunc(func() { close(answered) })
		t.Log("Alice clicks twice: at the same time, and each instance of the app gets one click")
		clicks := make([]sessiontest.Answer, 2)
		var requests sync.WaitGroup
		for i, url := range []string{first, second} {
			requests.Go(func() {
				defer end()
				clicks[i] = alice.Send(http.MethodPost, url+"/click")
			})
		}
		requests.Wait()
		for _, click := range clicks {
			require.Equal(t, http.StatusOK, click.Status, "wanted: both clicks counted\nlikely cause: an error; the story above has it")
		}
		one, other := clicks[0].Body, clicks[1].Body
		require.Equal(t, "1 and 2", min(one, other)+" and "+max(one, other),
			"wanted: two clicks, two numbers\nlikely cause: both requests read the number before either wrote it; a lock or a variable in one instance of the app does not reach the other one, only Redis does")

		require.Equal(t, "3", alice.Send(http.MethodPost, second+"/click").Body,
			"wanted: the third click\nlikely cause: the number that was answered is not the one that was kept")
		require.Equal(t, "1", bob.Send(http.MethodPost, first+"/click").Body,
			"wanted: Bob's first click\nlikely cause: one number for all sessions; what tells them apart is the ID")
		for _, key := range db.Keys() {
			require.Positive(t, db.TTL(key), "wanted: nothing in Redis for ever\nlikely cause: %s has no TTL, and nobody deletes it when its session ends", key)
		}
	})
}

func TestExercise3_3(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		db := redisserver.Run(t)
		store, _ := storeOn(t, db.Addr(), "app")
		app := app(t, store, func(r *gin.Engine) {
			r.POST("/login/:user", Login)
			r.GET("/me", tellUser)
			r.POST("/cart/:item", func(c *gin.Context) {
				session := sessions.Default(c)
				session.Set("cart", c.Param("item"))
				if err := session.Save(); err != nil {
					_ = c.AbortWithError(http.StatusServiceUnavailable, err)
				}
			})
			r.GET("/cart", func(c *gin.Context) {
				item, _ := sessions.Default(c).Get("cart").(string)
				c.String(http.StatusOK, "in the cart: %s", item)
			})
		})
		mallory, alice := sessiontest.NewBrowser(t, "Mallory"), sessiontest.NewBrowser(t, "Alice")
		mallory.Send(http.MethodPost, app+"/cart/tea")
		old := db.Keys()
		t.Logf("Redis has %s. Mallory puts this session's cookie into Alice's browser, and waits", old)
		alice.SetCookie(app, mallory.CookieValue(app))

		entered := alice.Send(http.MethodPost, app+"/login/alice")
		t.Logf("Redis has %s", db.Keys())
		require.Equal(t, http.StatusNoContent, entered.Status, "wanted: a login\nlikely cause: an error; the story above has it")
		require.Equal(t, http.StatusUnauthorized, mallory.Send(http.MethodGet, app+"/me").Status,
			"wanted: Mallory is nobody\nlikely cause: Alice's session has the ID that it had before the login, and Mallory knows it; a Save makes a new ID only when there is none")
		require.NotContains(t, db.Keys(), old[0],
			"wanted: nothing in Redis under the old ID\nlikely cause: Alice's session has a new ID, but nobody deleted the old session; Save does, with a negative MaxAge")
		require.Equal(t, "alice", alice.Send(http.MethodGet, app+"/me").Body,
			"wanted: Alice is logged in\nlikely cause: her new session was deleted or not saved; is MaxAge positive again?")
		require.Equal(t, "in the cart: tea", alice.Send(http.MethodGet, app+"/cart").Body,
			"wanted: the values from before the login\nlikely cause: they were cleared, or did not move to the new ID")
		last := entered.Cookies[len(entered.Cookies)-1]
		require.True(t, last.HttpOnly, "wanted: a cookie as safe as before\nlikely cause: session.Options replaces all options of the store, not only MaxAge")

		bob := sessiontest.NewBrowser(t, "Bob") // has no session before
		bob.Send(http.MethodPost, app+"/login/bob")
		require.Equal(t, "bob", bob.Send(http.MethodGet, app+"/me").Body,
			"wanted: Bob is logged in\nlikely cause: the login expects a session that is there already")
	})
}

func TestExercise3_4(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		db, first, second := twoInstances(t, Accounts)
		laptop, phone, bob := sessiontest.NewBrowser(t, "Alice's laptop"), sessiontest.NewBrowser(t, "Alice's phone"), sessiontest.NewBrowser(t, "Bob")
		laptop.Send(http.MethodPost, first+"/login/alice")
		phone.Send(http.MethodPost, second+"/login/alice")
		bob.Send(http.MethodPost, second+"/login/bob")
		require.Equal(t, "alice", laptop.Send(http.MethodGet, first+"/me").Body,
			"wanted: Alice's laptop is logged in\nlikely cause: what a login saves is not what the routes for users expect")
		require.Equal(t, "alice", phone.Send(http.MethodGet, second+"/me").Body,
			"wanted: Alice's phone, too\nlikely cause: one login ends the other")

		t.Log("the phone is stolen; the laptop and the phone talk to two instances of the app")
		left := laptop.Send(http.MethodPost, first+"/logout-everywhere")
		require.Equal(t, http.StatusNoContent, left.Status, "wanted: a logout\nlikely cause: an error; the story above has it")
		require.Equal(t, http.StatusUnauthorized, phone.Send(http.MethodGet, second+"/me").Status,
			"wanted: the phone is logged out\nlikely cause: only the laptop's session has ended, or only one instance of the app knows more; what both of them see is in Redis")
		require.Equal(t, http.StatusUnauthorized, laptop.Send(http.MethodGet, first+"/me").Status,
			"wanted: the laptop is logged out\nlikely cause: everywhere is here as well")
		require.Equal(t, "bob", bob.Send(http.MethodGet, first+"/me").Body,
			"wanted: Bob is still logged in\nlikely cause: what ends the sessions does not ask whose they are")

		laptop.Send(http.MethodPost, first+"/login/alice")
		require.Equal(t, "alice", laptop.Send(http.MethodGet, second+"/me").Body,
			"wanted: Alice can log in again\nlikely cause: the logout is for her sessions so far, not for those to come")
		require.Equal(t, http.StatusUnauthorized, phone.Send(http.MethodGet, second+"/me").Status,
			"wanted: the phone stays logged out\nlikely cause: Alice's new login has let her old sessions in again; only a login of their own may")

		t.Log("the phone is found, logs in, and is stolen again")
		phone.Send(http.MethodPost, second+"/login/alice")
		writing, goOn := make(chan bool), make(chan bool)
		redis := db.Server()
		redis.SetPreHook(func(from *server.Peer, command string, _ ...string) bool {
			if from.ClientName == "second" && !redis.IsReadOnlyCommand(command) {
				select {
				case writing <- true:
					<-goOn
				case <-goOn:
				}
			}
			return false // now Redis runs it
		})
		end := sync.OnceFunc(func() { close(goOn) })
		defer end()
		answered := make(chan bool)
		go func() {
			defer close(answered)
			phone.Send(http.MethodPost, second+"/cart/tea")
		}()
		select {
		case <-writing:
			t.Log("the phone's request has read its session, and is about to save it")
		case <-answered:
		}
		laptop.Send(http.MethodPost, first+"/logout-everywhere")
		end()
		<-answered
		require.Equal(t, http.StatusUnauthorized, phone.Send(http.MethodGet, second+"/me").Status,
			"wanted: the phone is logged out\nlikely cause: its session was deleted, and then saved again by the request that had read it before")
	})
}

func TestExercise3_5(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		const limit = 8 * time.Hour
		options := sessiontest.Options()
		options.MaxAge = 2 * 60 * 60
		db, now := redisserver.Run(t), clock.NewMock()
		now.Set(time.Now())
		store, _ := storeOn(t, db.Addr(), "app")
		store.Options(options)
		url := app(t, store, func(r *gin.Engine) {
			r.POST("/login/:user", Enter(now.Now))
			r.GET("/me", KeepAlive(options, limit, now.Now), tellUser)
		})
		wait := func(d time.Duration) {
			t.Logf("%v later", d)
			now.Add(d)
			db.FastForward(d)
		}
		t.Logf("a session ends %d seconds after the last request, and %v after the login", options.MaxAge, limit)

		stranger := sessiontest.NewBrowser(t, "a stranger").Send(http.MethodGet, url+"/me")
		require.Equal(t, http.StatusUnauthorized, stranger.Status, "wanted: nobody is logged in\nlikely cause: an error; the story above has it")
		require.Empty(t, stranger.Cookies,
			"wanted: no cookie for a stranger\nlikely cause: Set and Options count as changes, and Save makes a session of nothing else; ask first whether somebody is logged in")

		alice := sessiontest.NewBrowser(t, "Alice")
		alice.Send(http.MethodPost, url+"/login/alice")
		var renewed *http.Cookie
		for visit := 1; visit <= 5; visit++ {
			wait(80 * time.Minute)
			page := alice.Send(http.MethodGet, url+"/me")
			require.Equal(t, "alice", page.Body, "wanted: Alice, who is active, is logged in\nlikely cause: her session was not renewed, or ended before the limit")
			require.NotEmpty(t, page.Cookies,
				"wanted: a cookie that lives two hours from now\nlikely cause: Save did nothing, because nothing was changed, or it came after the body")
			renewed = page.Cookies[len(page.Cookies)-1]
			if visit < 5 { // then only 80 minutes are left: it may be as little
				require.Equal(t, options.MaxAge, renewed.MaxAge, "wanted: two hours again\nlikely cause: these are not the options that KeepAlive was given")
			}
		}

		wait(90 * time.Minute) // 8:10 after the login
		require.Equal(t, http.StatusUnauthorized, alice.Send(http.MethodGet, url+"/me").Status,
			"wanted: the session has ended, however active Alice is\nlikely cause: nothing asks how long ago the login was, or each renewal moves the time of it")
		require.Empty(t, db.Keys(), "wanted: nothing left of it in Redis\nlikely cause: the request was refused, but the session not ended; Save does that, with a negative MaxAge")
		require.True(t, len(alice.Cookies(url)) == 0 || renewed.MaxAge <= 80*60,
			"wanted: nothing left of it in the browser\nlikely cause: the cookie goes with a negative MaxAge and its own Path")

		bob := sessiontest.NewBrowser(t, "Bob")
		bob.Send(http.MethodPost, url+"/login/bob")
		bob.Send(http.MethodGet, url+"/me")
		require.Equal(t, "bob", bob.Send(http.MethodGet, url+"/me").Body,
			"wanted: Bob, who has just logged in, is logged in\nlikely cause: the options are one variable for all requests, and the MaxAge that ended Alice's session stays in it; change a copy")
	})
}
