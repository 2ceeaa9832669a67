package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memcached"
	"github.com/gin-contrib/sessions/mongo/mongodriver"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// What the two stores do alone, which is why there is a strictStore, and what it
// must not lose.

func TestTheMongoStoreAloneLosesTheSessionInABlip(t *testing.T) {
	t.Parallel()
	network := sessiontest.NewProxy(t, mongoserver.Run(t))
	config := options.Client().ApplyURI("mongodb://" + network.Addr + "/?directConnection=true")
	client, err := mongo.Connect(t.Context(), config)
	require.NoError(t, err)
	store := mongodriver.NewStore(client.Database("tutorial").Collection("sessions"), maxAge, false, sessiontest.Secret)
	r := gin.New()
	r.Use(sessions.Sessions(sessionName, store)) // and no requireStore
	r.GET("/incr", incr)
	app, alice := sessiontest.Serve(t, r), sessiontest.NewBrowser(t, "Alice")
	for visit := range 5 {
		require.Equal(t, visit, sessiontest.Count(t, alice.Send(http.MethodGet, app+"/incr")))
	}

	network.CutOn("\x02find\x00", 2) // the driver repeats a failed read once

	assert.JSONEq(t, `{"count":0}`, alice.Get(app+"/incr"),
		"wanted: the session is overwritten\nlikely cause: mongostore has learned to return its errors, tell the README")
}

func TestTheMemcachedStoreAloneCallsANewVisitorAnError(t *testing.T) {
	t.Parallel()
	client := memcache.New(memcachedserver.Run(t))
	client.Timeout = patience
	store := memcached.NewStore(client, "session_", sessiontest.Secret)
	app, alice := sessiontest.Serve(t, newRouter(store)), sessiontest.NewBrowser(t, "Alice")
	alice.Get(app + "/incr")
	id := sessiontest.ID(t, store, alice.CookieValue(app))
	require.NoError(t, client.Delete("session_"+id)) // expired, say

	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.AddCookie(alice.Cookie(app))
	_, err := store.Get(request, sessionName)

	assert.ErrorIs(t, err, memcache.ErrCacheMiss, "wanted: a session that is gone looks like a server that is gone")
}

func TestARequestLoadsItsSessionOnce(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, s server) {
		store, request := s.open(t), httptest.NewRequest(http.MethodGet, "/", nil)
		checked, err := store.Get(request, sessionName)
		require.NoError(t, err)
		used, err := store.Get(request, sessionName)
		require.NoError(t, err)
		assert.Same(t, checked, used,
			"wanted: the handler's session is the one that requireStore has checked\nlikely cause: it is loaded once more, and that may fail")
	})
}
