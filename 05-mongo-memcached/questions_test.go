package main

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/benbjohnson/clock"
	"github.com/daangn/minimemcached"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/mongo/mongodriver"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/integration/mtest"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// What people asked about MongoDB, memcached, and several sessions: for QUESTIONS.md.

// Question 15: "securecookie: the value is too long", or: "new items vanish from the
// cart"
func TestAbout2200BytesFitIntoASession(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		store := s.open(t)
		var texts sync.Map // stands for your database: the long texts, by their ID
		note := func(c *gin.Context) string {
			n, err := strconv.Atoi(c.Query("bytes"))
			assert.NoError(t, err)
			return strings.Repeat("x", n)
		}
		r := gin.New()
		r.Use(sessions.Sessions(sessionName, store))
		r.POST("/careless", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("note", note(c))
			session.Save() // nobody looks at the error
		})
		r.POST("/checked", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("note", note(c))
			if err := session.Save(); err != nil {
				c.String(http.StatusInsufficientStorage, "%v", err)
			}
		})
		r.POST("/elsewhere", func(c *gin.Context) {
			session := sessions.Default(c)
			id := "note 1" // of your database
			texts.Store(id, note(c))
			session.Set("note ID", id)
			session.Delete("note")
			if err := session.Save(); err != nil {
				c.String(http.StatusInsufficientStorage, "%v", err)
			}
		})
		r.GET("/note", func(c *gin.Context) {
			session := sessions.Default(c)
			if id := session.Get("note ID"); id != nil {
				text, _ := texts.Load(id)
				c.String(http.StatusOK, "%d", len(text.(string)))
				return
			}
			text, _ := session.Get("note").(string)
			c.String(http.StatusOK, "%d", len(text))
		})
		app := sessiontest.Serve(t, r)
		visitor := sessiontest.NewBrowser(t, "Alice")

		// The trap: the answer is 200, but the old note is still there.
		assert.Equal(t, http.StatusOK, visitor.Send(http.MethodPost, app+"/careless?bytes=2000").Status)
		assert.Equal(t, http.StatusOK, visitor.Send(http.MethodPost, app+"/careless?bytes=5000").Status)
		assert.Equal(t, "2000", visitor.Get(app+"/note"))

		// Save had said so. It allows 4096 bytes, of what base64 has made longer twice.
		refused := visitor.Send(http.MethodPost, app+"/checked?bytes=5000")
		assert.Equal(t, http.StatusInsufficientStorage, refused.Status)
		assert.Contains(t, refused.Body, "securecookie: the value is too long")
		limit := sort.Search(5000, func(bytes int) bool {
			return visitor.Send(http.MethodPost, fmt.Sprintf("%s/checked?bytes=%d", app, bytes)).Status != http.StatusOK
		})
		assert.InDelta(t, 2200, limit, 50, "a note of this many bytes is the first that does not fit")

		// A way out on every server: keep the ID in the session, the text elsewhere.
		assert.Equal(t, http.StatusOK, visitor.Send(http.MethodPost, app+"/elsewhere?bytes=100000").Status)
		assert.Equal(t, "100000", visitor.Get(app+"/note"), "the text belongs into the database, its ID into the session")

		// Another one on memcached: its store can raise the limit. MongoDB's cannot.
		inner := store.(strictStore).Store // what memcached.NewStore or mongodriver.NewStore returned
		limited, ok := inner.(interface{ MaxLength(bytes int) })
		assert.Equal(t, s.name == "memcached", ok, "only the memcached store has a MaxLength")
		if ok {
			limited.MaxLength(100 * 1024) // memcached itself takes 1 MB
			other := sessiontest.NewBrowser(t, "Bob")
			assert.Equal(t, http.StatusOK, other.Send(http.MethodPost, app+"/checked?bytes=50000").Status)
			assert.Equal(t, "50000", other.Get(app+"/note"), "is MaxLength set?")
		}
	})
}

