package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 5.3: "Logging out empties the cart."

// Shop adds the routes of a shop.
func Shop(r *gin.Engine, store sessions.Store) {
	// Of two sessions.Sessions only the last one counts. SessionsMany takes all
	// names, and each name is a session, a cookie and an ID of its own.
	r.Use(sessions.SessionsMany([]string{"cart", "login"}, store))

	r.POST("/cart/:item", func(c *gin.Context) {
		cart := sessions.DefaultMany(c, "cart")
		items, _ := cart.Get("items").([]string)
		cart.Set("items", append(items, c.Param("item")))
		save(c, cart)
	})
	r.POST("/login/:user", func(c *gin.Context) {
		login := sessions.DefaultMany(c, "login")
		login.Set("user", c.Param("user"))
		save(c, login)
	})
	r.POST("/logout", func(c *gin.Context) {
		// The ID ends here, too: a copy of it finds nothing, even after the next
		// login.
		login := sessions.DefaultMany(c, "login")
		login.Options(sessions.Options{Path: "/", MaxAge: -1})
		save(c, login)
	})
	r.GET("/", func(c *gin.Context) {
		cart, login := sessions.DefaultMany(c, "cart"), sessions.DefaultMany(c, "login")
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
