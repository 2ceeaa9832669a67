package main

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the lines of the article's program do, for "What changed since the
// article" in the README.

// serveArticle runs the article's program on this store, with the handler that
// it has: no error is looked at.
func serveArticle(t *testing.T, store sessions.Store) (url string) {
	t.Helper()
	r := gin.New()
	r.Use(gin.RecoveryWithWriter(gin.DefaultWriter), sessions.Sessions("mysession", store))
	r.GET("/incr", func(c *gin.Context) {
		session := sessions.Default(c)
		var count int
		v := session.Get("count")
		if v == nil {
			count = 0
		} else {
			count = v.(int)
			count++
		}
		session.Set("count", count)
		session.Save()
		c.JSON(200, gin.H{"count": count})
	})
	r.GET("/clear", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Clear()
		session.Save()
	})
	r.GET("/word", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("count", "three")
		session.Save()
	})
	return listen(t, r)
}

func TestTheArticlesCallDoesNotCompile(t *testing.T) {
	t.Parallel()
	newStore := reflect.TypeOf(redis.NewStore)

	// The article: NewStore(10, "tcp", "localhost:6379", "", []byte("secret"))
	fifth := newStore.In(4)
	assert.Equal(t, "string", fifth.String(), "the password: a user name has come in before it")
	assert.False(t, reflect.TypeOf([]byte("secret")).AssignableTo(fifth))
}

func TestRedisHasNoUDP(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		_, err := redis.NewStore(10, "udp", s.addr, "", "", testSecret)
		assert.Error(t, err)
	})
}

func TestTheArticlesDroppedNewStoreErrorPanics(t *testing.T) {
	t.Parallel()
	store, _ := redis.NewStore(10, "tcp", "127.0.0.1:1", "", "", testSecret)
	require.Nil(t, store)

	got := newBrowser(t).send(http.MethodGet, serveArticle(t, store)+"/incr")

	assert.Equal(t, http.StatusInternalServerError, got.status, "a nil pointer, on the first request")
}

func TestTheArticlesDroppedSaveErrorAnswers200(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	url := serveArticle(t, server{addr: redis.Addr()}.store(t, testSecret))
	visitor := newBrowser(t)
	visitor.get(url + "/incr")
	visitor.get(url + "/incr")

	redis.SetError("OOM command not allowed when used memory > 'maxmemory'.")

	assert.JSONEq(t, count(0), visitor.get(url+"/incr"), "nothing was read and nothing saved, and the status is 200")
}

func TestTheArticlesProgramLosesTheSessionInABlip(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		t.Parallel()
		network := newProxy(t, s.addr)
		url := serveArticle(t, s.through(network).store(t, testSecret))
		visitor := newBrowser(t)
		for visit := range 5 {
			require.JSONEq(t, count(visit), visitor.get(url+"/incr"))
		}

		network.cutOn(s.read, 1)

		assert.JSONEq(t, count(0), visitor.get(url+"/incr"), "status 200: nobody notices")
		assert.JSONEq(t, count(1), visitor.get(url+"/incr"), "the five visits are gone for good")
	})
}

func TestClearAndSaveKeepTheKey(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		store := s.store(t, testSecret)
		url := serveArticle(t, store)
		visitor := newBrowser(t)
		visitor.get(url + "/incr")
		key := keyOf(t, store, visitor.cookie(url))

		visitor.get(url + "/clear")

		assert.EqualValues(t, 1, s.command(t, "EXISTS", key), "Clear is no logout")
		assert.NotNil(t, visitor.cookie(url))
	})
}

func TestTheArticlesTypeAssertionPanicsOnAnotherType(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		store := s.store(t, testSecret)
		article, ours := serveArticle(t, store), serve(t, store)
		visitor := newBrowser(t)
		visitor.get(article + "/word")

		assert.Equal(t, http.StatusInternalServerError, visitor.send(http.MethodGet, article+"/incr").status)
		assert.JSONEq(t, count(0), visitor.get(ours+"/incr"), "a value of another type counts as none")
	})
}

func TestWithoutOptionsTheCookieIsUnprotected(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		got := newBrowser(t).send(http.MethodGet, serveArticle(t, s.store(t, testSecret))+"/incr")

		require.Len(t, got.cookies, 1)
		assert.False(t, got.cookies[0].HttpOnly)
		assert.False(t, got.cookies[0].Secure)
		assert.Zero(t, got.cookies[0].SameSite)
		assert.Equal(t, 30*24*60*60, got.cookies[0].MaxAge)
	})
}
