package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 4.2: "Alice's invoice went to Bob."

// PlaceOrder orders what is in the visitor's cart. It answers POST /order at
// once: connect, which reaches the mail server, can take a while, so a goroutine
// mails the invoice.
func PlaceOrder(connect func(), mail func(user string, items []string)) gin.HandlerFunc {
	return func(c *gin.Context) {
		// The values are read while the request lasts, and before the cart is emptied.
		// After the request, Gin gives c to another visitor.
		session := sessions.Default(c)
		user, _ := session.Get("user").(string)
		items, _ := session.Get("cart").([]string)

		session.Delete("cart") // it is ordered now
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		go func() { // uses neither c nor the session
			connect()
			mail(user, items)
		}()
		c.Status(http.StatusAccepted)
	}
}
