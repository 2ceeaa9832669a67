package exercise

import (
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
		session.Set("user", c.Param("user"))
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.Status(http.StatusNoContent)
	})

	users := r.Group("/", func(c *gin.Context) { // the routes for users only
		if user, _ := sessions.Default(c).Get("user").(string); user == "" {
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
		// TODO(3.4): end all sessions of this user, those on other devices as well
		session.Clear()
		session.Options(sessions.Options{Path: "/", MaxAge: -1})
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.Status(http.StatusNoContent)
	})
}
