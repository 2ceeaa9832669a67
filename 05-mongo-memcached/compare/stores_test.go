package compare

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/gob"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memcached"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-contrib/sessions/mongo/mongodriver"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	mongooptions "go.mongodb.org/mongo-driver/mongo/options"
)

const day = 24 * 60 * 60 // seconds

// contender is a store, and the server behind it.
type contender struct {
	column   string
	addr     string // host:port of the server, or its Unix socket; empty: none
	read     string // what stands in a request that reads a session
	uri      string // of MongoDB, …
	database string // … where this test has a database of its own
	age      int    // of a session in MongoDB: NewStore of no other store asks for it

	// How long the store waits for a memcached, and looks for a lost MongoDB; 0 is
	// as long as the library does.
	patience time.Duration

	program *program // of this tutorial, on that server
}

// contenders returns the five stores by their column. The servers are those that the
// variables name, or embedded ones.
func contenders(t testing.TB) map[string]contender {
	t.Helper()
	uri, err := url.Parse(mongoserver.URI(t))
	require.NoError(t, err, "wanted: a MONGO_URI with a single host")
	query := uri.Query()
	query.Set("directConnection", "true") // or the driver goes around a proxy
	uri.Path, uri.RawQuery = cmp.Or(uri.Path, "/"), query.Encode()

	pool := &program{owner: t, folder: "../../03-redis-store/pool"}
	both := &program{owner: t, folder: "../", mongoDB: mongoserver.Run(t)}
	stores := map[string]contender{
		"cookie":    {},
		"memory":    {},
		"Redis":     {addr: redisserver.Addr(t), read: "\r\nGET\r\n", program: pool},
		"memcached": {addr: memcachedserver.Addr(t), read: "gets session_", program: both},
		"MongoDB":   {addr: uri.Host, read: "\x02find\x00", program: both, uri: uri.String(), database: "gin_sessions_tutorial_" + strings.ToLower(rand.Text())},
	}
	for column, c := range stores {
		c.column, c.age, c.patience = column, day, time.Minute // a busy machine may need it
		stores[column] = c
	}
	t.Cleanup(func() {
		assert.NoError(t, stores["MongoDB"].sessions(t).Database().Drop(context.Background()))
	})
	return stores
}

// at is the same store with its server at another address.
func (c contender) at(addr string) contender {
	c.uri = strings.Replace(c.uri, c.addr, addr, 1)
	c.addr = addr
	return c
}

// sessions is where MongoDB keeps them.
func (c contender) sessions(t testing.TB) *mongo.Collection {
	t.Helper()
	config := mongooptions.Client().ApplyURI(c.uri)
	if c.patience != 0 {
		config.SetServerSelectionTimeout(c.patience)
	}
	client, err := mongo.Connect(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Disconnect(context.Background())) })
	return client.Database(c.database).Collection("sessions")
}

func (c contender) memcache() *memcache.Client {
	client := memcache.New(c.addr)
	client.Timeout = c.patience
	return client
}

// open opens the store as the library's documentation does.
func (c contender) open(t testing.TB, ttlIndex bool) (sessions.Store, error) {
	t.Helper()
	switch c.column {
	case "cookie":
		return cookie.NewStore(sessiontest.Secret), nil
	case "memory":
		return memstore.NewStore(sessiontest.Secret), nil
	case "Redis":
		network := "tcp"
		if strings.HasPrefix(c.addr, "/") {
			network = "unix"
		}
		return redis.NewStore(10, network, c.addr, "", "", sessiontest.Secret)
	case "memcached":
		return memcached.NewStore(c.memcache(), "session_", sessiontest.Secret), nil
	}
	return mongodriver.NewStore(c.sessions(t), c.age, ttlIndex, sessiontest.Secret), nil
}

// lasting opens the store, with this MaxAge in its Options.
func (c contender) lasting(t testing.TB, seconds int) sessions.Store {
	t.Helper()
	store, err := c.open(t, false)
	require.NoError(t, err)
	store.Options(options(seconds))
	return store
}

func (c contender) library(t testing.TB) sessions.Store { return c.lasting(t, day) }

