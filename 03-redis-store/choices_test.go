package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/boj/redistore"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What people ask before they decide how to keep their sessions, for QUESTIONS.md.

// newShopStore keeps its sessions in database 2, under keys of its own.
func newShopStore(addr string, secret []byte) (sessions.Store, error) {
	store, err := redis.NewStoreWithDB(10, "tcp", addr, "", "", "2", secret) // the user name, the password, the database
	if err != nil {
		return nil, err
	}
	return store, redis.SetKeyPrefix(store, "shop_session_")
}

// Question 39: "Which Redis database, and can I have a key prefix?"
func TestADatabaseOrAPrefixKeepsTwoAppsApart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		open     func(t *testing.T, addr string) sessions.Store // the second app's
		database int
		prefix   string
		count    int
	}{
		"neither": {open: open, database: 0, prefix: "session_", count: 1},
		"a prefix": {open: func(t *testing.T, addr string) sessions.Store {
			store := open(t, addr)
			require.NoError(t, redis.SetKeyPrefix(store, "shop_"))
			return store
		}, database: 0, prefix: "shop_", count: 0},
		"both": {open: func(t *testing.T, addr string) sessions.Store {
			store, err := newShopStore(addr, sessiontest.Secret)
			require.NoError(t, err)
			return store
		}, database: 2, prefix: "shop_session_", count: 0},
	} {
		t.Run(name, func(t *testing.T) {
			db := redisserver.Run(t)
			_, alice, key := visited(t, db.Addr())
			store := test.open(t, db.Addr())
			second := sessiontest.Serve(t, newRouter(store))

			got := sessiontest.Count(t, alice.Send(http.MethodGet, second+"/incr"))

			assert.Equal(t, test.count, got, "1 is the first app's session, 0 one of its own")
			own := test.prefix + sessiontest.ID(t, store, alice.CookieValue(second))
			assert.True(t, db.DB(test.database).Exists(own), "wanted: %s in database %d, which has %q", own, test.database, db.DB(test.database).Keys())
			assert.True(t, db.DB(0).Exists(key), "the first app's session stays")
		})
	}
}

// newJSONStore keeps the values in JSON, which other languages can read as well.
func newJSONStore(addr string, secret []byte) (sessions.Store, error) {
	store, err := newStore(addr, secret)
	if err != nil {
		return nil, err
	}
	redisStore, err := redis.GetRedisStore(store)
	if err != nil {
		return nil, err
	}
	redisStore.SetSerializer(redistore.JSONSerializer{}) // github.com/boj/redistore
	redisStore.SetKeyPrefix("json_session_")             // the old sessions stay in gob
	return store, nil
}

// incrJSON is incr for a store in JSON, which has one kind of number.
func incrJSON(c *gin.Context) {
	session := sessions.Default(c)
	count := 0
	if last, ok := session.Get("count").(float64); ok { // never int
		count = int(last) + 1
	}
	session.Set("count", count)
	if err := session.Save(); err != nil {
		storeUnavailable(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"count": count})
}

// Question 42: "Can I keep the session as JSON instead of gob?"
func TestJSONHasNoInt(t *testing.T) {
	t.Parallel()
	type profile struct{ Name string } // not registered with gob
	addr := redisserver.Addr(t)
	store, err := newJSONStore(addr, sessiontest.Secret)
	require.NoError(t, err)
	store.Options(cookieOptions())
	const big = 1<<53 + 1
	app := appOn(t, store, func(r *gin.Engine) {
		r.GET("/incr", incr)
		r.GET("/incr-json", incrJSON)
		r.POST("/profile", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("profile", profile{Name: "Alice"})
			session.Set("number", big)
			session.Set("text", strconv.Itoa(big))
			assert.NoError(t, session.Save(), "JSON asks for no gob.Register")
		})
		r.GET("/profile", func(c *gin.Context) {
			session := sessions.Default(c)
			assert.Equal(t, map[string]any{"Name": "Alice"}, session.Get("profile"), "a struct comes back as a map")
			number, _ := session.Get("number").(float64)
			assert.NotEqual(t, big, int(number), "beyond 2^53 a float64 has no room for each int")
			assert.Equal(t, strconv.Itoa(big), session.Get("text"), "a big ID has to be a string")
		})
	})
	visitor := sessiontest.NewBrowser(t, "Alice")

	assert.JSONEq(t, `{"count":0}`, visitor.Get(app+"/incr"))
	assert.JSONEq(t, `{"count":0}`, visitor.Get(app+"/incr"), "wanted: the trap, 0 for ever\nlikely cause: JSON brings ints back as int now: tell QUESTIONS.md")
	for visit := range 3 {
		assert.Equal(t, visit+1, sessiontest.Count(t, visitor.Send(http.MethodGet, app+"/incr-json")), "a number in JSON is a float64")
	}
	visitor.Send(http.MethodPost, app+"/profile")
	visitor.Get(app + "/profile")
	key := "json_" + keyOf(t, store, visitor.CookieValue(app))
	assert.Contains(t, string(do(t, addr, "GET", key).([]byte)), `"count":3`, "wanted: the values, readable")
}

