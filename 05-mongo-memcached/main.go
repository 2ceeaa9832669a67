// Chapter 05: the same session, kept in MongoDB or in memcached.
//
//	docker compose up -d mongo memcached       # or: go run ./01-install/servers
//	go run ./05-mongo-memcached                # or: … -store memcached
//	curl -i -c jar -b jar http://localhost:8000/incr   # a few times, in another terminal
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memcached"
	"github.com/gin-contrib/sessions/mongo/mongodriver"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const (
	sessionName = "mysession"  // also the name of the cookie
	maxAge      = 24 * 60 * 60 // one day, in seconds

	// storeTimeout bounds each call to a server. A request makes one or two before
	// it gives up, so a 503 is about 2 s away.
	storeTimeout = time.Second
)

func main() {
	name := flag.String("store", "mongo", "where the sessions are kept: mongo or memcached")
	flag.Parse()
	secret, err := sessionSecret()
	if err != nil {
		log.Fatal(err)
	}
	var store sessions.Store
	switch *name {
	case "mongo":
		store, err = newMongoStore(cmp.Or(os.Getenv("MONGO_URI"), "mongodb://localhost:27017"), "tutorial", storeTimeout, secret)
	case "memcached":
		store, err = newMemcachedStore(cmp.Or(os.Getenv("MEMCACHED_ADDR"), "localhost:11211"), storeTimeout, secret)
	default:
		err = fmt.Errorf("unknown -store %q: use mongo or memcached", *name)
	}
	if err != nil {
		log.Fatal(err)
	}
	err = newRouter(store).Run(cmp.Or(os.Getenv("ADDR"), "localhost:8000"))
	log.Fatalf("cannot serve: %v\nADDR=localhost:9000 listens on another port.", err)
}

// newMongoStore keeps each session as a document of the collection "sessions".
func newMongoStore(uri, database string, timeout time.Duration, secret []byte) (sessions.Store, error) {
	// Without these two the driver waits 30 s for a lost server, and a minute or
	// more for a silent one. The URI comes last: its timeoutMS, if any, wins.
	config := options.Client().SetServerSelectionTimeout(timeout).SetTimeout(timeout).ApplyURI(uri)
	client, err := mongo.Connect(context.Background(), config)
	if err != nil {
		return nil, fmt.Errorf("MONGO_URI: %w", err)
	}
	if err := client.Ping(context.Background(), nil); err != nil {
		return nil, fmt.Errorf(noServer, "MongoDB", strings.Join(config.Hosts, ","), err, "mongo", "MONGO_URI=mongodb://host:port")
	}
	coll := client.Database(database).Collection("sessions")
	if err := ensureTTL(coll); err != nil {
		return nil, err
	}
	// false: with true NewStore would make the index, and panic if it can't.
	store := mongodriver.NewStore(coll, maxAge, false, secret)
	// It drops its load errors, so ask once more when it has found nothing: only a
	// document that is really gone may become a new session.
	loadError := func(id string, _ error) error {
		err := coll.FindOne(context.Background(), bson.M{"_id": id}).Err()
		return cmp.Or(err, errors.New("the session is there, but could not be loaded"))
	}
	return strictStore{store, loadError, mongo.ErrNoDocuments}, nil
}

// newMemcachedStore spreads the sessions over one or more servers, separated by
// commas. What one of them holds is lost when it stops.
func newMemcachedStore(addrs string, timeout time.Duration, secret []byte) (sessions.Store, error) {
	servers := new(memcache.ServerList)
	if err := servers.SetServers(strings.Split(addrs, ",")...); err != nil {
		return nil, fmt.Errorf("MEMCACHED_ADDR: %w", err)
	}
	client := memcache.NewFromSelector(servers)
	client.Timeout = timeout
	client.MaxIdleConns = 100 // with the default, 2, most parallel requests make a new connection
	if err := client.Ping(); err != nil {
		return nil, fmt.Errorf(noServer, "memcached", addrs, err, "memcached", "MEMCACHED_ADDR=host:port,host:port")
	}
	store := memcached.NewStore(client, "session_", secret)
	loadError := func(_ string, err error) error { return err } // this store returns every error
	return strictStore{store, loadError, memcache.ErrCacheMiss}, nil
}

// noServer takes the server's name, its address, the error, its name in
// docker-compose.yml and the variable that names another one.
const noServer = `no %s at %s: %w
Ways to get one:
  docker compose up -d %s
  go run ./01-install/servers          (without Docker; in a second terminal)
  %-36s (your own)`

// strictStore makes an error of New, with an ID, mean one thing in both stores:
// there may be a session, but it could not be read.
type strictStore struct {
	sessions.Store
	loadError func(id string, err error) error // why New has found no session
	gone      error                            // the driver's word for: there is none
}

