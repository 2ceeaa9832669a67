package main

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

// What the lines of the article's program do, for the end of the README.

// serveArticle runs one handler behind the article's store and middleware.
func serveArticle(t *testing.T, handler gin.HandlerFunc) (url string) {
	t.Helper()
	r := gin.New()
	r.Use(sessions.Sessions("mysession", cookie.NewStore([]byte("secret11111"))))
	r.GET("/hello", handler)
	return sessiontest.Serve(t, r) + "/hello"
}

// articleHello is the article's handler without its comments.
func articleHello(c *gin.Context) {
	session := sessions.Default(c)
	if session.Get("hello") != "world" {
		session.Set("hello", "world")
		session.Delete("tizi365")
		session.Save()
	}
	c.JSON(200, gin.H{"hello": session.Get("hello")})
}

func TestTheArticlesHelloAnswersTheSameWithoutASession(t *testing.T) {
	t.Parallel()
	url := serveArticle(t, articleHello)
	visitor := sessiontest.NewBrowser(t, "Alice")
	first := visitor.Send(http.MethodGet, url)
	require.Len(t, first.Cookies, 1)
	visitor.SetCookie(url, first.Cookies[0].Value)

	assert.Equal(t, first.Body, visitor.Get(url))
	assert.Equal(t, first.Body, sessiontest.NewBrowser(t, "Alice").Get(url), "nobody can see from the answer whether the session works")
}

func TestTheArticlesCookieIsSecureAndOpenToScripts(t *testing.T) {
	t.Parallel()
	got := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, serveArticle(t, articleHello))

	require.Len(t, got.Cookies, 1)
	assert.True(t, got.Cookies[0].Secure, "no browser keeps it over plain http, except from localhost")
	assert.Equal(t, http.SameSiteNoneMode, got.Cookies[0].SameSite, "it travels with every other site's requests")
	assert.False(t, got.Cookies[0].HttpOnly)
	assert.Equal(t, 30*24*60*60, got.Cookies[0].MaxAge)
}

func TestTheArticlesClearAfterSaveChangesNothing(t *testing.T) {
	t.Parallel()
	url := serveArticle(t, func(c *gin.Context) {
		session := sessions.Default(c)
		returning := session.Get("hello") == "world"
		session.Set("hello", "world")
		session.Save()
		session.Clear() // where the article has it
		c.JSON(200, returning)
	})
	visitor := sessiontest.NewBrowser(t, "Alice")
	first := visitor.Send(http.MethodGet, url)
	require.Len(t, first.Cookies, 1)
	visitor.SetCookie(url, first.Cookies[0].Value) // Go 1.25's jar does not send a Secure cookie over http

	assert.Equal(t, "true", visitor.Get(url), "the value is still there")
}

func TestClearAndSaveKeepTheCookie(t *testing.T) {
	t.Parallel()
	url := serveArticle(t, func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("hello", "world")
		session.Clear()
		session.Save()
	})
	got := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, url)

	require.Len(t, got.Cookies, 1)
	assert.Positive(t, got.Cookies[0].MaxAge, "Clear is no logout: the browser keeps the cookie")
}

func TestTheArticlesDroppedSaveErrorAnswers200(t *testing.T) {
	t.Parallel()
	url := serveArticle(t, func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("hello", string(make([]byte, 5000))) // too long for a cookie
		session.Save()
		c.JSON(200, gin.H{"saved": "who knows"})
	})
	got := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, url)

	assert.Equal(t, http.StatusOK, got.Status)
	assert.Empty(t, got.Cookies, "nothing was saved, and nobody was told")
}
