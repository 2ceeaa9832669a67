package main

import (
	"fmt"
	"net/http"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
)

// Question 2: "Why does my handler panic with: key github.com/gin-contrib/sessions
// does not exist?"
func TestSessionsComesBeforeTheRoutesAndMiddlewareThatUseIt(t *testing.T) {
	t.Parallel()
	store := cookie.NewStore(sessiontest.Secret)
	newEngine := func() (r *gin.Engine, panicked *string) {
		r, panicked = gin.New(), new(string)
		r.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, reason any) { // gin.Recovery would log it
			*panicked = fmt.Sprint(reason)
			c.AbortWithStatus(http.StatusInternalServerError)
		}))
		return r, panicked
	}
	greet := func(c *gin.Context) { // a middleware of your own that reads the session
		sessions.Default(c).Get("visits")
	}

	// Gin gives a route the middleware that was there before it, in this order.
	wrong := map[string]func(r *gin.Engine){
		"the route first": func(r *gin.Engine) {
			r.GET("/visits", visits)
			r.Use(sessions.Sessions("mysession", store))
		},
		"your own middleware first": func(r *gin.Engine) {
			r.Use(greet)
			r.Use(sessions.Sessions("mysession", store))
			r.GET("/visits", visits)
		},
		"a group that the route is not in": func(r *gin.Engine) {
			r.Group("/admin").Use(sessions.Sessions("mysession", store))
			r.GET("/visits", visits)
		},
	}
	for name, set := range wrong {
		t.Run(name, func(t *testing.T) {
			r, panicked := newEngine()
			set(r)

			assert.EqualError(t, roundTrip(r), `visit 1 was answered with status 500 and ""`)
			assert.Equal(t, "key github.com/gin-contrib/sessions does not exist", *panicked)
		})
	}

	t.Run("the right order", func(t *testing.T) {
		r, _ := newEngine()
		r.Use(sessions.Sessions("mysession", store)) // first this,
		r.Use(greet)                                 // then what reads the session,
		r.GET("/visits", visits)                     // and the routes last

		assert.NoError(t, roundTrip(r), "wanted: no panic\nlikely cause: sessions.Sessions is below something that calls sessions.Default")
	})
}
