package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 2.3: "I only set MaxAge, and my other routes see no session."

const week = 7 * 24 * 60 * 60 // in seconds

// Login remembers the user for a week; the store's own options say one day. It
// answers POST /account/login/:user.
func Login(c *gin.Context) {
	session := sessions.Default(c)
	session.Set("user", c.Param("user"))
	// These options replace the store's, so all of them stand here. Without Path
	// the browser would send the cookie to /account/login and below only.
	session.Options(sessions.Options{
		Path:     "/",
		MaxAge:   week,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Status(http.StatusNoContent)
}
