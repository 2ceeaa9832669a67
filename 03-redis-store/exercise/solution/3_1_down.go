package exercise

import (
	"fmt"
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
)

// Exercise 3.1: "Redis was down at the start: nil pointer dereference."

// Connect returns a store that keeps the sessions in the Redis at addr, like
// localhost:6379.
func Connect(addr string, secret []byte) (sessions.Store, error) {
	store, err := redis.NewStore(10, "tcp", addr, "", "", secret)
	if err != nil {
		// The store is nil now. The error alone would not always say which Redis
		// it is about, and whoever reads the log has to know.
		return nil, fmt.Errorf("no Redis at %s: %w", addr, err)
	}
	store.Options(sessions.Options{Path: "/", MaxAge: 24 * 60 * 60, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return store, nil
}