func TestSessionsInGobAreNoJSON(t *testing.T) {
	t.Parallel()
	addr := redisserver.Addr(t)
	_, alice, key := visited(t, addr) // a session in gob
	for prefix, want := range map[string]int{
		"session_":      http.StatusServiceUnavailable, // of the sessions in gob
		"json_session_": http.StatusOK,
	} {
		store, err := newJSONStore(addr, sessiontest.Secret)
		require.NoError(t, err)
		require.NoError(t, redis.SetKeyPrefix(store, prefix))

		got := alice.Send(http.MethodGet, sessiontest.Serve(t, newRouter(store))+"/incr")

		assert.Equal(t, want, got.Status, "with %s: a session in gob cannot be decoded, with another prefix it is not found", prefix)
		assert.EqualValues(t, 1, do(t, addr, "EXISTS", key), "the old session has to stay, for the old program")
	}
}

// fromHeader makes a cookie of the header, before the sessions look for one. It takes
// no other cookie, so no other site can send a visitor's session along.
func fromHeader(c *gin.Context) {
	c.Request.Header.Del("Cookie")
	if value := c.GetHeader("X-Session"); value != "" {
		c.Request.AddCookie(&http.Cookie{Name: sessionName, Value: value})
	}
}

// saveToHeader is for handlers to call instead of Save. The header is empty after a
// logout.
func saveToHeader(c *gin.Context) error {
	err := sessions.Default(c).Save()
	response := http.Response{Header: c.Writer.Header()}
	for _, cookie := range response.Cookies() {
		c.Writer.Header().Set("X-Session", cookie.Value)
	}
	c.Writer.Header().Del("Set-Cookie")
	return err
}

// Question 40: "My app has no cookies. Can the session ID be in a header?"
func TestAHeaderCanCarryTheSession(t *testing.T) {
	t.Parallel()
	addr := redisserver.Addr(t)
	store := open(t, addr)
	store.Options(cookieOptions())
	r := gin.New()
	r.Use(fromHeader, sessions.Sessions(sessionName, store), requireStore(store))
	r.GET("/visits", func(c *gin.Context) {
		session := sessions.Default(c)
		visits, _ := session.Get("visits").(int)
		session.Set("visits", visits+1)
		if err := saveToHeader(c); err != nil {
			storeUnavailable(c, err)
			return
		}
		c.String(http.StatusOK, strconv.Itoa(visits))
	})
	r.POST("/leave", func(c *gin.Context) {
		options := cookieOptions()
		options.MaxAge = -1
		sessions.Default(c).Options(options)
		assert.NoError(t, saveToHeader(c))
	})
	app := sessiontest.Serve(t, r)
	send := func(method, path, header, value string) sessiontest.Answer {
		request, err := http.NewRequest(method, app+path, nil)
		require.NoError(t, err)
		request.Header.Set(header, value)
		return sessiontest.NewBrowser(t, "an app").Do(request) // a new one each time: it keeps no cookies
	}

	id := ""
	for _, want := range []string{"0", "1", "2"} {
		got := send(http.MethodGet, "/visits", "X-Session", id)
		assert.Equal(t, want, got.Body, "the header has to become a cookie before the sessions middleware")
		assert.Empty(t, got.Cookies, "wanted: no Set-Cookie")
		id = got.Header.Get("X-Session")
		require.NotEmpty(t, id, "saveToHeader has to hand the cookie's value out")
	}
	key := keyOf(t, store, id)
	assert.Equal(t, "0", send(http.MethodGet, "/visits", "X-Session", "invented").Body, "the ID has to be a signed one")
	assert.Equal(t, "0", send(http.MethodGet, "/visits", "Cookie", sessionName+"="+id).Body, "a browser sends cookies for other sites, too")

	left := send(http.MethodPost, "/leave", "X-Session", id)
	assert.Equal(t, []string{""}, left.Header["X-Session"], "wanted: an empty header, and the app forgets the ID")
	assert.EqualValues(t, 0, do(t, addr, "EXISTS", key))
}

