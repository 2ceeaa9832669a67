package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
	"github.com/benbjohnson/clock"
	"github.com/bradfitz/gomemcache/memcache"
	"github.com/daangn/minimemcached"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memcached"
	"github.com/gin-contrib/sessions/mongo/mongodriver"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/integration/mtest"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// TestMain runs the tests or, in a process started by runProgram, the program.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_PROGRAM") != "" {
		main()
		return
	}
	gin.SetMode(gin.TestMode)      // whatever GIN_MODE says
	gin.DefaultWriter = io.Discard // a line for each request helps nobody here

	dir, err := os.MkdirTemp("", "ferretdb")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ferretURI, _ = startFerretDB(dir) // until the process ends
	m.Run()
}

// server is a MongoDB or a memcached that the tests run on.
type server struct {
	addr     string        // host:port
	uri      string        // of MongoDB; empty for memcached
	database string        // of MongoDB: one that the tests make, and drop in the end
	timeout  time.Duration // for each call; long, for tests on busy machines

	// How a session is read on the wire, its name in docker-compose.yml, and
	// the variable that says where it is: for lost_test.go.
	read, service, variable string
}

// servers returns an embedded MongoDB-compatible server and an embedded
// memcached and, when MONGO_URI or MEMCACHED_ADDR is set, the ones there.
func servers(t testing.TB) map[string]server {
	t.Helper()
	all := map[string]server{
		"mongo/embedded":     mongoServer(t, ferretURI),
		"memcached/embedded": memcachedServer(miniMemcached(t)),
	}
	if uri := os.Getenv("MONGO_URI"); uri != "" {
		all["mongo/real"] = mongoServer(t, uri)
	}
	if addrs := os.Getenv("MEMCACHED_ADDR"); addrs != "" {
		addr, _, _ := strings.Cut(addrs, ",")
		all["memcached/real"] = memcachedServer(addr)
	}
	return all
}

// ferretURI leads to the FerretDB that TestMain starts for all tests.
var ferretURI string

// startFerretDB starts a FerretDB with its files in dir, and returns its URI, and
// what stops it.
func startFerretDB(dir string) (uri string, stop func()) {
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.DiscardHandler),
		Handler:   "sqlite",
		SQLiteURL: "file:" + filepath.ToSlash(dir) + "/?_pragma=busy_timeout(60000)", // in memory its single connection deadlocks
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- server.Run(ctx) }()
	return server.MongoDBURI(), func() {
		cancel()
		<-stopped
	}
}

// mongoServer makes a database of its own on the MongoDB at uri for this test.
func mongoServer(t testing.TB, uri string) server {
	t.Helper()
	u, err := url.Parse(uri)
	require.NoError(t, err, "MONGO_URI has to name a single host")
	query := u.Query()
	query.Set("directConnection", "true") // or the driver would go around a proxy
	u.RawQuery = query.Encode()
	database := "gin_sessions_tutorial_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	s := server{u.Host, u.String(), database, time.Minute, "\x02find\x00", "mongo", "MONGO_URI"}
	t.Cleanup(func() { assert.NoError(t, s.sessions(t).Database().Drop(context.Background())) })
	return s
}

func memcachedServer(addr string) server {
	return server{addr: addr, timeout: time.Minute, read: "gets session_", service: "memcached", variable: "MEMCACHED_ADDR"}
}

// miniMemcached starts a memcached in this process and returns its address.
func miniMemcached(t testing.TB, options ...minimemcached.Option) string {
	t.Helper()
	server, err := minimemcached.Run(&minimemcached.Config{}, options...)
	require.NoError(t, err)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(server.Port())))
}

// store connects to the server, as every start of an app does.
func (s server) store(t testing.TB, secret []byte) sessions.Store {
	t.Helper()
	return connect(t, func() (sessions.Store, error) {
		if s.uri == "" {
			return newMemcachedStore(s.addr, s.timeout, secret)
		}
		return newMongoStore(s.uri, s.database, s.timeout, secret)
	})
}

// connect opens a store. It tries some times: on a busy machine a server may need
// longer than the store's timeout.
func connect(t testing.TB, open func() (sessions.Store, error)) (store sessions.Store) {
	t.Helper()
	var err error
	for range 10 {
		if store, err = open(); err == nil {
			break
		}
	}
	require.NoError(t, err)
	return store
}

// memcacheClient asks the memcached at this address; a timeout of 0 is 500 ms.
func memcacheClient(addr string, timeout time.Duration) *memcache.Client {
	client := memcache.New(addr)
	client.Timeout = timeout
	return client
}

