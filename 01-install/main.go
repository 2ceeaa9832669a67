// Chapter 01: is everything here? A check-up of the packages, of one session,
// and of the three servers that later chapters use.
//
//	go run ./01-install
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/gomodule/redigo/redis"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const timeout = time.Second // for each server to answer

var secret = []byte("signs the cookie of this check-up")

func main() {
	gin.SetMode(gin.ReleaseMode) // keeps Gin's start-up lines out of the list
	if !checkUp(cookie.NewStore(secret)) {
		os.Exit(1)
	}
}

// checkUp prints a line for each item. Only a session that does not work is a
// failure: a missing server is not, because most chapters run without it.
func checkUp(store sessions.Store) bool {
	report("Go", "ok", runtime.Version())
	report("gin", "ok", version("github.com/gin-gonic/gin"))
	report("sessions", "ok", version("github.com/gin-contrib/sessions"))
	sessionErr := roundTrip(newRouter(store))
	if sessionErr == nil {
		report("session", "ok", "two visits with one cookie: 1, 2")
	} else {
		report("session", "broken", sessionErr.Error())
	}

	redisAddr := cmp.Or(os.Getenv("REDIS_ADDR"), "localhost:6379")
	redisAddr = redisAddr[strings.LastIndex(redisAddr, "@")+1:] // without a password
	redisErr := pingRedis(redisAddr)
	reportServer("redis", redisAddr, "03", redisErr)

	memcachedAddr := cmp.Or(os.Getenv("MEMCACHED_ADDR"), "localhost:11211")
	memcachedErr := pingMemcached(memcachedAddr)
	reportServer("memcached", memcachedAddr, "05", memcachedErr)

	mongoAddr, mongoErr := pingMongo(cmp.Or(os.Getenv("MONGO_URI"), "mongodb://localhost:27017"))
	reportServer("mongo", mongoAddr, "05", mongoErr)

	if errors.Join(redisErr, memcachedErr, mongoErr) != nil {
		fmt.Println("\nWith Docker, this starts them:  docker compose up -d\nWithout it, stand-ins:          go run ./01-install/servers")
	}
	return sessionErr == nil
}

func report(item, status, detail string) {
	fmt.Printf("%-10s %-12s %s\n", item, status, detail)
}

// reportServer takes the server's name in docker-compose.yml and the number of
// the chapter that needs it.
func reportServer(name, addr, chapter string, err error) {
	switch {
	case err == nil:
		report(name, "ok", addr)
	case errors.As(err, new(*net.OpError)) || mongo.IsTimeout(err):
		report(name, "not running", fmt.Sprintf("%s, for chapter %s", addr, chapter))
	default:
		report(name, "not usable", fmt.Sprintf("%s, for chapter %s: %v", addr, chapter, err))
	}
}

// version is what this program was built with, from its own build information.
func version(module string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == module {
				return dep.Version
			}
		}
	}
	return "unknown version"
}

// newRouter has the smallest session there is: a counter in a cookie.
func newRouter(store sessions.Store) *gin.Engine {
	r := gin.New()
	r.Use(sessions.Sessions("mysession", store))
	r.GET("/visits", visits)
	return r
}

func visits(c *gin.Context) {
	session := sessions.Default(c)
	count, _ := session.Get("visits").(int) // 0 on the first visit
	session.Set("visits", count+1)
	if err := session.Save(); err != nil {
		log.Printf("session not saved: %v", err)
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	c.String(http.StatusOK, "%d", count+1)
}

// roundTrip visits the engine twice, as a browser does: the second request
// brings the cookies that the first answer set.
func roundTrip(engine http.Handler) error {
	var cookies []*http.Cookie
	for _, want := range []string{"1", "2"} {
		request := httptest.NewRequest(http.MethodGet, "/visits", nil)
		for _, cookie := range cookies {
			request.AddCookie(cookie)
		}
		answer := httptest.NewRecorder()
		engine.ServeHTTP(answer, request)
		if got := answer.Body.String(); answer.Code != http.StatusOK || got != want {
			return fmt.Errorf("visit %s was answered with status %d and %q", want, answer.Code, got)
		}
		cookies = answer.Result().Cookies()
	}
	return nil
}

func pingRedis(addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := redis.DialContext(ctx, "tcp", addr,
		redis.DialUsername(os.Getenv("REDIS_USERNAME")), redis.DialPassword(os.Getenv("REDIS_PASSWORD")))
	if err != nil {
		return err
	}
	_, err = redis.DoContext(conn, ctx, "PING")
	return errors.Join(err, conn.Close())
}

func pingMemcached(addrs string) error {
	servers := new(memcache.ServerList)
	if err := servers.SetServers(strings.Split(addrs, ",")...); err != nil {
		return err
	}
	client := memcache.NewFromSelector(servers) // waits for half a second
	return errors.Join(client.Ping(), client.Close())
}

// pingMongo also returns the hosts of the URI, which may hold a password.
func pingMongo(uri string) (hosts string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	config := options.Client().ApplyURI(uri)
	hosts = strings.Join(config.Hosts, ",")
	client, err := mongo.Connect(ctx, config)
	if err != nil {
		return hosts, err
	}
	return hosts, errors.Join(client.Ping(ctx, nil), client.Disconnect(ctx))
}