// newSCS returns scs on Redis, through a pool of redigo.
func newSCS(pool *redigo.Pool) *scs.SessionManager {
	manager := scs.New()
	manager.Store = redisstore.New(pool)   // github.com/alexedwards/scs/redisstore
	manager.Lifetime = 24 * time.Hour      // at most, whatever the user does
	manager.IdleTimeout = 30 * time.Minute // without a request
	manager.Cookie.Secure = gin.Mode() == gin.ReleaseMode
	return manager
}

// scsLogin believes everybody. Yours asks for a password first.
func scsLogin(manager *scs.SessionManager) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx := c.Request.Context()
		if err := manager.RenewToken(ctx); err != nil { // a new ID, the same values
			storeUnavailable(c, err)
			return
		}
		manager.Put(ctx, "user", c.Param("user")) // saved as soon as the answer begins
		c.Status(http.StatusNoContent)
	}
}

// Question 43: "Can I use scs with Gin?"
func TestSCSRunsAroundGin(t *testing.T) {
	t.Parallel()
	db := redisserver.Run(t)
	manager := newSCS(&redigo.Pool{Dial: func() (redigo.Conn, error) { return redigo.Dial("tcp", db.Addr()) }})
	manager.Cookie.Name = sessionName // the kit's browser asks for it
	var duringSave func()
	r := gin.New()
	r.Use(gin.RecoveryWithWriter(io.Discard))
	r.POST("/login/:user", scsLogin(manager))
	r.GET("/visits", func(c *gin.Context) {
		ctx := c.Request.Context()
		visits := manager.GetInt(ctx, "visits") + 1
		manager.Put(ctx, "visits", visits)
		if duringSave != nil {
			duringSave()
		}
		c.JSON(http.StatusOK, gin.H{"visits": visits, "user": manager.GetString(ctx, "user")})
	})
	r.POST("/end-soon", func(c *gin.Context) { manager.SetDeadline(c.Request.Context(), time.Now().Add(time.Minute)) })
	r.GET("/flush", func(c *gin.Context) { c.Writer.Flush() })
	r.GET("/stream", func(c *gin.Context) { c.Stream(func(io.Writer) bool { return false }) })
	around := manager.LoadAndSave(r) // http.ListenAndServe(addr, around), instead of r.Run(addr)
	app := sessiontest.Serve(t, around)
	alice := sessiontest.NewBrowser(t, "Alice")

	first := alice.Send(http.MethodGet, app+"/visits")
	assert.JSONEq(t, `{"visits":1,"user":""}`, first.Body)
	require.Len(t, first.Cookies, 1, "the cookie comes without a Save")
	assert.True(t, first.Cookies[0].HttpOnly)
	assert.Equal(t, http.SameSiteLaxMode, first.Cookies[0].SameSite)

	old := alice.CookieValue(app)
	assert.Equal(t, http.StatusNoContent, alice.Send(http.MethodPost, app+"/login/alice").Status, "c.Status is enough, without a body")
	assert.NotEqual(t, old, alice.CookieValue(app), "RenewToken has to change the ID")
	assert.JSONEq(t, `{"visits":2,"user":"alice"}`, alice.Get(app+"/visits"), "and to keep the values")
	assert.False(t, db.Exists("scs:session:"+old), "and to delete the old session")

	key := "scs:session:" + alice.CookieValue(app)
	assert.InDelta(t, 30*time.Minute, db.TTL(key), float64(5*time.Minute), "IdleTimeout is the age in Redis")
	assert.Len(t, alice.Send(http.MethodGet, app+"/flush").Cookies, 1, "it makes every request write")
	alice.Send(http.MethodPost, app+"/end-soon")
	alice.Get(app + "/visits")
	assert.LessOrEqual(t, db.TTL(key), time.Minute, "no visit moves the deadline")

	// What it costs: c.Stream asks for a method that the writer of scs does not have.
	for path, want := range map[string]int{"/flush": http.StatusOK, "/stream": http.StatusInternalServerError} {
		recorder := httptest.NewRecorder()
		around.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
		assert.Equal(t, want, recorder.Code, "%s in scs", path)
		assert.Equal(t, path == "/flush", recorder.Flushed, "%s in scs", path)
	}
	assert.Equal(t, http.StatusOK, sessiontest.NewBrowser(t, "Bob").Send(http.MethodGet, sessiontest.Serve(t, r)+"/stream").Status, "in Gin alone it works")

	// What it costs: a handler does not hear that Save has failed.
	duringSave = func() { db.SetError("OOM command not allowed when used memory > 'maxmemory'.") }
	got := alice.Send(http.MethodGet, app+"/visits")
	assert.Equal(t, http.StatusInternalServerError, got.Status)
	assert.Contains(t, got.Body, `"user":"alice"`, "the handler's answer follows the error's")
	duringSave = func() { assert.Fail(t, "no handler runs when the session cannot be loaded") }
	assert.Equal(t, http.StatusInternalServerError, alice.Send(http.MethodGet, app+"/visits").Status)
}