// through is the same server behind a proxy, with the timeout of the program.
func (s server) through(p *proxy) server {
	s = s.at(p.addr)
	s.timeout = storeTimeout
	return s
}

// at is the same server at another address.
func (s server) at(addr string) server {
	s.uri = strings.Replace(s.uri, s.addr, addr, 1)
	s.addr = addr
	return s
}

// configure returns the environment and the arguments that make the program use
// a server at addr.
func (s server) configure(addr string) (env, args []string) {
	if s.uri == "" {
		return []string{"MEMCACHED_ADDR=" + addr}, []string{"-store", "memcached"}
	}
	return []string{"MONGO_URI=mongodb://" + addr}, nil
}

// sessions is where the app keeps its sessions, for a look past the app.
func (s server) sessions(t testing.TB) *mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI(s.uri))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, client.Disconnect(context.Background())) })
	return client.Database(s.database).Collection("sessions")
}

func TestASilentServerIsA503InTime(t *testing.T) {
	t.Parallel()
	// The promise is about 2 s. It is kept by what is set, which a busy machine does
	// not change: a request makes two calls at most before it gives up.
	assert.LessOrEqual(t, 2*storeTimeout, 2*time.Second)
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		visitor := newBrowser(t)
		visitor.get(serve(t, s.store(t, testSecret)) + "/incr")
		network := newProxy(t, s.addr)
		app := serve(t, s.through(network).store(t, testSecret))

		network.hang()
		start := time.Now()
		got := visitor.send(http.MethodGet, app+"/incr")
		assert.Equal(t, http.StatusServiceUnavailable, got.status)
		assert.JSONEq(t, unavailable, got.body)
		assert.Less(t, time.Since(start), 15*time.Second, "MongoDB's driver waits a minute or more by default")

		network.restore()
		assert.Positive(t, firstCount(t, visitor, app), "an empty session was saved over the visitor's")
	})
}

func TestAMongoDBThatIsNotThereIsNoticedSoon(t *testing.T) {
	t.Parallel()
	start := time.Now()

	// The URI may allow slow answers; to look for a server is another matter.
	status, _ := runProgram(t, []string{"SESSION_SECRET=", "GIN_MODE=debug", "MONGO_URI=mongodb://127.0.0.1:1/?timeoutMS=600000"})

	assert.Equal(t, 1, status)
	assert.Less(t, time.Since(start), 30*time.Second, "MongoDB's driver looks for 30 s by default")
}

// sessionID returns the ID in a cookie of an app on this store.
func sessionID(t *testing.T, store sessions.Store, cookie *http.Cookie) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "/", nil)
	require.NoError(t, err)
	request.AddCookie(cookie)
	session, err := store.Get(request, sessionName)
	require.NoError(t, err)
	require.NotEmpty(t, session.ID)
	return session.ID
}

// stored returns what the server keeps for a session; empty: nothing.
func (s server) stored(t *testing.T, id string) string {
	t.Helper()
	if s.uri == "" {
		item, err := memcacheClient(s.addr, s.timeout).Get("session_" + id)
		if errors.Is(err, memcache.ErrCacheMiss) {
			return ""
		}
		require.NoError(t, err)
		return string(item.Value)
	}
	var document struct{ Data string }
	err := s.sessions(t).FindOne(context.Background(), bson.M{"_id": id}).Decode(&document)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return ""
	}
	require.NoError(t, err)
	return document.Data
}

func TestTheSessionIsInTheServerUntilLogout(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		store := s.store(t, testSecret)
		app := serve(t, store)
		visitor := newBrowser(t)
		visitor.get(app + "/incr")
		id := sessionID(t, store, visitor.cookie(app))

		assert.Contains(t, plainText(t, s.stored(t, id)), "count", "the values are there, signed like a cookie")

		visitor.send(http.MethodPost, app+"/logout")

		assert.Empty(t, s.stored(t, id))
	})
}

func TestUnreadableDataIsA503AndStays(t *testing.T) {
	t.Parallel()
	mongo := mongoServer(t, ferretURI)
	store := mongo.store(t, testSecret)
	app := serve(t, store)
	visitor := newBrowser(t)
	visitor.get(app + "/incr")
	id := sessionID(t, store, visitor.cookie(app))
	_, err := mongo.sessions(t).UpdateByID(context.Background(), id, bson.M{"$set": bson.M{"data": "damaged"}})
	require.NoError(t, err)

	got := visitor.send(http.MethodGet, app+"/incr")

	assert.Equal(t, http.StatusServiceUnavailable, got.status)
	assert.Equal(t, "damaged", mongo.stored(t, id), "an operator may still want to look at it")
}

