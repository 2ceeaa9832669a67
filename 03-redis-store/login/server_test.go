package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALostRedisIsAPageThatLogsNobodyOut(t *testing.T) {
	addr := redisserver.Addr(t)
	network := sessiontest.NewProxy(t, addr)
	site := start(t, network.Addr)
	alice, name := site.signedUp(t, "Alice")

	network.Cut()
	bob, bobName := newVisitor(t, "Bob")
	for _, got := range []sessiontest.Answer{
		alice.Send(http.MethodGet, site.url+"/"),
		alice.Send(http.MethodGet, site.url+"/account"),
		alice.Post(site.url + "/logout"),
		bob.Post(site.url+"/signup", "name", bobName, "password", goodPassword),
		bob.Post(site.url+"/login", "name", name, "password", goodPassword),
	} {
		assert.Equal(t, http.StatusServiceUnavailable, got.Status)
		assert.Contains(t, got.Body, "Please try again")
		assert.Empty(t, got.Cookies, "wanted: the cookie stays")
	}
	assert.Equal(t, http.StatusOK, bob.Send(http.MethodGet, site.url+"/").Status, "wanted: a public page without Redis")

	network.Restore()
	site.wantIn(t, alice, name)
}

// Redis is lost between two commands: then all is as before, or all is done.
func TestNothingIsHalfDone(t *testing.T) {
	addr := redisserver.Addr(t)
	network := sessiontest.NewProxy(t, addr)
	site := start(t, network.Addr)
	alice, name := site.signedUp(t, "Alice")
	phone := site.loggedIn(t, "Alice's phone", name, goodPassword)

	for _, word := range []string{"INCRBY", "SETEX", "HDEL"} { // the first step of a new password, one between, the last
		network.CutOn(word, 1)
		got := alice.Post(site.url+"/password", "current", goodPassword, "new", "battery staple")
		require.Equal(t, http.StatusServiceUnavailable, got.Status, word)
		require.Empty(t, got.Cookies, "wanted: the browser keeps its session, without %s", word)
		network.Restore()
		site.wantIn(t, alice, name)
		site.wantIn(t, phone, name)
	}

	bob, bobName := newVisitor(t, "Bob")
	network.CutOn("HSETNX", 1)
	require.Equal(t, http.StatusServiceUnavailable, bob.Post(site.url+"/signup", "name", bobName, "password", goodPassword).Status)
	exists, err := redigo.Int(site.redis(t, "EXISTS", "account:"+bobName))
	require.NoError(t, err)
	require.Zero(t, exists)

	network.CutOn("SETEX", 1)
	require.Equal(t, http.StatusServiceUnavailable, bob.Post(site.url+"/signup", "name", bobName, "password", goodPassword).Status)
	network.Restore()
	site.loggedIn(t, "Bob", bobName, goodPassword) // the account is whole, so he can
}

func TestAConnectionThatRedisHasLostIsNotUsed(t *testing.T) {
	server := redisserver.Run(t)
	pool := newPool(server.Addr(), time.Minute)
	defer pool.Close()
	conn, err := pool.Dial()
	require.NoError(t, err)
	require.NoError(t, pool.TestOnBorrow(conn, time.Now().Add(-2*time.Second)))
	server.Close()
	require.NoError(t, server.Restart())
	assert.NoError(t, pool.TestOnBorrow(conn, time.Now()), "wanted: no PING between requests that follow each other")
	assert.Error(t, pool.TestOnBorrow(conn, time.Now().Add(-2*time.Second)), "wanted: a new connection, and no 503")
}

func TestOneRoundTripMoreThanTheStores(t *testing.T) {
	server := redisserver.Run(t)
	site := start(t, server.Addr())
	alice, _ := site.signedUp(t, "Alice")
	bob, _ := newVisitor(t, "Bob")

	before := server.CommandCount()
	alice.Get(site.url + "/")
	assert.Equal(t, 1+4, server.CommandCount()-before, "wanted: GET, then MULTI, HGETALL, HGET, EXEC in one")
	before = server.CommandCount()
	bob.Get(site.url + "/")
	assert.Zero(t, server.CommandCount()-before, "wanted: nothing for an anonymous visitor")
}

func TestInReleaseModeTheCookieIsForThisHostOverHTTPS(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	defer gin.SetMode(gin.TestMode)
	site := start(t, redisserver.Addr(t))
	server := httptest.NewTLSServer(site.router())
	t.Cleanup(server.Close)
	alice, name := newVisitor(t, "Alice")
	alice.Client.Transport = server.Client().Transport

	got := alice.Post(server.URL+"/signup", "name", name, "password", goodPassword)
	wantRedirect(t, "/account", got)
	require.Len(t, got.Cookies, 1)
	assert.Equal(t, "__Host-mysession", got.Cookies[0].Name)
	assert.True(t, got.Cookies[0].Secure)
	assert.Contains(t, alice.Get(server.URL+"/account"), name)
	wantRedirect(t, "/", alice.Post(server.URL+"/logout"))
	assert.Empty(t, alice.Cookies(server.URL))
}

