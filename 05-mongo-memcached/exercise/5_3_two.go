package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 5.3: "Logging out empties the cart."

// Shop adds the routes of a shop.
func Shop(r *gin.Engine, store sessions.Store) {
	// TODO(5.3): a session and a cookie called "cart", and others called "login"
	r.Use(sessions.Sessions("cart", store))
	r.Use(sessions.Sessions("login", store))

	r.POST("/cart/:item", func(c *gin.Context) {
		cart := sessions.Default(c)
		items, _ := cart.Get("items").([]string)
		cart.Set("items", append(items, c.Param("item")))
		save(c, cart)
	})
	r.POST("/login/:user", func(c *gin.Context) {
		login := sessions.Default(c)
		login.Set("user", c.Param("user"))
		save(c, login)
	})
	r.POST("/logout", func(c *gin.Context) {
		login := sessions.Default(c)
		login.Options(sessions.Options{Path: "/", MaxAge: -1})
		save(c, login)
	})
	r.GET("/", func(c *gin.Context) {
		cart, login := sessions.Default(c), sessions.Default(c)
		c.JSON(http.StatusOK, gin.H{"cart": cart.Get("items"), "user": login.Get("user")})
	})
}

func save(c *gin.Context, session sessions.Session) {
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Status(http.StatusNoContent)
}
