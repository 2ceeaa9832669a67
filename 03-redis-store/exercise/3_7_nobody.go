package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 3.7: "The audit log says that nobody deleted my account."

// Customers has the accounts of a shop. Each call writes into the audit log who did it.
type Customers interface {
	Names(by string) []string
	Delete(by, name string)
}

// Office adds the pages of those who work in the shop: they, and only they, can log in.
func Office(r *gin.Engine, customers Customers) {
	r.GET("/login", func(c *gin.Context) { c.String(http.StatusOK, "Here is the form.") })
	office := r.Group("/office", requireUser)
	office.GET("/customers", func(c *gin.Context) {
		c.JSON(http.StatusOK, customers.Names(c.GetString("user")))
	})
	office.DELETE("/customers/:name", func(c *gin.Context) {
		customers.Delete(c.GetString("user"), c.Param("name")) // 200, without a body
	})
}

// requireUser comes before the pages of the office. Who is not logged in is sent to
// the login, and a program that asks for JSON gets a 401.
func requireUser(c *gin.Context) {
	user, _ := sessions.Default(c).Get("user").(string)
	if user != "" {
		c.Set("user", user)
		return
	}
	// TODO(3.7): who is not logged in sees nothing of the office, and does nothing there
	if c.NegotiateFormat(gin.MIMEHTML, gin.MIMEJSON) == gin.MIMEJSON {
		c.JSON(http.StatusUnauthorized, gin.H{"error": "log in first"})
		return
	}
	c.Redirect(http.StatusSeeOther, "/login")
}
