// Chapter 04: the same session, kept in this program's own memory.
//
//	go run ./04-memstore
//	curl -i -c jar -b jar http://localhost:8000/incr   # a few times, in another terminal
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
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
	err = newRouter(newStore(secret)).Run(cmp.Or(os.Getenv("ADDR"), "localhost:8000"))
	log.Fatalf("cannot serve: %v\nADDR=localhost:9000 listens on another port.", err)
}

// newStore keeps the sessions in a map: they end with this program, and no
// other program sees them. The secret signs the ID in the cookie.
func newStore(secret []byte) sessions.Store {
	store := memstore.NewStore(secret)
	// Options tells the browser when to forget the cookie. The signature has
	// a lifetime of its own, 30 days, which only the store's MaxAge changes.
	store.(interface{ MaxAge(seconds int) }).MaxAge(maxAge)
	return store
}

func newRouter(store sessions.Store) *gin.Engine {
	store.Options(cookieOptions())

	r := gin.Default()
	if err := r.SetTrustedProxies(nil); err != nil {
		log.Fatal(err)
	}
	r.Use(noStore, sessions.Sessions(sessionName, store))
	r.GET("/incr", incr)
	r.POST("/logout", logout)
	return r
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
