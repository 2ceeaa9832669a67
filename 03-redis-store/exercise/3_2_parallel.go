package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
)

// Exercise 3.2: "Two clicks at once, and one is not counted."

// CountClick counts the clicks of a session, and answers POST /click with their
// number. The pool leads to the Redis that has the sessions. Whoever clicks has
// logged in, so there is a session.
func CountClick(pool *redigo.Pool) gin.HandlerFunc {
	return func(c *gin.Context) {
		session := sessions.Default(c)
		clicks, _ := session.Get("clicks").(int) // 0 at first
		clicks++
		// TODO(3.2): count both of two clicks at once, each in another instance of the app
		session.Set("clicks", clicks)
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.String(http.StatusOK, "%d", clicks)
	}
}
