package exercise

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
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

func TestMain(m *testing.M) { sessiontest.Main(m, connectOnce) }

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
// returns both URLs, and the first one's pool. The second instance is a process of
// its own, which knows no variable of this one.
func twoInstances(t *testing.T, routes func(r *gin.Engine, pool *redigo.Pool)) (db *miniredis.Miniredis, pool *redigo.Pool, first, second string) {
	t.Helper()
	instance := func(addr, name string) string {
		var store sessions.Store
		store, pool = storeOn(t, addr, name)
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
	return db, pool, first, strings.TrimSpace(second)
}

// requireAllBack wants each connection to be in the pool again.
func requireAllBack(t *testing.T, pool *redigo.Pool) {
	t.Helper()
	require.Zero(t, pool.ActiveCount()-pool.IdleCount(),
		"wanted: no connection in use after the last answer\nlikely cause: pool.Get takes a connection out of the pool, and only its Close gives it back")
}

// refuse makes Redis answer these commands with an error, until they are allowed.
func refuse(db *miniredis.Miniredis, these func(command, key string) bool) (allow func()) {
	db.Server().SetPreHook(func(from *server.Peer, command string, args ...string) bool {
		key := ""
		if len(args) > 0 {
			key = args[0]
		}
		if from.ClientName == "" || !these(command, key) {
			return false // Redis runs it
		}
		from.WriteError("READONLY You can't write against a read only replica.")
		return true
	})
	return func() { db.Server().SetPreHook(nil) }
}

// sessionKey is what the key of a session in Redis looks like.
var sessionKey = regexp.MustCompile(`^session_[A-Z2-7]{52}$`)

// newBrowser returns one that follows no redirect: what counts is the answer before it.
func newBrowser(t *testing.T, name string) *sessiontest.Browser {
	t.Helper()
	browser := sessiontest.NewBrowser(t, name)
	browser.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return browser
}

// attributes returns what a cookie says beside its value and its date.
func attributes(cookie *http.Cookie) string {
	shown := *cookie
	shown.Value, shown.Expires = "", time.Time{}
	return shown.String()
}

// keep keeps something in the session.
func keep(c *gin.Context) {
	session := sessions.Default(c)
	session.Set(c.Param("key"), c.Param("value"))
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusServiceUnavailable, err)
	}
}

// tellKept tells what was kept.
func tellKept(c *gin.Context) {
	value, _ := sessions.Default(c).Get(c.Param("key")).(string)
	c.String(http.StatusOK, "%s", value)
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

// connectOnce is a program that connects: the test looks whether it gets past that.
func connectOnce() {
	defer func() { _ = recover() }() // the test meets that panic, too
	_, _ = Connect(os.Getenv("CONNECT_TO"), sessiontest.Secret)
}

func TestExercise3_1(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		status, printed := sessiontest.Run(t, []string{"CONNECT_TO=127.0.0.1:1"})
		require.NotEqual(t, -1, status, "wanted: an error, when there is no Redis\nlikely cause: Connect tries again and again, and never returns")
		require.Zero(t, status, "the program printed: %s\nwanted: an error, when there is no Redis\nlikely cause: log.Fatal or os.Exit ends the whole program in Connect; what to do without a Redis is for its caller to decide", printed)

		connect := func(addr string) (store sessions.Store, err error) {
			t.Helper()
			defer func() {
				if reason := recover(); reason != nil {
					cause := "Connect calls panic, so its caller gets no error to look at"
					if _, ok := reason.(runtime.Error); ok {
						cause = "the store is nil, and the error that said so was thrown away"
					}
					require.FailNow(t, fmt.Sprintf("Connect(%q) panicked: %v", addr, reason),
						"wanted: an error, when there is no Redis\nlikely cause: %s", cause)
				}
				t.Logf("Connect(%q) returns the error: %v", addr, err)
			}()
			return Connect(addr, sessiontest.Secret)
		}
		const noError = "wanted: an error, because this store has no Redis\nlikely cause: NewStore's error ends in Connect; the caller goes on without a store, or with another one, and learns nothing"
		const noAddress = "wanted: the address of the Redis in the error\nlikely cause: the error does not have addr; NewStore's own has it only when nobody listens there, not when a Redis refuses"
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
		routes := func(r *gin.Engine) {
			r.POST("/login/:user", logIn)
			r.GET("/me", tellUser)
		}
		url := app(t, store, routes)
		alice := newBrowser(t, "Alice")
		entered := alice.Send(http.MethodPost, url+"/login/alice")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body,
			"wanted: a session that works\nlikely cause: this store does not keep it, or has options that no browser accepts")
		require.Equal(t, "mysession=; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax", attributes(entered.Cookies[0]),
			"wanted: a cookie as before\nlikely cause: the store has lost its options")
		require.NotEmpty(t, db.Keys(), "wanted: the session in Redis\nlikely cause: this is a store of another kind")
		other, _ := storeOn(t, db.Addr(), "other")
		require.Equal(t, "alice", alice.Send(http.MethodGet, app(t, other, routes)+"/me").Body,
			"wanted: a cookie that another instance of the app accepts\nlikely cause: it is not signed with the secret that Connect was given")
	})
}

