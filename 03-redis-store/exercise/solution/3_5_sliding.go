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
		since, ok := session.Get("since").(int64)
		if !ok {
			return // nobody is logged in: a Save would make a session
		}
		options := options // a copy, for this request only
		if now().Sub(time.Unix(since, 0)) >= limit {
			session.Clear()
			options.MaxAge = -1
		}
		// Without a change Save would do nothing. Options count as one. A Save may
		// overwrite what another request saves at the same time, so a busy
		// app renews less often: see keepAlive in questions_test.go.
		session.Options(options)
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
		}
	}
}
