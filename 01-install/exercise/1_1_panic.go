package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 1.1: "My handler panics: key … does not exist."

// AddWelcome gives the app its one page, GET /.
func AddWelcome(r *gin.Engine, store sessions.Store) {
	// TODO(1.1): let the middleware and the route find the session
	r.Use(recognise)
	r.GET("/", welcome)
	r.Use(sessions.Sessions("mysession", store))
}

// recognise is a middleware. It tells what comes after it whether the visitor was
// here before.
func recognise(c *gin.Context) {
	c.Set("returning", sessions.Default(c).Get("visited") != nil)
}

func welcome(c *gin.Context) {
	session := sessions.Default(c)
	session.Set("visited", true)
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	if c.GetBool("returning") {
		c.String(http.StatusOK, "Welcome back!")
		return
	}
	c.String(http.StatusOK, "Welcome!")
}
