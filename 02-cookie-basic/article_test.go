package main

import (
	"net/http"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the lines of the article's program do, for "What changed since the
// article" in the README.

// serveArticle runs one handler behind the article's store and middleware.
func serveArticle(t *testing.T, handler gin.HandlerFunc) (url string) {
	t.Helper()
	r := gin.New()
	r.Use(sessions.Sessions("mysession", cookie.NewStore([]byte("secret11111"))))
	r.GET("/hello", handler)
	return listen(t, r) + "/hello"
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
	visitor := newBrowser(t)
	first := visitor.send(http.MethodGet, url)
	require.Len(t, first.cookies, 1)
	visitor.setCookie(url, first.cookies[0].Value)

	assert.Equal(t, first.body, visitor.get(url))
	assert.Equal(t, first.body, newBrowser(t).get(url), "nobody can see from the answer whether the session works")
}

func TestTheArticlesCookieIsSecureAndOpenToScripts(t *testing.T) {
	t.Parallel()
	got := newBrowser(t).send(http.MethodGet, serveArticle(t, articleHello))

	require.Len(t, got.cookies, 1)
	assert.True(t, got.cookies[0].Secure, "no browser keeps it over plain http, except from localhost")
	assert.Equal(t, http.SameSiteNoneMode, got.cookies[0].SameSite, "it travels with every other site's requests")
	assert.False(t, got.cookies[0].HttpOnly)
	assert.Equal(t, 30*24*60*60, got.cookies[0].MaxAge)
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
	visitor := newBrowser(t)
	first := visitor.send(http.MethodGet, url)
	require.Len(t, first.cookies, 1)
	visitor.setCookie(url, first.cookies[0].Value) // Go 1.25's jar does not send a Secure cookie over http

	assert.Equal(t, "true", visitor.get(url), "the value is still there")
}

func TestClearAndSaveKeepTheCookie(t *testing.T) {
	t.Parallel()
	url := serveArticle(t, func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("hello", "world")
		session.Clear()
		session.Save()
	})
	got := newBrowser(t).send(http.MethodGet, url)

	require.Len(t, got.cookies, 1)
	assert.Positive(t, got.cookies[0].MaxAge, "Clear is no logout: the browser keeps the cookie")
}

func TestTheArticlesDroppedSaveErrorAnswers200(t *testing.T) {
	t.Parallel()
	url := serveArticle(t, func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("hello", string(make([]byte, 5000))) // too long for a cookie
		session.Save()
		c.JSON(200, gin.H{"saved": "who knows"})
	})
	got := newBrowser(t).send(http.MethodGet, url)

	assert.Equal(t, http.StatusOK, got.status)
	assert.Empty(t, got.cookies, "nothing was saved, and nobody was told")
}
