package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"
)

// Exercise 3.3: "The pentest says: the session ID stays the same at login."

// Login logs a user in. It answers POST /login/:user, and believes everybody.
func Login(c *gin.Context) {
	session := sessions.Default(c)
	// There is no call for a new ID, but the session inside this one shows its ID.
	inner := session.(interface{ Session() *gorilla.Session }).Session()
	if inner.ID != "" { // the visitor had a session before
		// Whoever planted the old ID must not find anything under it: Save deletes
		// it, because of the negative MaxAge.
		maxAge := inner.Options.MaxAge
		inner.Options.MaxAge = -1
		if err := inner.Save(c.Request, c.Writer); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		// The values are still here. Without an ID, the next Save makes a new one.
		inner.ID, inner.Options.MaxAge = "", maxAge
	}
	session.Set("user", c.Param("user"))
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusServiceUnavailable, err)
		return
	}
	c.Status(http.StatusNoContent)
}
