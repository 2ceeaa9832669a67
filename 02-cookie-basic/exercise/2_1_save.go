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
	// TODO(2.1): make the next request know the name
	c.String(http.StatusOK, "Hello, %s!", c.Param("name"))
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
	}
}

// Greet says the name that it finds. It answers GET /name.
func Greet(c *gin.Context) {
	name, ok := sessions.Default(c).Get("name").(string)
	if !ok {
		name = "stranger"
	}
	c.String(http.StatusOK, "Hello, %s!", name)
}
