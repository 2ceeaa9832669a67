// Chapter 02, second program: an API with a session, and a page on another origin
// that calls it.
//
//	go run ./02-cookie-basic/frontend
//
// Then open http://localhost:8001 in a browser. The page calls the API at
// http://localhost:8000 in six ways, and shows which of them keep the session.
package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
)

const maxAge = 24 * 60 * 60 // one day, in seconds

func main() {
	secret, err := sessionSecret()
	if err != nil {
		log.Fatal(err)
	}
	addr := cmp.Or(os.Getenv("ADDR"), "localhost:8000")
	pageAddr := cmp.Or(os.Getenv("PAGE_ADDR"), "localhost:8001")
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		log.Fatalf("ADDR is host:port, like localhost:8000: %v", err)
	}
	_, pagePort, err := net.SplitHostPort(pageAddr)
	if err != nil {
		log.Fatalf("PAGE_ADDR is host:port, like localhost:8001: %v", err)
	}
	origins := []string{"http://localhost:" + pagePort, "http://127.0.0.1:" + pagePort}
	router, err := newRouter(secret, origins...)
	if err != nil {
		log.Fatal(err)
	}
	api, err := protect(router, origins...)
	if err != nil {
		log.Fatal(err)
	}

	failed := make(chan error)
	for _, server := range []*http.Server{newServer(addr, api), newServer(pageAddr, page("http://localhost:"+port))} {
		listener, err := net.Listen("tcp", server.Addr)
		if err != nil {
			log.Fatalf(cannotServe, err)
		}
		go func() { failed <- server.Serve(listener) }()
	}
	log.Printf("open http://localhost:%s in a browser", pagePort)
	log.Fatalf(cannotServe, <-failed)
}

const cannotServe = "cannot serve: %v\nADDR=localhost:9000 PAGE_ADDR=localhost:9001 listen on other ports."

// newServer has timeouts: a slow client cannot keep its connection for ever.
func newServer(addr string, handler http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second, // with the body
		WriteTimeout:      30 * time.Second, // of the answer
		IdleTimeout:       2 * time.Minute,
	}
}

// newRouter is the API, for pages of these origins.
func newRouter(secret []byte, origins ...string) (*gin.Engine, error) {
	r := gin.Default()
	if err := r.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	r.GET("/", gin.WrapF(page(""))) // the same page, on the API's own origin

	lax, none := http.SameSiteLaxMode, http.SameSiteNoneMode
	// What works: from the same site, and from another site.
	addRoutes(r, "lax", secret, cookieOptions(lax, false), allow(origins...))
	addRoutes(r, "none-secure", secret, cookieOptions(none, true), allow(origins...))
	// What does not.
	addRoutes(r, "none", secret, cookieOptions(none, false), allow(origins...))
	addRoutes(r, "any-origin", secret, cookieOptions(lax, false), allowAny())
	addRoutes(r, "no-cors", secret, cookieOptions(lax, false))
	return r, nil
}

// protect refuses a POST from a page of any other origin. CORS would only keep that
// page from reading the answer.
func protect(router http.Handler, origins ...string) (http.Handler, error) {
	protection := http.NewCrossOriginProtection() // Go 1.25
	for _, origin := range origins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	return protection.Handler(router), nil
}

// allow lets pages of these origins call the API with their cookies.
func allow(origins ...string) gin.HandlerFunc {
	config := cors.DefaultConfig()
	config.AllowOrigins = origins
	config.AllowCredentials = true
	return cors.New(config)
}

// allowAny looks as if it allowed more, but no browser accepts it with cookies.
func allowAny() gin.HandlerFunc {
	config := cors.DefaultConfig()
	config.AllowAllOrigins = true
	config.AllowCredentials = true
	return cors.New(config)
}

// addRoutes adds the routes for one way to call the API, with a cookie of its own.
func addRoutes(r *gin.Engine, way string, secret []byte, options sessions.Options, middleware ...gin.HandlerFunc) {
	store := cookie.NewStore(secret)
	store.(interface{ MaxAge(seconds int) }).MaxAge(maxAge)
	store.Options(options)
	routes := r.Group("/api/"+way, middleware...) // before the session: a preflight has no cookie
	routes.Use(noStore, sessions.Sessions("mysession-"+way, store))
	routes.OPTIONS("/name") // without this route, no middleware of a group sees the preflight
	routes.GET("/name", getName)
	routes.POST("/name", setName)
}

type visitor struct {
	Name string `json:"name" binding:"required,max=100"`
}

// setName keeps a name in the session, as a login does with a user.
func setName(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 4096)
	var v visitor
	if err := c.ShouldBindJSON(&v); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": "wanted: a name of 100 letters at most"})
		return
	}
	session := sessions.Default(c)
	session.Set("name", v.Name)
	if err := session.Save(); err != nil {
		log.Printf("session not saved: %v", err)
		c.JSON(http.StatusInternalServerError, gin.H{"error": "session not saved"})
		return
	}
	c.JSON(http.StatusOK, v)
}

// getName answers with the name in the session, or an empty one.
func getName(c *gin.Context) {
	name, _ := sessions.Default(c).Get("name").(string)
	c.JSON(http.StatusOK, visitor{name})
}

func cookieOptions(sameSite http.SameSite, secure bool) sessions.Options {
	return sessions.Options{
		Path:     "/",
		MaxAge:   maxAge,
		HttpOnly: true,
		SameSite: sameSite,
		Secure:   secure || gin.Mode() == gin.ReleaseMode,
	}
}

//go:embed index.html
var html string

var pageTemplate = template.Must(template.New("page").Parse(html))

// page is the front end. api is where its script finds the API: empty on the same
// origin.
func page(api string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := pageTemplate.Execute(w, api); err != nil {
			log.Printf("page not sent: %v", err)
		}
	}
}

// noStore keeps the answers out of every cache on the way: each is for one visitor.
func noStore(c *gin.Context) { c.Header("Cache-Control", "no-store") }

// sessionSecret returns the key that signs the cookies, from SESSION_SECRET.
func sessionSecret() ([]byte, error) {
	const known = "development only: everybody knows"
	secret := os.Getenv("SESSION_SECRET")
	if secret == "" && gin.Mode() != gin.ReleaseMode {
		log.Print("warning: SESSION_SECRET is not set: anybody can sign cookies")
		return []byte(known), nil
	}
	if len(secret) < 32 || secret == known {
		return nil, fmt.Errorf("SESSION_SECRET has %d bytes: it needs 32 or more of your own", len(secret))
	}
	return []byte(secret), nil
}
