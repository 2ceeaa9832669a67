package main

import (
	"io"
	"net/http"
	"reflect"
	"testing"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the article's lines do today, for the README's "What changed since the
// article".

// serveArticle runs the article's program on this store, with the handler that
// it has: no error is looked at.
func serveArticle(t *testing.T, store sessions.Store) (url string) {
	t.Helper()
	r := gin.New()
	r.Use(gin.RecoveryWithWriter(io.Discard), sessions.Sessions("mysession", store))
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
	return sessiontest.Serve(t, r)
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
	_, err := redis.NewStore(10, "udp", redisserver.Addr(t), "", "", sessiontest.Secret)
	assert.Error(t, err)
}

func TestTheArticlesDroppedNewStoreErrorPanics(t *testing.T) {
	t.Parallel()
	store, _ := redis.NewStore(10, "tcp", "127.0.0.1:1", "", "", sessiontest.Secret)
	require.Nil(t, store)

	got := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, serveArticle(t, store)+"/incr")

	assert.Equal(t, http.StatusInternalServerError, got.Status, "a nil pointer, on the first request")
}

func TestTheArticlesDroppedSaveErrorAnswers200(t *testing.T) {
	t.Parallel()
	redis := redisserver.Run(t)
	url := serveArticle(t, open(t, redis.Addr()))
	visitor := sessiontest.NewBrowser(t, "Alice")
	visitor.Get(url + "/incr")
	visitor.Get(url + "/incr")

	redis.SetError("OOM command not allowed when used memory > 'maxmemory'.")

	assert.JSONEq(t, `{"count":0}`, visitor.Get(url+"/incr"), "nothing was read and nothing saved, and the status is 200")
}

func TestTheArticlesProgramLosesTheSessionInABlip(t *testing.T) {
	t.Parallel()
	network := sessiontest.NewProxy(t, redisserver.Addr(t))
	url := serveArticle(t, open(t, network.Addr))
	visitor := sessiontest.NewBrowser(t, "Alice")
	for visit := range 5 {
		require.Equal(t, visit, sessiontest.Count(t, visitor.Send(http.MethodGet, url+"/incr")))
	}

	network.CutOn(sessiontest.Redis(newStore).Read, 1)

	assert.JSONEq(t, `{"count":0}`, visitor.Get(url+"/incr"), "status 200: nobody notices")
	assert.JSONEq(t, `{"count":1}`, visitor.Get(url+"/incr"), "the five visits are gone for good")
}

func TestClearAndSaveKeepTheKey(t *testing.T) {
	t.Parallel()
	addr := redisserver.Addr(t)
	store := open(t, addr)
	url := serveArticle(t, store)
	visitor := sessiontest.NewBrowser(t, "Alice")
	visitor.Get(url + "/incr")
	key := keyOf(t, store, visitor.CookieValue(url))

	visitor.Get(url + "/clear")

	assert.EqualValues(t, 1, do(t, addr, "EXISTS", key), "Clear is no logout")
	assert.NotNil(t, visitor.Cookie(url))
}

func TestTheArticlesTypeAssertionPanicsOnAnotherType(t *testing.T) {
	t.Parallel()
	store := open(t, redisserver.Addr(t))
	article, ours := serveArticle(t, store), sessiontest.Serve(t, newRouter(store))
	visitor := sessiontest.NewBrowser(t, "Alice")
	visitor.Get(article + "/word")

	assert.Equal(t, http.StatusInternalServerError, visitor.Send(http.MethodGet, article+"/incr").Status)
	assert.JSONEq(t, `{"count":0}`, visitor.Get(ours+"/incr"), "a value of another type counts as none")
}

func TestWithoutOptionsTheCookieIsUnprotected(t *testing.T) {
	t.Parallel()
	got := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, serveArticle(t, open(t, redisserver.Addr(t)))+"/incr")

	require.Len(t, got.Cookies, 1)
	assert.False(t, got.Cookies[0].HttpOnly)
	assert.False(t, got.Cookies[0].Secure)
	assert.Zero(t, got.Cookies[0].SameSite)
	assert.Equal(t, 30*24*60*60, got.Cookies[0].MaxAge)
}