func TestAMemcachedSessionUnusedForADayStartsAnew(t *testing.T) {
	t.Parallel()
	now := clock.NewMock() // only the embedded server can move its clock
	app := serve(t, memcachedServer(miniMemcached(t, minimemcached.WithClock(now))).store(t, testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/incr")

	now.Add(23 * time.Hour)
	assert.JSONEq(t, count(1), visitor.get(app+"/incr"), "the session ended too early")
	now.Add(23 * time.Hour)
	assert.JSONEq(t, count(2), visitor.get(app+"/incr"), "every Save should start a new day")
	now.Add(25 * time.Hour)
	assert.JSONEq(t, count(0), visitor.get(app+"/incr"), "the item should have expired")
}

func TestAMongoCookieEndsAfterADayInTheServerToo(t *testing.T) {
	t.Parallel()
	app := serve(t, mongoServer(t, ferretURI).store(t, testSecret))
	visitor := newBrowser(t)
	visitor.get(app + "/incr")
	fresh := visitor.cookie(app).Value

	visitor.setCookie(app, aged(t, fresh, 23*time.Hour))
	assert.JSONEq(t, count(1), visitor.get(app+"/incr"), "the session ended too early")

	visitor.setCookie(app, aged(t, fresh, 25*time.Hour))
	assert.JSONEq(t, count(0), visitor.get(app+"/incr"))
}

func TestMongoDBGetsATTLIndexOfADay(t *testing.T) {
	t.Parallel()
	s := realMongoDB(t)
	s.store(t, testSecret)
	s.store(t, testSecret) // the second start finds the index of the first

	var indexes []struct {
		Key                bson.D
		ExpireAfterSeconds int `bson:"expireAfterSeconds"`
	}
	cursor, err := s.sessions(t).Indexes().List(context.Background())
	require.NoError(t, err)
	require.NoError(t, cursor.All(context.Background(), &indexes))
	require.Len(t, indexes, 2, "want the index of _id and ours")
	assert.Equal(t, "modified", indexes[1].Key[0].Key)
	assert.Equal(t, maxAge, indexes[1].ExpireAfterSeconds)
}

func TestATTLIndexWithAnotherLifetimeIsExplained(t *testing.T) {
	t.Parallel()
	s := realMongoDB(t)
	_, err := s.sessions(t).Indexes().CreateOne(context.Background(), mongo.IndexModel{
		Keys:    bson.D{{Key: "modified", Value: 1}},
		Options: options.Index().SetExpireAfterSeconds(60),
	})
	require.NoError(t, err)

	_, err = newMongoStore(s.uri, s.database, s.timeout, testSecret)

	require.ErrorContains(t, err, "TTL index with another lifetime")
	require.ErrorContains(t, err, "collMod")
}

// realMongoDB returns the server at MONGO_URI, with a database for this test.
func realMongoDB(t *testing.T) server {
	t.Helper()
	uri := os.Getenv("MONGO_URI")
	if uri == "" {
		t.Skip("FerretDB v1, the embedded server, has no TTL indexes: set MONGO_URI to a MongoDB")
	}
	return mongoServer(t, uri)
}

// The answers of servers that this machine does not have, from the driver's own
// test kit.
func TestTheAnswerToTheTTLIndexDecides(t *testing.T) {
	mt := mtest.New(t, mtest.NewOptions().ClientType(mtest.Mock))
	answers := map[string]mtest.CommandError{
		"conflict": {Code: 85, Name: "IndexOptionsConflict", Message: "an equivalent index already exists"},
		"no TTL":   {Code: 238, Name: "NotImplemented", Message: "TTL indexes are not implemented"},
		"other":    {Code: 13, Name: "Unauthorized", Message: "not authorized on tutorial"},
	}
	for name, answer := range answers {
		mt.Run(name, func(mt *mtest.T) {
			mt.AddMockResponses(mtest.CreateCommandErrorResponse(answer))
			err := ensureTTL(mt.Coll)
			asked := mt.GetStartedEvent().Command.String()
			require.Contains(mt, asked, `"key": {"modified": {"$numberInt":"1"}}`)
			require.Contains(mt, asked, `"expireAfterSeconds": {"$numberInt":"86400"}`)
			switch name {
			case "conflict":
				require.ErrorContains(mt, err, "TTL index with another lifetime")
				require.ErrorContains(mt, err, "expireAfterSeconds: 86400", "the way out is missing")
			case "no TTL":
				require.NoError(mt, err, "a warning is enough: the sessions work")
			default:
				require.ErrorContains(mt, err, answer.Message)
			}
		})
	}
}

func TestAServerWithoutTTLIndexesIsAWarning(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)

	mongoServer(t, ferretURI).store(t, testSecret)

	assert.Contains(t, logged.String(), "warning: this server has no TTL indexes")
}

func TestSeveralMemcachedServersShareTheVisitors(t *testing.T) {
	t.Parallel()
	here, there := miniMemcached(t), miniMemcached(t)
	network := newProxy(t, there)
	store, err := newMemcachedStore(here+","+network.addr, time.Minute, testSecret)
	require.NoError(t, err)
	app := serve(t, store)
	var onHere, onThere []*browser
	for range 40 {
		visitor := newBrowser(t)
		visitor.get(app + "/incr")
		if memcachedServer(here).stored(t, sessionID(t, store, visitor.cookie(app))) != "" {
			onHere = append(onHere, visitor)
		} else {
			onThere = append(onThere, visitor)
		}
	}
	require.NotEmpty(t, onHere)
	require.NotEmpty(t, onThere)

	network.cut()
	for _, visitor := range onHere {
		assert.JSONEq(t, count(1), visitor.get(app+"/incr"), "this visitor's server is fine")
	}
	for _, visitor := range onThere {
		assert.Equal(t, http.StatusServiceUnavailable, visitor.send(http.MethodGet, app+"/incr").status)
	}

	network.restore()
	for _, visitor := range onThere {
		assert.Equal(t, 1, firstCount(t, visitor, app), "nobody may be moved to the other server")
	}
}

func TestAWrongSettingIsExplained(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ setting, store, want string }{
		"store":             {"MONGO_URI=", "redis", `unknown -store "redis": use mongo or memcached`},
		"mongo URI":         {"MONGO_URI=localhost:27017", "mongo", "MONGO_URI: "},
		"memcached address": {"MEMCACHED_ADDR=localhost", "memcached", "MEMCACHED_ADDR: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			status, output := runProgram(t, []string{"SESSION_SECRET=", "GIN_MODE=debug", test.setting}, "-store", test.store)
			assert.Equal(t, 1, status)
			assert.Contains(t, output, test.want)
		})
	}
}

