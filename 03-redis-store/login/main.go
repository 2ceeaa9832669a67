// Chapter 03, third program: a whole login. Sign up, log in, see where you are
// logged in, change the password, log out here or everywhere.
//
//	go run ./03-redis-store/login
//
// Then open http://localhost:8000 in a browser. In this file: settings, server,
// routes. accounts.go keeps accounts and their logins in Redis, session.go says
// who sends a request, pages.go answers it.
package main

import (
	"cmp"
	"context"
	"embed"
	"flag"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	"golang.org/x/crypto/bcrypt"
)

// timeout bounds each attempt to reach Redis. A request makes one or two before it
// gives up.
const timeout = time.Second

func main() {
	health := flag.Bool("health", false, "only ask the program that listens on ADDR whether it answers")
	flag.Parse()
	listenAddr := cmp.Or(os.Getenv("ADDR"), "localhost:8000")
	if *health {
		client := http.Client{Timeout: 2 * time.Second}
		answer, err := client.Get("http://" + listenAddr + "/login") // a page that needs no Redis
		if err != nil {
			log.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			log.Fatal(answer.Status)
		}
		return
	}
	secrets, err := sessionSecrets()
	if err != nil {
		log.Fatal(err)
	}
	addr := cmp.Or(os.Getenv("REDIS_ADDR"), "localhost:6379")
	if strings.Contains(addr, "@") { // a password, which an error would print
		log.Fatal("REDIS_ADDR is host:port; the password goes into REDIS_PASSWORD")
	}
	pool := newPool(addr, timeout)
	store, err := redis.NewStoreWithPool(pool, secrets...)
	if err != nil {
		log.Fatalf(noRedis, addr, err)
	}
	s := &site{store, accounts{pool, bcrypt.DefaultCost}, time.Now}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, listenAddr, s.router()); err != nil {
		log.Fatal(err)
	}
}

const noRedis = `no Redis at %s: %v
Ways to get one:
  docker compose up -d redis
  go run ./01-install/servers          (without Docker; in a second terminal)
  REDIS_ADDR=host:port                 (your own)`

// serve answers requests until ctx ends. Then it accepts no more, and finishes
// those that run, for 10 seconds at most.
func serve(ctx context.Context, addr string, handler http.Handler) error {
	server := &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second, // with the form
		WriteTimeout:      30 * time.Second, // of the page
		IdleTimeout:       2 * time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return fmt.Errorf("cannot serve: %w (ADDR=localhost:9000 listens on another port)", err)
	case <-ctx.Done():
	}
	finish, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(finish); err != nil {
		return fmt.Errorf("requests were cut off: %w", err)
	}
	return nil
}

// newPool keeps the connections to Redis, for the sessions and for the accounts, as
// chapter 03's pool does.
func newPool(addr string, timeout time.Duration) *redigo.Pool {
	return &redigo.Pool{
		MaxIdle:         50,
		MaxActive:       200,
		Wait:            true,
		IdleTimeout:     4 * time.Minute,
		MaxConnLifetime: 10 * time.Minute,
		Dial: func() (redigo.Conn, error) {
			return redigo.Dial("tcp", addr,
				redigo.DialConnectTimeout(timeout),
				redigo.DialReadTimeout(timeout),
				redigo.DialWriteTimeout(timeout),
				redigo.DialUsername(os.Getenv("REDIS_USERNAME")),
				redigo.DialPassword(os.Getenv("REDIS_PASSWORD")),
			)
		},
		// After a second without use: so an idle connection that Redis has lost in a
		// restart costs no request a 503.
		TestOnBorrow: func(conn redigo.Conn, lastUsed time.Time) error {
			if time.Since(lastUsed) < time.Second {
				return nil
			}
			_, err := conn.Do("PING")
			return err
		},
	}
}

//go:embed templates style.css fresh.js
var files embed.FS

// site is what the handlers share.
type site struct {
	store    sessions.Store
	accounts accounts
	now      func() time.Time // a test has its own clock
}