// Question 25: "How do I use several sessions in one app?"
func TestSessionsManyGivesEverySessionItsOwnCookie(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		store := s.open(t)
		store.Options(cookieOptions())
		buy := func(cart func(*gin.Context) sessions.Session) gin.HandlerFunc {
			return func(c *gin.Context) {
				session := cart(c)
				session.Set("item", "tea")
				if err := session.Save(); err != nil {
					storeUnavailable(c, err)
				}
			}
		}
		r := gin.New()
		r.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, reason any) {
			c.String(http.StatusInternalServerError, "panic: %v", reason) // gin.Recovery would only log it
		}))

		// Two of sessions.Sessions are one too many: the last one wins.
		twice := r.Group("/twice", sessions.Sessions("cart", store), sessions.Sessions("login", store))
		twice.POST("/buy", buy(sessions.Default))

		many := r.Group("/many", sessions.SessionsMany([]string{"cart", "login"}, store))
		many.POST("/default", buy(sessions.Default))
		many.POST("/misspelt", buy(func(c *gin.Context) sessions.Session { return sessions.DefaultMany(c, "card") }))
		many.POST("/buy", buy(func(c *gin.Context) sessions.Session { return sessions.DefaultMany(c, "cart") }))
		many.POST("/login", func(c *gin.Context) {
			login := sessions.DefaultMany(c, "login")
			login.Set("user", "gopher")
			if err := login.Save(); err != nil { // saves this one only
				storeUnavailable(c, err)
			}
		})
		many.POST("/logout", func(c *gin.Context) {
			login := sessions.DefaultMany(c, "login")
			options := cookieOptions()
			options.MaxAge = -1
			login.Options(options)
			if err := login.Save(); err != nil {
				storeUnavailable(c, err)
			}
		})
		many.GET("/", func(c *gin.Context) {
			cart, login := sessions.DefaultMany(c, "cart"), sessions.DefaultMany(c, "login")
			c.String(http.StatusOK, "%v for %v", cart.Get("item"), login.Get("user"))
		})
		app := sessiontest.Serve(t, r)

		last := sessiontest.NewBrowser(t, "Alice").Send(http.MethodPost, app+"/twice/buy")
		require.Len(t, last.Cookies, 1)
		assert.Equal(t, "login", last.Cookies[0].Name, "the item went into the session of the last middleware")

		one := sessiontest.NewBrowser(t, "Alice").Send(http.MethodPost, app+"/many/default")
		assert.Contains(t, one.Body, "panic: interface conversion", "Default is for Sessions, DefaultMany for SessionsMany")
		misspelt := sessiontest.NewBrowser(t, "Alice").Send(http.MethodPost, app+"/many/misspelt")
		assert.Contains(t, misspelt.Body, "nil pointer dereference", "a name that SessionsMany was not given is a nil session")

		visitor := sessiontest.NewBrowser(t, "Alice")
		bought := visitor.Send(http.MethodPost, app+"/many/buy")
		require.Len(t, bought.Cookies, 1, bought.Body)
		assert.Equal(t, "cart", bought.Cookies[0].Name)
		entered := visitor.Send(http.MethodPost, app+"/many/login")
		require.Len(t, entered.Cookies, 1, entered.Body)
		assert.Equal(t, "login", entered.Cookies[0].Name)
		assert.Equal(t, "tea for gopher", visitor.Get(app+"/many/"))

		visitor.Send(http.MethodPost, app+"/many/logout")
		assert.Equal(t, "tea for <nil>", visitor.Get(app+"/many/"), "a logout should leave the cart alone")
	})
}

// requireStores is requireStore for several sessions.
func requireStores(all []sessions.SessionStore) gin.HandlerFunc {
	return func(c *gin.Context) {
		for _, one := range all {
			session, err := one.Store.Get(c.Request, one.Name)
			if err != nil && session.ID != "" {
				storeUnavailable(c, err)
				return
			}
		}
	}
}