func TestAPasswordIsNotPrinted(t *testing.T) {
	t.Parallel()
	_, output := runProgram(t, []string{"SESSION_SECRET=", "GIN_MODE=debug", "MONGO_URI=mongodb://gopher:burrow@127.0.0.1:1"})
	assert.Contains(t, output, "no MongoDB at 127.0.0.1:1")
	assert.NotContains(t, output, "burrow")
}

// serveBare runs the chapter's handlers on a store as the library makes it.
func serveBare(t *testing.T, store sessions.Store) (url string) {
	t.Helper()
	r := gin.New()
	r.Use(sessions.Sessions(sessionName, store))
	r.GET("/incr", incr)
	return listen(t, r)
}

func TestTheMongoStoreAloneLosesTheSessionInABlip(t *testing.T) {
	t.Parallel()
	s := mongoServer(t, ferretURI)
	network := newProxy(t, s.addr)
	collection := s.through(network).sessions(t) // its driver retries a failed read once
	app := serveBare(t, mongodriver.NewStore(collection, maxAge, false, testSecret))
	visitor := newBrowser(t)
	for visit := range 5 {
		require.JSONEq(t, count(visit), visitor.get(app+"/incr"))
	}

	network.cutOn(s.read, 2)

	assert.JSONEq(t, count(0), visitor.get(app+"/incr"), "mongostore has learned to return its errors: tell the README")
}

func TestTheMemcachedStoreAloneCallsANewVisitorAnError(t *testing.T) {
	t.Parallel()
	client := memcacheClient(miniMemcached(t), time.Minute)
	store := memcached.NewStore(client, "session_", testSecret)
	app := serveBare(t, store)
	visitor := newBrowser(t)
	visitor.get(app + "/incr")
	id := sessionID(t, store, visitor.cookie(app))
	require.NoError(t, client.Delete("session_"+id)) // expired, say

	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.AddCookie(visitor.cookie(app))
	_, err := store.Get(request, sessionName)

	assert.ErrorIs(t, err, memcache.ErrCacheMiss, "a session that is gone looks like a server that is gone")
}
