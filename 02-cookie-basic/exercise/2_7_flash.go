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
	messages := sessions.Default(c).Flashes()
	// TODO(2.7): show each message once, and set no cookie where there is none to show
	c.JSON(http.StatusOK, gin.H{"messages": messages})
}
