// Chapter 03: the same session, kept in Redis. The cookie holds a signed ID only.
//
//	docker compose up -d redis       # or: go run ./01-install/servers
//	go run ./03-redis-store
//	curl -i -c jar -b jar http://localhost:8000/incr   # a few times, in another terminal
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
)

const (
	sessionName = "mysession"  // also the name of the cookie
	maxAge      = 24 * 60 * 60 // one day, in seconds
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
	store, err := newStore(addr, secret)
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

// newStore connects to Redis. Its error must be checked: the store is nil then.
func newStore(addr string, secret []byte) (sessions.Store, error) {
	return redis.NewStore(
		10,    // idle connections kept open; not a limit on connections
		"tcp", // or "unix" for a socket; Redis has no UDP
		addr,
		os.Getenv("REDIS_USERNAME"), // empty: Redis's default user
		os.Getenv("REDIS_PASSWORD"), // empty: no password
		secret,                      // signs the ID in the cookie
	)
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
