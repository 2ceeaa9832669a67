package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 2.2: "I call Clear at logout, and the user is still logged in."

// Logout ends the session of the user. It answers POST /account/logout, and with
// status 500 when Save fails.
func Logout(c *gin.Context) {
	session := sessions.Default(c)
	session.Clear()
	// A negative MaxAge makes the browser drop the cookie. It knows which one by
	// its name and its Path.
	session.Options(sessions.Options{Path: "/", MaxAge: -1})
	// What is not saved is not sent.
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Status(http.StatusNoContent)
}