// The same question, since v1.1.0: a session may have a store of its own.
func TestSessionsManyStoresGivesEverySessionItsOwnStore(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		onServer, inCookie := s.open(t), cookie.NewStore(sessiontest.Secret)
		all := []sessions.SessionStore{
			{Name: "login", Store: onServer}, // its logout ends a copied cookie
			{Name: "cart", Store: inCookie},  // and this costs no round trip
		}
		r := gin.New()
		r.Use(sessions.SessionsManyStores(all), requireStores(all))
		set := func(name string, value any) gin.HandlerFunc {
			return func(c *gin.Context) {
				session := sessions.DefaultMany(c, name)
				session.Options(cookieOptions())
				session.Set("value", value)
				assert.NoError(t, session.Save())
				c.String(http.StatusOK, session.ID()) // the cart has none
			}
		}
		r.POST("/buy", set("cart", "tea"))
		r.POST("/login", set("login", "gopher"))
		app, alice := sessiontest.Serve(t, r), sessiontest.NewBrowser(t, "Alice")

		bought := alice.Send(http.MethodPost, app+"/buy")
		entered := alice.Send(http.MethodPost, app+"/login")

		require.Len(t, bought.Cookies, 1)
		assert.Equal(t, "cart", bought.Cookies[0].Name)
		assert.Contains(t, sessiontest.Decode(t, bought.Cookies[0].Value), "tea", "wanted: the cart in its cookie")
		require.Len(t, entered.Cookies, 1)
		assert.Equal(t, "login", entered.Cookies[0].Name)
		assert.NotContains(t, sessiontest.Decode(t, entered.Cookies[0].Value), "gopher", "wanted: an ID in the cookie, and the user on the server")

		require.NoError(t, s.write(entered.Body, "damaged"))
		refused := alice.Send(http.MethodPost, app+"/buy")
		assert.Equal(t, http.StatusServiceUnavailable, refused.Status,
			"wanted: no handler runs, because the login cannot be read\nlikely cause: requireStores does not check every name")
	})
}

// Question 26: "My sessions in MongoDB live too long, or too short", or: "the
// program panics at start, since I changed maxAge"
//
// Not parallel: the driver's mock server is not made for that.
func TestATTLIndexIsMadeOnceAndAnotherMaxAgeConflicts(t *testing.T) {
	mt := mtest.New(t, mtest.NewOptions().ClientType(mtest.Mock))
	mt.Run("the lifetime is the one of NewStore", func(mt *mtest.T) {
		mt.AddMockResponses(mtest.CreateSuccessResponse())
		store := mongodriver.NewStore(mt.Coll, 60*60, true, sessiontest.Secret)
		store.Options(sessions.Options{Path: "/", MaxAge: 7 * 24 * 60 * 60}) // for the browser only
		asked := mt.GetAllStartedEvents()
		require.Len(mt, asked, 1, "Options should not touch the index")
		assert.Equal(mt, "createIndexes", asked[0].CommandName)
		assert.Contains(mt, asked[0].Command.String(), `"expireAfterSeconds": {"$numberInt":"3600"}`, "#258: an old version wrote another number")
	})
	mt.Run("another lifetime is a panic", func(mt *mtest.T) {
		conflict := mtest.CommandError{Code: 85, Name: "IndexOptionsConflict", Message: "an equivalent index already exists"}
		mt.AddMockResponses(mtest.CreateCommandErrorResponse(conflict))
		assert.PanicsWithError(mt, "(IndexOptionsConflict) an equivalent index already exists", func() {
			mongodriver.NewStore(mt.Coll, 2*60*60, true, sessiontest.Secret)
		})

		// The way out: false, and an index of your own, whose error you can read.
		mt.AddMockResponses(mtest.CreateCommandErrorResponse(conflict))
		assert.NotPanics(mt, func() { mongodriver.NewStore(mt.Coll, maxAge, false, sessiontest.Secret) })
		assert.ErrorContains(mt, ensureTTL(mt.Coll), "collMod", "the error has to say how to change the index")
	})
	t.Run("MongoDB is down", func(t *testing.T) {
		nobody := options.Client().ApplyURI("mongodb://127.0.0.1:1").SetServerSelectionTimeout(time.Millisecond)
		client, err := mongo.Connect(context.Background(), nobody)
		require.NoError(t, err, "Connect does not wait for the server")
		defer client.Disconnect(context.Background())
		coll := client.Database("tutorial").Collection("sessions")

		assert.Panics(t, func() { mongodriver.NewStore(coll, maxAge, true, sessiontest.Secret) })

		assert.NotPanics(t, func() { mongodriver.NewStore(coll, maxAge, false, sessiontest.Secret) })
		assert.ErrorContains(t, ensureTTL(coll), "server selection")
	})
	t.Run("a real MongoDB, and how to change its index", func(t *testing.T) {
		coll := realMongoDB(t).sessions
		mongodriver.NewStore(coll, 60*60, true, sessiontest.Secret)
		assert.NotPanics(t, func() { mongodriver.NewStore(coll, 60*60, true, sessiontest.Secret) }, "the same lifetime is no conflict")
		assert.Panics(t, func() { mongodriver.NewStore(coll, 2*60*60, true, sessiontest.Secret) })

		change := bson.D{{Key: "collMod", Value: coll.Name()}, {Key: "index", Value: bson.D{
			{Key: "keyPattern", Value: bson.D{{Key: "modified", Value: 1}}},
			{Key: "expireAfterSeconds", Value: 2 * 60 * 60},
		}}}
		require.NoError(t, coll.Database().RunCommand(context.Background(), change).Err())
		assert.NotPanics(t, func() { mongodriver.NewStore(coll, 2*60*60, true, sessiontest.Secret) })
	})
}

