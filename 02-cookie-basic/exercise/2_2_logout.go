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
	// TODO(2.2): leave nothing in the browser, not even an empty session
	session.Clear()
	c.Status(http.StatusNoContent)
}
