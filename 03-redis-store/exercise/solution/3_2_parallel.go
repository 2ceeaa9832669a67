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
		conn := pool.Get()
		defer conn.Close()
		// A session is read and written as a whole, so the number has a key of its
		// own. INCR reads and writes it in one step, and all instances of the app
		// ask the same Redis, which takes one step after the other.
		key := "clicks_" + sessions.Default(c).ID()
		clicks, err := redigo.Int(conn.Do("INCR", key))
		if err == nil {
			// Nobody deletes this key when the session ends: a day, like the session.
			_, err = conn.Do("EXPIRE", key, 24*60*60)
		}
		if err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.String(http.StatusOK, "%d", clicks)
	}
}
