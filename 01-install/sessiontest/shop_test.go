package sessiontest_test

import (
	"net/http"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newShop stands for an app of your own.
func newShop() *gin.Engine {
	r := gin.New()
	r.Use(sessions.Sessions("mysession", cookie.NewStore([]byte("your secret, of 32 bytes or more"))))
	r.POST("/login/:user", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("user", c.Param("user"))
		session.Options(sessions.Options{Path: "/", HttpOnly: true})
		if err := session.Save(); err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
		}
	})
	r.GET("/me", func(c *gin.Context) {
		c.String(http.StatusOK, "%v", sessions.Default(c).Get("user"))
	})
	return r
}

func TestALoginIsRemembered(t *testing.T) {
	shop := sessiontest.Serve(t, newShop())
	alice, bob := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "Bob")

	login := alice.Send(http.MethodPost, shop+"/login/alice")

	require.Len(t, login.Cookies, 1, "wanted: a cookie")
	assert.True(t, login.Cookies[0].HttpOnly, "wanted: one that no script can read")
	assert.Equal(t, "alice", alice.Get(shop+"/me"), "wanted: Alice is remembered")
	assert.Equal(t, "<nil>", bob.Get(shop+"/me"), "wanted: Bob is nobody")
}
