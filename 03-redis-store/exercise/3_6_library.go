package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 3.6: "I logged in at the library, and now somebody else is me."

// Members has the accounts of a shop.
type Members interface {
	Add(name, password string) bool   // false: the name is taken
	Check(name, password string) bool // false: the name or the password is wrong
}

// Shop adds the login and the sign-up, after which one is logged in, too. There are
// more pages, which keep what they need in the session.
func Shop(r *gin.Engine, members Members) {
	// TODO(3.6): whoever comes in gets a new session, in which nobody else has been
	r.POST("/login", func(c *gin.Context) {
		name := c.PostForm("name")
		if !members.Check(name, c.PostForm("password")) {
			c.String(http.StatusUnauthorized, "the name or the password is wrong")
			return
		}
		session := sessions.Default(c)
		session.Set("user", name)
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/me")
	})
	r.POST("/signup", func(c *gin.Context) {
		name := c.PostForm("name")
		if !members.Add(name, c.PostForm("password")) {
			c.String(http.StatusConflict, "this name is taken")
			return
		}
		session := sessions.Default(c)
		session.Set("user", name)
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusServiceUnavailable, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/me")
	})
	r.GET("/me", func(c *gin.Context) {
		name, _ := sessions.Default(c).Get("user").(string)
		if name == "" {
			c.String(http.StatusUnauthorized, "nobody is logged in")
			return
		}
		c.String(http.StatusOK, name)
	})
}
