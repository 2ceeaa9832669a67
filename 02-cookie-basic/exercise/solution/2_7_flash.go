package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 2.7: "My flash messages never clear."

// Order leaves a message for the next page. It answers POST /order.
func Order(c *gin.Context) {
	session := sessions.Default(c)
	session.AddFlash("Thank you for your order!")
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Redirect(http.StatusSeeOther, "/")
}

// Home shows the messages that were left, each once. It answers GET /, and with
// status 500 and no message when Save fails.
func Home(c *gin.Context) {
	session := sessions.Default(c)
	messages := session.Flashes()
	// Flashes has taken the messages out of the session: a change to save. It
	// counts as one even when there were none, so ask first.
	if len(messages) > 0 {
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
	}
	c.JSON(http.StatusOK, gin.H{"messages": messages})
}