// Question 27: "Which MongoDB driver do I need?"
func TestTheMongoStoreTakesTheDriverV1(t *testing.T) {
	t.Parallel()
	// An editor that imports by itself may offer go.mongodb.org/mongo-driver/v2/mongo,
	// which Gin brings along: its Collection is another type and does not compile here.
	wanted := reflect.TypeOf(mongodriver.NewStore).In(0)
	assert.Equal(t, "*mongo.Collection", wanted.String())
	assert.Equal(t, "go.mongodb.org/mongo-driver/mongo", wanted.Elem().PkgPath(), "the store has changed its driver: tell the README")

	// "go.mongodb.org/mongo-driver/mongo" is what this file imports as mongo.
	var coll *mongo.Collection = newDatabase(t, mongoserver.URI(t)).sessions
	app := sessiontest.Serve(t, newRouter(mongodriver.NewStore(coll, maxAge, false, sessiontest.Secret)))
	visitor := sessiontest.NewBrowser(t, "Alice")
	visitor.Get(app + "/incr")
	assert.JSONEq(t, `{"count":1}`, visitor.Get(app+"/incr"))
	documents, err := coll.CountDocuments(context.Background(), bson.D{})
	require.NoError(t, err)
	assert.EqualValues(t, 1, documents, "the session should be in the collection that NewStore was given")
}

// Question 30: "Why do my memcached sessions end at once?"
func TestMemcachedForgetsASessionOfMoreThan30DaysAtOnce(t *testing.T) {
	t.Parallel()
	const longest = 30 * 24 * 60 * 60 // in seconds: a bigger number is a date for memcached, in 1970

	// login keeps you for so many seconds; a visit to /user starts them again.
	login := func(t *testing.T, store sessions.Store, seconds int) (visitor *sessiontest.Browser, user string) {
		cookie := cookieOptions()
		cookie.MaxAge = seconds
		store.Options(cookie)
		r := gin.New()
		r.Use(sessions.Sessions(sessionName, store))
		r.POST("/login", func(c *gin.Context) {
			session := sessions.Default(c)
			session.Set("user", "gopher")
			assert.NoError(t, session.Save())
		})
		r.GET("/user", func(c *gin.Context) {
			session := sessions.Default(c)
			user := session.Get("user")
			if user != nil {
				session.Set("user", user) // without a change Save would do nothing
				assert.NoError(t, session.Save())
			}
			c.String(http.StatusOK, "%v", user)
		})
		app := sessiontest.Serve(t, r)
		visitor = sessiontest.NewBrowser(t, "Alice")
		entered := visitor.Send(http.MethodPost, app+"/login")
		require.Len(t, entered.Cookies, 1)
		require.Equal(t, seconds, entered.Cookies[0].MaxAge, "the browser is told what you asked for")
		return visitor, app + "/user"
	}

	onEachServer(t, func(t *testing.T, s server) {
		visitor, user := login(t, s.open(t), longest+1)
		if s.name == "mongo" {
			assert.Equal(t, "gopher", visitor.Get(user), "MongoDB has no such limit")
		} else {
			assert.Equal(t, "<nil>", visitor.Get(user), "the library has learned to send memcached a date")
		}

		visitor, user = login(t, s.open(t), longest)
		assert.Equal(t, "gopher", visitor.Get(user), "30 days, and not a second more, are fine")
	})

	t.Run("every Save starts 30 new days", func(t *testing.T) {
		now := clock.NewMock() // only the embedded server can move its clock
		now.Set(time.Now())
		s := onMemcached(memcachedserver.Run(t, minimemcached.WithClock(now)))
		visitor, user := login(t, s.open(t), longest)
		for range 3 {
			now.Add(29 * 24 * time.Hour)
			assert.Equal(t, "gopher", visitor.Get(user), "was the session saved at the last visit?")
		}
		now.Add(31 * 24 * time.Hour)
		assert.Equal(t, "<nil>", visitor.Get(user))
	})
}