func options(maxAge int) sessions.Options {
	return sessions.Options{Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// idIn returns the ID in a cookie. The cookie of scs is the ID, and no such base64.
func idIn(t testing.TB, cookie string) (id string) {
	t.Helper()
	if _, err := base64.URLEncoding.DecodeString(cookie); err != nil {
		return cookie
	}
	require.NoError(t, gob.NewDecoder(strings.NewReader(sessiontest.Decode(t, cookie))).Decode(&id))
	return id
}

// stored returns what the server, or the store's memory, keeps for the session with
// this cookie; empty: nothing.
func (c contender) stored(t *testing.T, cookie *http.Cookie, store sessions.Store) (text string) {
	t.Helper()
	id := idIn(t, cookie.Value)
	var err error
	switch c.column {
	case "memory": // memstore does not tell, so this looks into its private map
		cache := reflect.ValueOf(store).Elem().FieldByName("MemStore").Elem().FieldByName("cache")
		require.True(t, cache.IsValid(), "memstore was rebuilt: see whether it still grows")
		if session := cache.Elem().FieldByName("data").MapIndex(reflect.ValueOf(id)); session.IsValid() {
			text = fmt.Sprint(session)
		}
	case "Redis":
		conn, dialError := redigo.Dial("tcp", c.addr)
		require.NoError(t, dialError)
		defer conn.Close()
		text, err = redigo.String(conn.Do("GET", "session_"+id))
	case "memcached":
		var item *memcache.Item
		if item, err = c.memcache().Get("session_" + id); err == nil {
			text = string(item.Value)
		}
	case "MongoDB":
		var document struct{ Data string }
		err = c.sessions(t).FindOne(context.Background(), bson.M{"_id": id}).Decode(&document)
		text = document.Data
	}
	require.Contains(t, []error{nil, redigo.ErrNil, memcache.ErrCacheMiss, mongo.ErrNoDocuments}, err, "wanted: the session, or that there is none")
	return text
}

// shop is an app with every page that the table needs, on this store. POST /add waits
// in meet between its read and its write.
func shop(t *testing.T, store sessions.Store, meet ...func()) (url string) {
	t.Helper()
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) {
		c.String(http.StatusInternalServerError, "panic")
	}))
	r.Use(sessions.Sessions(sessiontest.CookieName, store))
	r.GET("/text", func(c *gin.Context) {
		text, _ := sessions.Default(c).Get("text").(string)
		c.String(http.StatusOK, text)
	})
	page := func(path string, change func(c *gin.Context, session sessions.Session)) {
		r.POST(path, func(c *gin.Context) {
			session := sessions.Default(c)
			change(c, session)
			if err := session.Save(); err != nil {
				c.String(http.StatusInsufficientStorage, "error from `Save`")
			}
		})
	}
	page("/text/:text", func(c *gin.Context, session sessions.Session) { session.Set("text", c.Param("text")) })
	page("/bytes/:bytes", func(c *gin.Context, session sessions.Session) {
		n, err := strconv.Atoi(c.Param("bytes"))
		assert.NoError(t, err)
		session.Set("text", strings.Repeat("x", n))
	})
	page("/struct", func(_ *gin.Context, session sessions.Session) {
		session.Set("text", struct{ Text string }{"no gob.Register"})
	})
	page("/more", func(_ *gin.Context, session sessions.Session) { session.Set("more", true) })
	page("/logout", func(_ *gin.Context, session sessions.Session) {
		session.Clear()
		session.Options(options(-1))
	})
	page("/add/:text", func(c *gin.Context, session sessions.Session) {
		text, _ := session.Get("text").(string)
		meet[0]()
		session.Set("text", text+c.Param("text"))
	})
	return sessiontest.Serve(t, r)
}

// enter makes a visitor with the text "burrow" in the session, and returns the cookie
// that came with it.
func enter(t *testing.T, app string) (alice *sessiontest.Browser, cookie *http.Cookie) {
	t.Helper()
	alice = sessiontest.NewBrowser(t, "Alice")
	entered := alice.Send(http.MethodPost, app+"/text/burrow")
	require.Equal(t, http.StatusOK, entered.Status)
	require.Len(t, entered.Cookies, 1)
	return alice, entered.Cookies[0]
}

// known says whether a visitor finds that text in an app: one of two words.
func known(visitor *sessiontest.Browser, app, yes, no string) string {
	if visitor.Get(app+"/text") == "burrow" {
		return yes
	}
	return no
}