// Get keeps the session for the rest of the request, as every store's Get does,
// but loads it with the New below.
func (s strictStore) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(s, name)
}

func (s strictStore) New(r *http.Request, name string) (*gorilla.Session, error) {
	session, err := s.Store.New(r, name)
	if session.IsNew && session.ID != "" { // a good cookie, but no session
		err = s.loadError(session.ID, err)
	}
	if errors.Is(err, s.gone) {
		err = nil // a new visitor
	}
	return session, err
}

// ensureTTL has MongoDB delete a session one maxAge after its last Save.
func ensureTTL(coll *mongo.Collection) error {
	_, err := coll.Indexes().CreateOne(context.Background(), mongo.IndexModel{
		Keys:    bson.D{{Key: "modified", Value: 1}},
		Options: options.Index().SetExpireAfterSeconds(maxAge).SetSparse(true), // like the store's own
	})
	var refused mongo.CommandError
	errors.As(err, &refused) // any other error has no name
	switch {
	case err == nil:
		return nil
	case refused.Name == "NotImplemented":
		log.Printf("warning: this server has no TTL indexes, old sessions stay in it: %v", err)
		return nil
	case refused.Name == "IndexOptionsConflict":
		return fmt.Errorf(`the sessions have a TTL index with another lifetime: %w
Change it to this program's, in mongosh:
  use %s
  db.runCommand({collMod: %q, index: {keyPattern: {modified: 1}, expireAfterSeconds: %d}})`,
			err, coll.Database().Name(), coll.Name(), maxAge)
	}
	return fmt.Errorf("TTL index: %w", err)
}

func newRouter(store sessions.Store) *gin.Engine {
	store.Options(cookieOptions())

	r := gin.Default()
	if err := r.SetTrustedProxies(nil); err != nil {
		log.Fatal(err)
	}
	r.Use(noStore, sessions.Sessions(sessionName, store), requireStore(store))
	r.GET("/incr", incr)
	r.POST("/logout", logout)
	return r
}

// requireStore loads the session before the handler asks for it, and stops the
// request when that fails. sessions.Default would only log the error and hand
// out an empty session, and Save would overwrite the visitor's data with it.
func requireStore(store sessions.Store) gin.HandlerFunc {
	return func(c *gin.Context) {
		session, err := store.Get(c.Request, sessionName)
		// Without an ID there was no cookie, or none that we signed: a new visitor.
		if err != nil && session.ID != "" {
			storeUnavailable(c, err) // and no handler runs
		}
	}
}

// incr counts this visitor's requests: 0, 1, 2, …
func incr(c *gin.Context) {
	session := sessions.Default(c)
	count := 0
	if last, ok := session.Get("count").(int); ok {
		count = last + 1
	}
	session.Set("count", count)
	if err := session.Save(); err != nil {
		storeUnavailable(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"count": count})
}

// logout ends the session, in the store and in the browser.
func logout(c *gin.Context) {
	session := sessions.Default(c)
	session.Clear()
	options := cookieOptions()
	options.MaxAge = -1
	session.Options(options)
	if err := session.Save(); err != nil {
		storeUnavailable(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// cookieOptions sets every option but Domain: what is left out is not safe, but
// without Domain the cookie is for this host only.
func cookieOptions() sessions.Options {
	return sessions.Options{
		Path:     "/",
		MaxAge:   maxAge,
		HttpOnly: true,                          // no JavaScript can read it
		SameSite: http.SameSiteLaxMode,          // not sent with another site's POST
		Secure:   gin.Mode() == gin.ReleaseMode, // https only, once deployed
	}
}

func storeUnavailable(c *gin.Context, err error) {
	log.Printf("session store: %v", err)
	c.AbortWithStatusJSON(http.StatusServiceUnavailable, gin.H{"error": "session store unavailable"})
}

// noStore keeps the answers out of every cache on the way: each is for one visitor.
func noStore(c *gin.Context) { c.Header("Cache-Control", "no-store") }

// sessionSecret returns the key that signs the cookies, from SESSION_SECRET.
func sessionSecret() ([]byte, error) {
	const known = "development only: everybody knows"
	secret := os.Getenv("SESSION_SECRET")
	if secret == "" && gin.Mode() != gin.ReleaseMode {
		log.Print("warning: SESSION_SECRET is not set: anybody can sign cookies")
		return []byte(known), nil
	}
	if len(secret) < 32 || secret == known {
		return nil, fmt.Errorf("SESSION_SECRET has %d bytes: it needs 32 or more of your own", len(secret))
	}
	return []byte(secret), nil
}
