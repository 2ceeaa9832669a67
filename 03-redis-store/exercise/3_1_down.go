package exercise

import (
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
)

// Exercise 3.1: "Redis was down at the start: nil pointer dereference."

// Connect returns a store that keeps the sessions in the Redis at addr, like
// localhost:6379.
func Connect(addr string, secret []byte) (sessions.Store, error) {
	// TODO(3.1): without Redis, return an error with this address and the reason
	store, _ := redis.NewStore(10, "tcp", addr, "", "", secret)
	store.Options(sessions.Options{Path: "/", MaxAge: 24 * 60 * 60, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return store, nil
}
