// Chapter 02: a session that lives in a signed cookie, without any server.
//
//	go run ./02-cookie-basic
//	curl -i -c jar -b jar http://localhost:8000/hello   # twice, in another terminal
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
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

// newStore keeps the whole session in the cookie. The secret signs it, so that
// nobody can change it; it does not encrypt it, so everybody can read it.
func newStore(secret []byte) sessions.Store {
	store := cookie.NewStore(secret)
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
	// Before every route that uses a session, or sessions.Default panics.
	r.Use(noStore, sessions.Sessions(sessionName, store))
	r.GET("/hello", hello)
	r.DELETE("/hello", forgetHello)
	r.POST("/logout", logout)
	return r
}

// hello greets, and says whether it has met this visitor before.
func hello(c *gin.Context) {
	session := sessions.Default(c)
	returning := session.Get("hello") == "world"
	if !returning {
		session.Set("hello", "world")
		// Save sends a header, so it has to come before the body.
		if err := session.Save(); err != nil {
			saveFailed(c, err)
			return
		}
	}
	c.JSON(http.StatusOK, gin.H{"hello": session.Get("hello"), "returning": returning})
}

// forgetHello removes one value. The session and its other values stay.
func forgetHello(c *gin.Context) {
	session := sessions.Default(c)
	session.Delete("hello")
	if err := session.Save(); err != nil {
		saveFailed(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// logout ends the session: the values go, and the browser drops the cookie.
func logout(c *gin.Context) {
	session := sessions.Default(c)
	session.Clear()
	options := cookieOptions()
	options.MaxAge = -1
	session.Options(options)
	if err := session.Save(); err != nil {
		saveFailed(c, err)
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

func saveFailed(c *gin.Context, err error) {
	log.Printf("session not saved: %v", err)
	c.AbortWithStatusJSON(http.StatusInternalServerError, gin.H{"error": "session not saved"})
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