func TestTheCookieHasEveryAttribute(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := newVisitor(t, "Alice")
	got := alice.Post(site.url+"/signup", "name", name, "password", goodPassword)
	require.Len(t, got.Cookies, 1)
	cookie := got.Cookies[0]
	assert.Equal(t, "mysession", cookie.Name)
	assert.Equal(t, "/", cookie.Path)
	assert.Empty(t, cookie.Domain)
	assert.Equal(t, maxAge, cookie.MaxAge)
	assert.True(t, cookie.HttpOnly)
	assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	assert.False(t, cookie.Secure, "wanted: a cookie for http, in development")
}

func TestPagesAreForTelephonesAndPasswordManagers(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, _ := site.signedUp(t, "Alice")
	bob, _ := newVisitor(t, "Bob")
	for page, wanted := range map[string][]string{
		bob.Get(site.url + "/login"):     {`<label for="name">`, `autocomplete="username"`, `<label for="password">`, `autocomplete="current-password"`},
		bob.Get(site.url + "/signup"):    {`<label for="name">`, `autocomplete="username"`, `<label for="password">`, `autocomplete="new-password"`},
		alice.Get(site.url + "/account"): {`<label for="current">`, `autocomplete="current-password"`, `<label for="new">`, `autocomplete="new-password"`},
	} {
		for _, text := range append(wanted, `<html lang="en">`, `name="viewport"`) {
			assert.Contains(t, page, text)
		}
	}
	assert.Equal(t, http.StatusNotFound, bob.Send(http.MethodGet, site.url+"/none").Status)
}

// On SIGTERM the program finishes what runs, and its exit status is 0.
func TestSIGTERMFinishesWhatRuns(t *testing.T) {
	ctx, terminate := context.WithCancel(t.Context())
	entered, leave := make(chan struct{}), make(chan struct{})
	addr := sessiontest.FreeAddr()
	served := make(chan error, 1)
	go func() {
		served <- serve(ctx, addr, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-leave
			w.WriteHeader(http.StatusTeapot)
		}))
	}()
	answered := make(chan int, 1)
	go func() {
		var response *http.Response
		require.Eventually(t, func() (ok bool) {
			var err error
			response, err = http.Get("http://" + addr)
			return err == nil
		}, time.Minute, 10*time.Millisecond)
		response.Body.Close()
		answered <- response.StatusCode
	}()
	<-entered
	terminate()
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + addr)
		if err == nil {
			response.Body.Close()
		}
		return err != nil
	}, time.Minute, 10*time.Millisecond, "wanted: no more connections")
	close(leave)
	assert.Equal(t, http.StatusTeapot, <-answered, "wanted: the answer to the request that ran")
	assert.NoError(t, <-served)
}

func TestTheProgramExitsWithStatus0OnSIGTERM(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // it has no signals
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		addr := sessiontest.FreeAddr()
		process := sessiontest.Command(t, []string{"ADDR=" + addr, "GIN_MODE=debug", "REDIS_ADDR=" + redisserver.Addr(t)})
		require.NoError(t, process.Start())
		require.Eventually(t, func() bool {
			connection, err := net.Dial("tcp", addr)
			if err == nil {
				connection.Close()
			}
			return err == nil
		}, time.Minute, 10*time.Millisecond)
		require.NoError(t, process.Process.Signal(signal))
		assert.NoError(t, process.Wait(), "wanted: status 0 after %v", signal)
	}
}

func TestTheProgram(t *testing.T) {
	addr := redisserver.Addr(t)
	env := []string{"REDIS_ADDR=" + addr, "GIN_MODE=debug", "SESSION_SECRET=" + string(sessiontest.Secret)}
	sessiontest.TestProgram(t, func() ([]byte, error) {
		secrets, err := sessionSecrets()
		if err != nil {
			return nil, err
		}
		return secrets[0], nil
	}, "", env)

	url := sessiontest.Start(t, env)
	alice, name := newVisitor(t, "Alice")
	wantRedirect(t, "/account", alice.Post(url+"/signup", "name", name, "password", goodPassword))
	assert.NotEmpty(t, sessiontest.ID(t, start(t, addr).store, alice.CookieValue(url)), "wanted: a cookie that SESSION_SECRET has signed")

	status, output := sessiontest.Run(t, []string{"REDIS_ADDR=127.0.0.1:1"})
	assert.Equal(t, 1, status)
	assert.Contains(t, output, "no Redis at 127.0.0.1:1: ")
	status, output = sessiontest.Run(t, []string{"REDIS_ADDR=gopher:burrow@localhost:6379"})
	assert.Equal(t, 1, status)
	assert.NotContains(t, output, "burrow", "wanted: no password in the log")
}
