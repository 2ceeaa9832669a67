// Chapter 03, second program: the same session on connections of our own making,
// with timeouts, and on one Redis or a Redis Cluster.
//
//	go run ./03-redis-store/pool
//	REDIS_ADDR=host:7000,host:7001,host:7002 go run ./03-redis-store/pool
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/mna/redisc"
)

const (
	sessionName = "mysession"  // also the name of the cookie
	maxAge      = 24 * 60 * 60 // one day, in seconds

	// timeout bounds each attempt to reach Redis. A request makes one or two before
	// it gives up, so a 503 is about 2 s away.
	timeout = time.Second
)

func main() {
	secret, err := sessionSecret()
	if err != nil {
		log.Fatal(err)
	}
	addr := cmp.Or(os.Getenv("REDIS_ADDR"), "localhost:6379")
	if strings.Contains(addr, "@") { // a password, which an error would print
		log.Fatal("REDIS_ADDR is host:port; the password goes into REDIS_PASSWORD")
	}
	store, err := newStore(addr, timeout, secret)
	if err != nil {
		log.Fatalf(noRedis, addr, err)
	}
	err = newRouter(store).Run(cmp.Or(os.Getenv("ADDR"), "localhost:8000"))
	log.Fatalf("cannot serve: %v\nADDR=localhost:9000 listens on another port.", err)
}

const noRedis = `no Redis at %s: %v
Ways to get one:
  docker compose up -d redis
  go run ./01-install/servers          (without Docker; in a second terminal)
  REDIS_ADDR=host:port                 (your own)`

// newStore connects to one Redis or, given several addresses separated by commas,
// to the Redis Cluster which has these nodes.
func newStore(addrs string, timeout time.Duration, secret []byte) (sessions.Store, error) {
	options := []redigo.DialOption{
		redigo.DialConnectTimeout(timeout),
		redigo.DialReadTimeout(timeout),
		redigo.DialWriteTimeout(timeout),
		redigo.DialUsername(os.Getenv("REDIS_USERNAME")),
		redigo.DialPassword(os.Getenv("REDIS_PASSWORD")),
	}
	nodes := strings.Split(addrs, ",")
	pool, err := nodePool(nodes[0], options...)
	if err != nil {
		return nil, err
	}
	if len(nodes) > 1 {
		cluster := &redisc.Cluster{StartupNodes: nodes, DialOptions: options, CreatePool: nodePool}
		if err := cluster.Refresh(); err != nil { // learns which node has which keys
			return nil, err
		}
		// The cluster keeps a pool for every node, so this one keeps nothing. Its
		// connections are made for one command's key, and follow it when it has moved.
		pool = &redigo.Pool{Dial: func() (redigo.Conn, error) {
			return redisc.RetryConn(cluster.Get(), 3, 100*time.Millisecond)
		}}
	}
	return redis.NewStoreWithPool(pool, secret)
}

// nodePool keeps the connections to one Redis. It does not connect yet.
func nodePool(addr string, options ...redigo.DialOption) (*redigo.Pool, error) {
	return &redigo.Pool{
		MaxIdle:         50,  // kept open
		MaxActive:       200, // at most; one more request waits for a connection
		Wait:            true,
		IdleTimeout:     4 * time.Minute,
		MaxConnLifetime: 10 * time.Minute, // then dial again: after a failover Redis may be elsewhere
		Dial: func() (redigo.Conn, error) {
			return redigo.Dial("tcp", addr, options...)
		},
		// redis.NewStore sends a PING before every single command. This pool sends one
		// only after a minute without use.
		TestOnBorrow: func(conn redigo.Conn, lastUsed time.Time) error {
			if time.Since(lastUsed) < time.Minute {
				return nil
			}
			_, err := conn.Do("PING")
			return err
		},
	}, nil
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
