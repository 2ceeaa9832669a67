package exercise

import (
	"encoding/gob"
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 2.4: "I store a struct: gob: type not registered for interface."

// A session holds values of any type, so gob writes down the name of each type,
// and has to know it when it reads. Once, at start, is enough.
func init() { gob.Register(Cart{}) }

// Cart is what the visitor is going to buy.
type Cart struct{ Items []string }

// AddToCart puts an item into the visitor's cart. It answers POST /cart/:item.
func AddToCart(c *gin.Context) {
	session := sessions.Default(c)
	cart, _ := session.Get("cart").(Cart) // an empty one at first
	cart.Items = append(cart.Items, c.Param("item"))
	session.Set("cart", cart)
	if err := session.Save(); err != nil {
		_ = c.AbortWithError(http.StatusInternalServerError, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// ShowCart answers GET /cart.
func ShowCart(c *gin.Context) {
	cart, _ := sessions.Default(c).Get("cart").(Cart)
	c.JSON(http.StatusOK, cart.Items)
}
