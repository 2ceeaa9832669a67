package exercise

import (
	"net/http"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 3.5: "The session ends although the user is active."

// Enter logs a user in, and keeps the time of that. It answers POST /login/:user.
func Enter(now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("user", c.Param("user"))
		session.Set("since", now().Unix())
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.Status(http.StatusNoContent)
	}
}

// KeepAlive comes before the routes for users. Each request to them renews the
// session, which has these options: without any it ends after their MaxAge. When
// the limit has passed since the login, it ends in any case.
func KeepAlive(options sessions.Options, limit time.Duration, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		session := sessions.Default(c)
		// TODO(3.5): renew the session of an active user, and end it at the limit
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
		}
	}
}