func (s *site) router() http.Handler {
	s.store.Options(cookieOptions())

	r := gin.Default()
	// Whose X-Forwarded-For is believed: that of no other address.
	proxies := strings.FieldsFunc(os.Getenv("TRUSTED_PROXIES"), func(c rune) bool { return c == ',' || c == ' ' })
	if err := r.SetTrustedProxies(proxies); err != nil {
		log.Fatalf("TRUSTED_PROXIES has addresses or networks, like 192.0.2.1,10.0.0.0/8: %v", err)
	}
	r.SetHTMLTemplate(template.Must(template.ParseFS(files, "templates/*.html")))
	r.Use(headers)
	r.StaticFileFS("/style.css", "style.css", http.FS(files))
	r.StaticFileFS("/fresh.js", "fresh.js", http.FS(files))

	r.Use(s.checkForm, sessions.Sessions(sessionName(), s.store), s.identify)
	r.GET("/", func(c *gin.Context) { s.show(c, http.StatusOK, "home", "") })
	r.GET("/signup", s.form("signup"))
	r.POST("/signup", s.post("signup", s.signup))
	r.GET("/login", s.form("login"))
	r.POST("/login", s.post("login", s.login))

	user := r.Group("/", requireUser)
	user.GET("/account", s.account)
	user.POST("/password", s.post("account", s.password))
	user.POST("/sessions/end", s.post("account", s.endOther))
	user.POST("/logout", s.post("account", s.logout))
	user.POST("/logout-everywhere", s.post("account", s.logoutEverywhere))
	r.NoRoute(func(c *gin.Context) { s.show(c, http.StatusNotFound, "problem", "There is no such page.") })
	return r
}

// headers are for every answer: no cache keeps it, no script in a page runs, and no
// other site shows it in a frame.
func headers(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("X-Frame-Options", "DENY") // for old browsers
	c.Header("Referrer-Policy", "same-origin")
}

// checkForm reads what a form brings, 64 KB at most, and stops one that another site,
// or a subdomain, sends here.
func (s *site) checkForm(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 64*1024)
	err := cmp.Or(c.Request.ParseForm(), c.Request.ParseMultipartForm(64*1024))
	if err != nil && err != http.ErrNotMultipart {
		s.show(c, http.StatusBadRequest, "problem", "This form is broken or too large.")
	} else if err := http.NewCrossOriginProtection().Check(c.Request); err != nil {
		s.show(c, http.StatusForbidden, "problem", "This form was sent by another site.")
	}
}

// sessionName is the name of the cookie, too. With __Host- a browser takes it from
// this very host only, over https.
func sessionName() string {
	if gin.Mode() == gin.ReleaseMode {
		return "__Host-mysession"
	}
	return "mysession"
}

// cookieOptions sets every option but Domain: what is left out is not safe, but
// without Domain the cookie is for this host only.
func cookieOptions() sessions.Options {
	return sessions.Options{
		Path:     "/",
		MaxAge:   maxAge,
		HttpOnly: true,                          // no JavaScript can read it
		SameSite: http.SameSiteLaxMode,          // not sent with another site's POST
		Secure:   gin.Mode() == gin.ReleaseMode, // https only, once deployed
	}
}

// sessionSecrets returns the keys of the cookies, in pairs. The first key signs, and
// all are accepted. Each is a line of SESSION_SECRET_FILE; or SESSION_SECRET is the only one.
func sessionSecrets() (pairs [][]byte, err error) {
	const known = "development only: everybody knows"
	source, text := "SESSION_SECRET", os.Getenv("SESSION_SECRET")
	if file := os.Getenv("SESSION_SECRET_FILE"); file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("SESSION_SECRET_FILE: %w", err)
		}
		source, text = "SESSION_SECRET_FILE: a line of "+file, string(content)
	} else if text == "" && gin.Mode() != gin.ReleaseMode {
		log.Print("warning: SESSION_SECRET is not set: anybody can sign cookies")
		return [][]byte{[]byte(known)}, nil
	}
	for secret := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		secret = strings.TrimSpace(secret)
		if len(secret) < 32 || secret == known {
			return nil, fmt.Errorf("%s has %d bytes: it needs 32 or more of your own", source, len(secret))
		}
		pairs = append(pairs, []byte(secret), nil) // nil: nothing is encrypted
	}
	return pairs, nil
}
