package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 2.1: "I call Save, and the next request knows nothing."

// Introduce keeps the visitor's name. It answers POST /name/:name.
func Introduce(c *gin.Context) {
	session := sessions.Default(c)
	session.Set("name", c.Param("name"))
	// Save sets a cookie, which is a header, and the first byte of a body sends
	// the headers. So Save comes first, and a body only if it went well.
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.String(http.StatusOK, "Hello, %s!", c.Param("name"))
}

// Greet says the name that it finds. It answers GET /name.
func Greet(c *gin.Context) {
	name, ok := sessions.Default(c).Get("name").(string)
	if !ok {
		name = "stranger"
	}
	c.String(http.StatusOK, "Hello, %s!", name)
}
