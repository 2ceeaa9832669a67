package main

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gin-contrib/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// server is a MongoDB or a memcached that the program runs on in a test.
type server struct {
	name  string             // as after -store
	app   sessiontest.App    // the program, patient with the server
	hasty sessiontest.Server // the program with a quarter of its own patience: tests wait for it

	// What the server keeps for a session, past the program; empty: nothing.
	read  func(id string) (data string, err error)
	write func(id, data string) error
}

// onEachServer runs a test with MongoDB, and once more with memcached.
func onEachServer(t *testing.T, test func(t *testing.T, s server)) {
	t.Helper()
	t.Run("mongo", func(t *testing.T) { test(t, onMongo(t, mongoserver.URI(t))) })
	t.Run("memcached", func(t *testing.T) { test(t, onMemcached(memcachedserver.Addr(t))) })
}

// patience is the time-out of each call in the tests: long, for busy machines.
const patience = time.Minute

// opener opens a store on the server at addr.
type opener func(addr string, timeout time.Duration, secret []byte) (sessions.Store, error)

func (open opener) within(timeout time.Duration) sessiontest.NewStore {
	return func(addr string, secret []byte) (sessions.Store, error) { return open(addr, timeout, secret) }
}

func onMongo(t testing.TB, uri string) server {
	t.Helper()
	db := newDatabase(t, uri)
	ctx := context.Background()
	return server{
		name: "mongo",
		app:  sessiontest.Counter(newRouter, opener(db.open).within(patience), db.uri.Host),
		hasty: sessiontest.Server{
			NewStore: opener(db.open).within(storeTimeout / 4),
			Read:     "\x02find\x00", // BSON: a string called find
			Write:    "\x02update\x00",
			Settings: func(addr string) (env, args []string) { return []string{"MONGO_URI=mongodb://" + addr}, nil },
			Ways:     []string{"docker compose up -d mongo\n", "MONGO_URI=mongodb://host:port "},
		},
		read: func(id string) (string, error) {
			var document struct{ Data string }
			err := db.sessions.FindOne(ctx, bson.M{"_id": id}).Decode(&document)
			if errors.Is(err, mongo.ErrNoDocuments) {
				return "", nil
			}
			return document.Data, err
		},
		write: func(id, data string) error {
			_, err := db.sessions.UpdateByID(ctx, id, bson.M{"$set": bson.M{"data": data}})
			return err
		},
	}
}

func onMemcached(addr string) server {
	client := memcache.New(addr)
	client.Timeout = patience
	return server{
		name: "memcached",
		app:  sessiontest.Counter(newRouter, opener(newMemcachedStore).within(patience), addr),
		hasty: sessiontest.Server{
			NewStore: opener(newMemcachedStore).within(storeTimeout / 4),
			Read:     "gets session_",
			Write:    "set session_",
			Settings: func(addr string) (env, args []string) {
				return []string{"MEMCACHED_ADDR=" + addr}, []string{"-store", "memcached"}
			},
			Ways: []string{"docker compose up -d memcached\n", "MEMCACHED_ADDR=host:port,host:port "},
		},
		read: func(id string) (string, error) {
			item, err := client.Get("session_" + id)
			if errors.Is(err, memcache.ErrCacheMiss) {
				return "", nil
			} else if err != nil {
				return "", err
			}
			return string(item.Value), nil
		},
		write: func(id, data string) error {
			return client.Set(&memcache.Item{Key: "session_" + id, Value: []byte(data), Expiration: maxAge})
		},
	}
}

// open opens the program's store on the server.
func (s server) open(t testing.TB) sessions.Store {
	t.Helper()
	store, err := s.app.NewStore(s.app.Addr, sessiontest.Secret)
	require.NoError(t, err)
	return store
}

// visited runs the program on the server, and returns its URL, a visitor who has
// been there once, and the ID of her session.
func (s server) visited(t *testing.T) (app string, alice *sessiontest.Browser, id string) {
	t.Helper()
	store := s.open(t)
	app, alice = sessiontest.Serve(t, newRouter(store)), sessiontest.NewBrowser(t, "Alice")
	assert.JSONEq(t, `{"count":0}`, alice.Get(app+"/incr"))
	return app, alice, sessiontest.ID(t, store, alice.CookieValue(app))
}

// database is one on a MongoDB for a single test, which drops it in the end.
type database struct {
	uri      *url.URL
	sessions *mongo.Collection
}

func newDatabase(t testing.TB, uri string) database {
	t.Helper()
	u, err := url.Parse(uri)
	require.NoError(t, err, "wanted: a MONGO_URI with a single host")
	u.Path = cmp.Or(u.Path, "/")
	query := u.Query()
	query.Set("directConnection", "true") // or the driver would go around a proxy
	u.RawQuery = query.Encode()
	// The program never disconnects, and FerretDB waits 3 s for those who do not.
	u.Host = sessiontest.NewProxy(t, u.Host).Addr

	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI(u.String()))
	require.NoError(t, err)
	db := client.Database("gin_sessions_tutorial_" + strconv.FormatInt(time.Now().UnixNano(), 36))
	t.Cleanup(func() {
		assert.NoError(t, db.Drop(context.Background()))
		assert.NoError(t, client.Disconnect(context.Background()))
	})
	return database{u, db.Collection("sessions")}
}

// open opens the program's store on this database, at addr: there may be a proxy.
func (db database) open(addr string, timeout time.Duration, secret []byte) (sessions.Store, error) {
	uri := *db.uri
	uri.Host = addr
	return newMongoStore(uri.String(), db.sessions.Database().Name(), timeout, secret)
}
