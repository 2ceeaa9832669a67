package exercise

import (
	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

// Exercise 1.2: "How do I count each visitor's visits?"

// CountVisits adds the route GET /visits. It answers "1" on a visitor's first
// visit, "2" on the second, and so on. When the count cannot be kept, it answers
// with status 500 and no number.
func CountVisits(r *gin.Engine, store sessions.Store) {
	// TODO(1.2): write the middleware, the route and its handler
}
