package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 5.1: "Remember me for a year, and I am logged out at once."

// RememberMe returns the options of the memcached store, for each session.
func RememberMe() sessions.Options {
	return sessions.Options{
		Path: "/",
		// In seconds. This is the most: memcached takes a bigger number for a date,
		// in 1970.
		MaxAge:   30 * 24 * 60 * 60,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
}

// Me says who is logged in. It answers GET /me.
func Me(c *gin.Context) {
	session := sessions.Default(c)
	user, ok := session.Get("user").(string)
	if !ok {
		c.String(http.StatusUnauthorized, "nobody is logged in")
		return
	}
	// Save starts 30 new days, in memcached and in the browser. It does nothing
	// without a change, so set what is there once more.
	session.Set("user", user)
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.String(http.StatusOK, user)
}