func TestExercise3_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		db, pool, first, second := twoInstances(t, func(r *gin.Engine, pool *redigo.Pool) {
			r.POST("/login/:user", logIn)
			r.POST("/click", CountClick(pool))
		})
		visitor := func(name, user string) *sessiontest.Browser {
			browser := newBrowser(t, name)
			browser.Send(http.MethodPost, first+"/login/"+user)
			return browser
		}
		alice := visitor("Alice", "alice")

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

		requireClick := func(browser *sessiontest.Browser, url, number, why string) {
			t.Helper()
			require.Equal(t, number, browser.Send(http.MethodPost, url+"/click").Body, why)
		}
		requireClick(alice, second, "3", "wanted: the third click\nlikely cause: the number that was answered is not the one that was kept")
		requireClick(visitor("Bob", "bob"), first, "1", "wanted: Bob's first click\nlikely cause: one number for all sessions; what tells them apart is the ID")
		requireClick(visitor("Alice's phone", "alice"), first, "1", "wanted: the first click of this session\nlikely cause: one number for all sessions of a user; what tells them apart is the ID")
		t.Log("Alice's cookie as of an hour ago: another text, with the same ID")
		alice.SetCookie(first, sessiontest.Aged(t, alice.CookieValue(first), time.Hour))
		requireClick(alice, first, "4", "wanted: the fourth click\nlikely cause: the number belongs to the text of the cookie, which is another one after a Save; the ID stays")
		t.Log("23 hours later: the session lives for a day")
		db.FastForward(23 * time.Hour)
		requireClick(alice, first, "5", "wanted: the fifth click\nlikely cause: the number has ended before its session")

		requireTTLs := func(why string) (longest time.Duration) {
			t.Helper()
			for _, key := range db.Keys() {
				require.Positive(t, db.TTL(key), "%s has no TTL\n%s", key, why)
				longest = max(longest, db.TTL(key))
			}
			return longest
		}
		longest := requireTTLs("wanted: nothing in Redis for ever\nlikely cause: only a TTL ends a key; nobody deletes it when its session ends")
		left := db.Keys()
		t.Log("the keys in Redis come to their end, but before it Carol clicks")
		db.FastForward(longest / 2)
		requireClick(visitor("Carol", "carol"), first, "1", "wanted: Carol's first click\nlikely cause: one number for several sessions")
		db.FastForward(longest/2 + time.Minute)
		for _, key := range left {
			require.NotContains(t, db.Keys(), key, "wanted: nothing in Redis for ever\nlikely cause: one key for all sessions, and each click of any of them renews its TTL")
		}

		t.Log("Redis refuses to write")
		alice = visitor("Alice", "alice")
		allow := refuse(db, func(command, _ string) bool { return !db.Server().IsReadOnlyCommand(command) })
		lost := alice.Send(http.MethodPost, first+"/click")
		require.GreaterOrEqual(t, lost.Status, 500, "wanted: an error, because this click was not counted\nlikely cause: Redis returned an error, and nobody looked at it")
		require.NotRegexp(t, `^\d`, lost.Body, "wanted: no number, because this click was not counted\nlikely cause: the handler goes on after the error")
		allow()
		requireClick(alice, first, "1", "wanted: the first click that is counted\nlikely cause: the one that failed was counted, outside Redis")

		t.Log("Redis counts, but refuses each EXPIRE")
		allow = refuse(db, func(command, _ string) bool { return strings.Contains(command, "EXPIRE") })
		if visitor("Dave", "dave").Send(http.MethodPost, first+"/click").Status < 500 {
			requireTTLs("wanted: an error, or a TTL\nlikely cause: the error of EXPIRE was thrown away")
		}
		allow()
		requireAllBack(t, pool)
	})
}

