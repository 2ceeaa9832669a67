package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 1.2: "How do I count each visitor's visits?"

// CountVisits adds the route GET /visits. It answers "1" on a visitor's first
// visit, "2" on the second, and so on. When the count cannot be kept, it answers
// with status 500 and no number.
func CountVisits(r *gin.Engine, store sessions.Store) {
	r.Use(sessions.Sessions("mysession", store))
	r.GET("/visits", func(c *gin.Context) {
		// The count is in the visitor's session: a variable would count everybody.
		session := sessions.Default(c)
		count, _ := session.Get("count").(int) // 0 on the first visit
		count++
		session.Set("count", count)
		// Only what is saved is there on the next visit. Save sets the cookie, so
		// it comes before the answer.
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.String(http.StatusOK, "%d", count)
	})
}
