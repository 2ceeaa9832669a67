package exercise

import (
	"errors"
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
)

// Exercise 3.4: "My phone was stolen: how do I log it out?"

// Accounts adds what users do: log in, see who they are, keep something in a cart,
// log out on all their devices. The pool leads to the Redis that has the sessions.
func Accounts(r *gin.Engine, pool *redigo.Pool) {
	r.POST("/login/:user", func(c *gin.Context) {
		session := sessions.Default(c)
		user := c.Param("user")
		version, err := versionOf(pool, user)
		if err == nil {
			session.Set("user", user)
			session.Set("version", version)
			err = session.Save()
		}
		if err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.Status(http.StatusNoContent)
	})

	users := r.Group("/", func(c *gin.Context) { // the routes for users only
		session := sessions.Default(c)
		user, _ := session.Get("user").(string)
		version, err := versionOf(pool, user)
		if err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		if user == "" || session.Get("version") != version {
			c.AbortWithStatus(http.StatusUnauthorized)
		}
	})
	users.GET("/me", func(c *gin.Context) {
		c.String(http.StatusOK, sessions.Default(c).Get("user").(string))
	})
	users.POST("/cart/:item", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("cart", c.Param("item"))
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.Status(http.StatusNoContent)
	})
	users.POST("/logout-everywhere", func(c *gin.Context) {
		session := sessions.Default(c)
		// There is no need to find the other sessions: a new version makes them all
		// invalid, even one that a running request saves again.
		conn := pool.Get()
		defer conn.Close()
		if _, err := conn.Do("INCR", "version_"+session.Get("user").(string)); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		session.Clear()
		session.Options(sessions.Options{Path: "/", MaxAge: -1})
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.Status(http.StatusNoContent)
	})
}

// versionOf returns how often this user has logged out everywhere. It is kept in
// Redis, where all instances of the app see it, and does not expire.
func versionOf(pool *redigo.Pool, user string) (int, error) {
	conn := pool.Get()
	defer conn.Close()
	version, err := redigo.Int(conn.Do("GET", "version_"+user))
	if errors.Is(err, redigo.ErrNil) {
		return 0, nil // not yet
	}
	return version, err
}