func TestExercise3_3(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		db := redisserver.Run(t)
		store, _ := storeOn(t, db.Addr(), "app")
		app := app(t, store, func(r *gin.Engine) {
			r.POST("/login/:user", Login)
			r.GET("/me", tellUser)
			r.POST("/keep/:key/:value", keep)
			r.GET("/kept/:key", tellKept)
		})
		requireLogin := func(browser *sessiontest.Browser, user string) (kept *http.Cookie, id string) {
			t.Helper()
			entered := browser.Send(http.MethodPost, app+"/login/"+user)
			t.Logf("Redis has %s", db.Keys())
			require.Less(t, entered.Status, 400, "wanted: a login\nlikely cause: an error; the story above has it")
			require.NotEmpty(t, entered.Cookies, "wanted: a cookie with the ID\nlikely cause: nothing was saved, or only after the answer")
			kept = entered.Cookies[len(entered.Cookies)-1]
			require.Positive(t, kept.MaxAge,
				"wanted: a cookie that lives\nlikely cause: the new session was not saved, or before the old one was deleted: the last Set-Cookie counts; is MaxAge positive again?")
			return kept, sessiontest.ID(t, store, kept.Value)
		}
		mallory, alice := newBrowser(t, "Mallory"), newBrowser(t, "Alice")
		before := mallory.Send(http.MethodPost, app+"/keep/cart/tea").Cookies[0]
		mallory.Send(http.MethodPost, app+"/keep/language/Welsh")
		planted := mallory.CookieValue(app)
		old := sessiontest.ID(t, store, planted)
		t.Logf("Redis has %s. Mallory puts this session's cookie into Alice's browser, and waits", db.Keys())
		alice.SetCookie(app, planted)

		after, id := requireLogin(alice, "alice")
		require.NotEqual(t, old, id,
			"wanted: a new ID\nlikely cause: Alice's session has the ID that it had before the login, and Mallory knows it; a Save makes a new ID only when there is none")
		require.Equal(t, http.StatusUnauthorized, mallory.Send(http.MethodGet, app+"/me").Status,
			"wanted: Mallory is nobody\nlikely cause: the user was saved under the old ID as well; log in after the ID has changed")
		require.NotContains(t, db.Keys(), "session_"+old,
			"wanted: nothing in Redis under the old ID\nlikely cause: Alice's session has a new ID, but nobody deleted the old session; Save does, with a negative MaxAge")
		require.Equal(t, "alice", alice.Send(http.MethodGet, app+"/me").Body,
			"wanted: Alice is logged in\nlikely cause: the last Save had no user")
		for key, value := range map[string]string{"cart": "tea", "language": "Welsh"} {
			require.Equal(t, value, alice.Send(http.MethodGet, app+"/kept/"+key).Body,
				"wanted: all values from before the login\nlikely cause: they were cleared, or not each of them has moved to the new ID")
		}
		require.Equal(t, attributes(before), attributes(after),
			"wanted: a cookie as safe as before\nlikely cause: session.Options replaces all options of the store, not only MaxAge")

		t.Log("Mallory's old session is gone, but not its cookie: it is in Carol's browser now")
		carol := newBrowser(t, "Carol")
		carol.SetCookie(app, planted)
		_, id = requireLogin(carol, "carol")
		require.NotEqual(t, old, id,
			"wanted: a new ID\nlikely cause: an ID without a session in Redis was kept, and Mallory knows it; ask whether there is an ID, not whether there are values")

		var ids []string
		for _, name := range []string{"Bob's laptop", "Bob's phone"} {
			bob := newBrowser(t, name) // has no session before
			_, id := requireLogin(bob, "bob")
			require.Equal(t, "bob", bob.Send(http.MethodGet, app+"/me").Body,
				"wanted: Bob is logged in\nlikely cause: the login expects a session that is there already")
			ids = append(ids, id)
		}
		require.NotEqual(t, ids[0], ids[1],
			"wanted: two sessions\nlikely cause: the ID is made of the user's name; when it is empty, Save makes a random one")

		for _, refused := range []string{"DEL", "SETEX"} {
			t.Logf("Redis refuses each %s", refused)
			dave := newBrowser(t, "Dave")
			dave.Send(http.MethodPost, app+"/keep/cart/tea")
			allow := refuse(db, func(command, _ string) bool { return command == refused })
			require.GreaterOrEqual(t, dave.Send(http.MethodPost, app+"/login/dave").Status, 500,
				"wanted: an error, because a session was not deleted, or not saved\nlikely cause: Save returned an error, and nobody looked at it")
			allow()
		}
	})
}