// account is what the database says about a user. That of nobody is not active.
type account struct{ active, admin bool }

// requireAccount loads the account of who is logged in, on each request.
func requireAccount(load func(user string) (account, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		user, _ := sessions.Default(c).Get("user").(string)
		found, err := load(user) // SELECT active, admin FROM users WHERE name = ?
		switch {
		case err != nil:
			storeUnavailable(c, err)
		case !found.active:
			c.AbortWithStatus(http.StatusUnauthorized)
		default:
			c.Set("account", found)
		}
	}
}

// requireAdmin comes after requireAccount.
func requireAdmin(c *gin.Context) {
	if !c.MustGet("account").(account).admin {
		c.AbortWithStatus(http.StatusForbidden)
	}
}

// Question 37: "I have banned a user. Why is he still in?"
func TestABanCountsFromTheNextRequest(t *testing.T) {
	t.Parallel()
	var accounts sync.Map // in the place of a database
	load := func(user string) (account, error) {
		found, _ := accounts.Load(user)
		if failure, ok := found.(error); ok {
			return account{}, failure
		}
		of, _ := found.(account)
		return of, nil
	}
	store := open(t, redisserver.Addr(t))
	store.Options(cookieOptions())
	app := appOn(t, store, func(r *gin.Engine) {
		r.POST("/careless/:user", func(c *gin.Context) {
			of, _ := load(c.Param("user"))
			sessions.Default(c).Set("admin", of.admin) // true as long as the session lives
			login(c)
		})
		r.GET("/careless", func(c *gin.Context) {
			if sessions.Default(c).Get("admin") != true {
				c.AbortWithStatus(http.StatusForbidden)
			}
		})
		r.GET("/admin", requireAccount(load), requireAdmin, me)
	})
	accounts.Store("alice", account{active: true, admin: true})
	alice := sessiontest.NewBrowser(t, "Alice")
	alice.Send(http.MethodPost, app+"/careless/alice")

	for _, test := range []struct {
		now  any
		want int
	}{
		{account{active: true, admin: true}, http.StatusOK},
		{account{active: true, admin: false}, http.StatusForbidden}, // demoted
		{account{active: false, admin: true}, http.StatusUnauthorized},
		{nil, http.StatusUnauthorized}, // deleted
		{errors.New("the database is lost"), http.StatusServiceUnavailable},
		{account{active: true, admin: true}, http.StatusOK}, // and back again
	} {
		accounts.Store("alice", test.now)
		assert.Equal(t, test.want, alice.Send(http.MethodGet, app+"/admin").Status, "%v: the account has to be loaded on each request", test.now)
		assert.Equal(t, http.StatusOK, alice.Send(http.MethodGet, app+"/careless").Status, "%v: the session knows only what was true at login", test.now)
	}
	assert.Equal(t, http.StatusUnauthorized, sessiontest.NewBrowser(t, "a visitor").Send(http.MethodGet, app+"/admin").Status)
}