func TestExercise3_4(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		db, pool, first, second := twoInstances(t, Accounts)
		requireOut := func(browser *sessiontest.Browser, url, why string) {
			t.Helper()
			me := browser.Send(http.MethodGet, url+"/me")
			require.Equal(t, http.StatusUnauthorized, me.Status, why)
			require.NotContains(t, me.Body, "alice", "wanted: nothing for a device that is logged out\nlikely cause: the handler runs after the refusal; only c.Abort… keeps it from that")
		}
		requireOut(newBrowser(t, "an anonymous visitor"), first,
			"wanted: nobody is logged in\nlikely cause: without a session there is no user, and a version that is missing looks like 0; or the handler runs after the refusal, without c.Abort…")

		laptop, phone, bob := newBrowser(t, "Alice's laptop"), newBrowser(t, "Alice's phone"), newBrowser(t, "Bob")
		laptop.Send(http.MethodPost, first+"/login/alice")
		phone.Send(http.MethodPost, second+"/login/alice")
		bob.Send(http.MethodPost, second+"/login/bob")
		require.Equal(t, "alice", laptop.Send(http.MethodGet, first+"/me").Body,
			"wanted: Alice's laptop is logged in\nlikely cause: what a login saves is not what the routes for users expect, or the phone's login has ended it")
		require.Equal(t, "alice", phone.Send(http.MethodGet, second+"/me").Body,
			"wanted: Alice's phone, too\nlikely cause: one login ends the other")

		t.Log("the phone is stolen; the laptop and the phone talk to two instances of the app")
		left := laptop.Send(http.MethodPost, first+"/logout-everywhere")
		require.Less(t, left.Status, 400, "wanted: a logout\nlikely cause: an error; the story above has it")
		requireOut(phone, second,
			"wanted: the phone is logged out\nlikely cause: only the laptop's session has ended, or only one instance of the app knows more (what both of them see is in Redis), or the handler runs after the refusal, without c.Abort…")
		require.Equal(t, http.StatusUnauthorized, phone.Send(http.MethodPost, second+"/cart/tea").Status,
			"wanted: no route for users lets the phone in\nlikely cause: only /me asks; the group's middleware is for all routes")
		requireOut(laptop, first, "wanted: the laptop is logged out\nlikely cause: everywhere is here as well")
		require.Equal(t, "bob", bob.Send(http.MethodGet, first+"/me").Body,
			"wanted: Bob is still logged in\nlikely cause: what ends the sessions does not ask whose they are")

		laptop.Send(http.MethodPost, first+"/login/alice")
		require.Equal(t, "alice", laptop.Send(http.MethodGet, second+"/me").Body,
			"wanted: Alice can log in again\nlikely cause: the logout is for her sessions so far, not for those to come")
		requireOut(phone, second,
			"wanted: the phone stays logged out\nlikely cause: Alice's new login has let her old sessions in again; only a login of their own may")

		t.Log("Redis refuses everything but the sessions")
		allow := refuse(db, func(_, key string) bool { return !sessionKey.MatchString(key) })
		require.NotEqual(t, http.StatusOK, phone.Send(http.MethodGet, second+"/me").Status,
			"wanted: no page for the phone\nlikely cause: Redis returned an error, and nobody looked at it: then the version seems to be 0, as on the phone")
		entered := laptop.Send(http.MethodPost, first+"/login/alice")
		allow()
		if entered.Status < 400 {
			require.Equal(t, "alice", laptop.Send(http.MethodGet, first+"/me").Body,
				"wanted: an error, or a login that counts\nlikely cause: Redis returned an error at the login, and nobody looked at it: then the version seems to be 0")
		}
		t.Log("Redis refuses to write anything but the sessions")
		allow = refuse(db, func(command, key string) bool {
			return !sessionKey.MatchString(key) && !db.Server().IsReadOnlyCommand(command)
		})
		require.GreaterOrEqual(t, laptop.Send(http.MethodPost, first+"/logout-everywhere").Status, 500,
			"wanted: an error, because Alice is not logged out everywhere\nlikely cause: Redis returned an error, and nobody looked at it")
		allow()

		laptop.Send(http.MethodPost, first+"/login/alice")
		for range 2 {
			t.Log("20 hours later")
			db.FastForward(20 * time.Hour)
			requireOut(phone, second, "wanted: the phone stays logged out\nlikely cause: what Redis knows of the logout has ended before the phone's session")
			require.Less(t, laptop.Send(http.MethodPost, first+"/cart/tea").Status, 400,
				"wanted: the laptop is still logged in\nlikely cause: what Redis knows of Alice has ended before her session, which each Save renews")
		}

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
		requireOut(phone, second,
			"wanted: the phone is logged out\nlikely cause: its session was deleted, and then saved again by the request that had read it before")
		requireAllBack(t, pool)
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
			r.POST("/keep/:key/:value", keep)
			r.GET("/kept/:key", tellKept)
			r.GET("/account/me", KeepAlive(options, limit, now.Now), tellUser)
		})
		wait := func(d time.Duration) {
			t.Logf("%v later", d)
			now.Add(d)
			db.FastForward(d)
		}
		t.Logf("a session ends %d seconds after the last request, and %v after the login", options.MaxAge, limit)

		visitor := newBrowser(t, "an anonymous visitor")
		page := visitor.Send(http.MethodGet, url+"/account/me")
		require.Equal(t, http.StatusUnauthorized, page.Status, "wanted: nobody is logged in\nlikely cause: an error; the story above has it")
		require.Empty(t, page.Cookies,
			"wanted: no cookie for a visitor without a session\nlikely cause: Set and Options count as changes, and Save makes a session of nothing else; ask first whether somebody is logged in")
		entered := visitor.Send(http.MethodPost, url+"/keep/cart/tea")
		visitor.Send(http.MethodGet, url+"/account/me")
		require.Equal(t, "tea", visitor.Send(http.MethodGet, url+"/kept/cart").Body,
			"wanted: the session of a visitor who is not logged in stays\nlikely cause: it has no time of a login; taken for 0, that is in 1970, and the limit has passed")

		// stay logs in, and makes requests until only 80 minutes are left.
		stay := func(name, user string) (browser *sessiontest.Browser, renewed *http.Cookie) {
			t.Helper()
			browser = newBrowser(t, name)
			browser.Send(http.MethodPost, url+"/login/"+user)
			for visit := 1; visit <= 5; visit++ {
				wait(80 * time.Minute)
				page := browser.Send(http.MethodGet, url+"/account/me")
				require.Equal(t, user, page.Body, "wanted: who is active is logged in\nlikely cause: the session was not renewed, or ended before the limit")
				require.NotEmpty(t, page.Cookies,
					"wanted: a cookie that lives two hours from now\nlikely cause: nothing was changed, so Save did nothing; or KeepAlive did not see who is logged in; or it saved after the body")
				renewed = page.Cookies[len(page.Cookies)-1]
				if visit < 5 { // at last there may be as little as is left
					require.Equal(t, attributes(entered.Cookies[0]), attributes(renewed),
						"wanted: a cookie as before, for two hours again\nlikely cause: these are not the options that KeepAlive was given")
				}
			}
			return browser, renewed
		}
		alice, renewed := stay("Alice", "alice")
		wait(90 * time.Minute) // 8:10 after the login
		last := alice.Send(http.MethodGet, url+"/account/me")
		ended := len(db.Keys()) == 0
		require.False(t, last.Status == http.StatusOK && !ended,
			"wanted: the session has ended, however active Alice is\nlikely cause: nothing asks how long ago the login was, or each renewal moves the time of it")
		require.Equal(t, http.StatusUnauthorized, last.Status,
			"wanted: this request is answered as an anonymous visitor's\nlikely cause: the session was deleted, but its values are still there for the routes that follow; Clear them, or c.Abort…")
		require.True(t, ended, "wanted: nothing left of it in Redis\nlikely cause: the request was refused, but the session not ended; Save does that, with a negative MaxAge")
		require.True(t, len(alice.Cookies(url)) == 0 || renewed.MaxAge <= 80*60,
			"wanted: nothing left of it in the browser\nlikely cause: the cookie goes with a negative MaxAge and the Path that it has")

		bob := newBrowser(t, "Bob")
		bob.Send(http.MethodPost, url+"/login/bob")
		bob.Send(http.MethodGet, url+"/account/me")
		require.Equal(t, "bob", bob.Send(http.MethodGet, url+"/account/me").Body,
			"wanted: Bob, who has just logged in, is logged in\nlikely cause: the options are one variable for all requests, and the MaxAge that ended Alice's session stays in it; change a copy")

		t.Log("Redis refuses to write")
		refuseWrites := func() (allow func()) {
			return refuse(db, func(command, _ string) bool { return !db.Server().IsReadOnlyCommand(command) })
		}
		wait(80 * time.Minute)
		allow := refuseWrites()
		require.GreaterOrEqual(t, bob.Send(http.MethodGet, url+"/account/me").Status, 500,
			"wanted: an error, because the session was not renewed\nlikely cause: Save returned an error, and nobody looked at it")
		allow()
		carol, _ := stay("Carol", "carol")
		wait(90 * time.Minute)
		if len(db.Keys()) > 0 { // her session has to be ended
			allow = refuseWrites()
			require.GreaterOrEqual(t, carol.Send(http.MethodGet, url+"/account/me").Status, 500,
				"wanted: an error, because the session was not ended\nlikely cause: Save returned an error at the limit, and nobody looked at it")
			allow()
		}
	})
}
