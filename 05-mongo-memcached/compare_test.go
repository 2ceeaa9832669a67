package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/benbjohnson/clock"
	"github.com/bradfitz/gomemcache/memcache"
	"github.com/daangn/minimemcached"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/memcached"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-contrib/sessions/mongo/mongodriver"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"
)

// The five stores side by side, each opened as the library's documentation opens
// it. The table in the README is the one below, which TestTheFiveStores proves
// cell by cell; TestTheREADMEsShowTheComparison compares the two.

var columns = [5]string{"cookie", "memory", "Redis", "memcached", "MongoDB"}

// A behaviour, the function that looks at it, and what it sees on each store.
var comparison = []struct {
	behaviour string
	see       func(t *testing.T, c contender) string
	cells     [5]string
}{
	{"the values are", whereTheValuesAre,
		[5]string{"in the cookie, readable", "in the program", "in Redis, readable", "in memcached, readable", "in MongoDB, readable"}},
	{"the cookie holds", whatTheCookieHolds,
		[5]string{"all values", "an ID", "an ID", "an ID", "an ID"}},
	{"the cookie, without `Options`", attributesWithoutOptions,
		[5]string{"`Secure; SameSite=None`", "neither", "neither", "neither", "neither"}},
	{"after a restart of the program", restartOfTheProgram,
		[5]string{"goes on", "starts anew", "goes on", "goes on", "goes on"}},
	{"on a second instance", secondInstance,
		[5]string{"goes on", "starts anew", "goes on", "goes on", "goes on"}},
	{"after a restart of the server", restartOfTheServer,
		[5]string{"–", "–", "goes on, if Redis saves", "starts anew", "goes on"}},
	{"a copied cookie, after the logout", copiedCookieAfterLogout,
		[5]string{"still works", "finds nothing", "finds nothing", "finds nothing", "finds nothing"}},
	{"the ID of the session that this cookie starts", idAfterLogout,
		[5]string{"–", "the old one", "the old one", "the old one", "the old one"}},
	{"`MaxAge: 0`", maxAgeZero,
		[5]string{"until the browser closes", "until the browser closes", "deletes the session", "until the browser closes", "until the browser closes"}},
	{"a copied cookie, 3 s old, with `MaxAge: 1`", maxAgeOneSecond,
		[5]string{"still works", "still works", "finds nothing", "finds nothing", "still works"}},
	{"`MaxAge` of 31 days", maxAgeDays(31),
		[5]string{"ends after 30 days", "ends after 30 days", "ends after 30 days", "ends at once", "ends after 31 days"}},
	{"`MaxAge` of a year", maxAgeDays(365),
		[5]string{"ends after 30 days", "ends after 30 days", "ends after 30 days", "ends at once", "ends after 365 days"}},
	{"the biggest text, in bytes", biggestText,
		[5]string{"2,220", "over 1 MB", "4,045", "2,220", "2,220"}},
	{"an unregistered type", unregisteredType,
		[5]string{"error from `Save`", "panic", "error from `Save`", "error from `Save`", "error from `Save`"}},
	{"sessions that are over", sessionsThatAreOver,
		[5]string{"–", "stay", "are removed", "are removed", "are removed, by a TTL index"}},
	{"two updates at once", twoUpdatesAtOnce,
		[5]string{"one is lost", "one is lost", "one is lost", "one is lost", "one is lost"}},
	{"no server at start", noServerAtStart,
		[5]string{"–", "–", "error", "not noticed", "panic"}},
	{"the server dies: the library", serverDies(impatiently),
		[5]string{"–", "–", "an empty session", "an empty session", "an empty session, after up to 30 s"}},
	{"the server dies: this tutorial", serverDies(asInThisTutorial),
		[5]string{"–", "–", "503", "503", "503"}},
	{"it cannot be read for a moment: the library", serverBlips(asDocumented),
		[5]string{"–", "–", "the values are lost", "the values are lost", "the values are lost"}},
	{"it cannot be read for a moment: this tutorial", serverBlips(asInThisTutorial),
		[5]string{"–", "–", "503, nothing is lost", "503, nothing is lost", "503, nothing is lost"}},
	{"it does not answer: the library", serverHangs(inItsOwnTime),
		[5]string{"–", "–", "the visitor waits", "an empty session, after 500 ms", "the visitor waits"}},
	{"it does not answer: this tutorial", serverHangs(asInThisTutorial),
		[5]string{"–", "–", "503", "503", "503"}},
}

// in returns a piece of the table in the language of a README.
func in(readme, text string) string {
	if chinese, ok := inChinese[text]; ok && strings.HasSuffix(readme, ".zh-CN.md") {
		return chinese
	}
	return text // code, digits and names are the same in every language
}

// tableIn is the whole table, as a README shows it.
func tableIn(readme string) (header, rows string) {
	line := func(first string, cells [5]string) (line string) {
		line = "| " + in(readme, first)
		for _, cell := range cells {
			line += " | " + in(readme, cell)
		}
		return line + " |\n"
	}
	for _, row := range comparison {
		rows += line(row.behaviour, row.cells)
	}
	return line("", columns) + "|---|---|---|---|---|---|\n", rows
}

func TestTheREADMEsShowTheComparison(t *testing.T) {
	t.Parallel()
	readmes, err := filepath.Glob("README*.md")
	require.NoError(t, err)
	require.NotEmpty(t, readmes)
	for _, name := range readmes {
		header, rows := tableIn(name)
		readme, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.True(t, strings.Contains(string(readme), "\n"+header+rows+"\n"), "%s should show this table:\n%s%s", name, header, rows)

		start, err := os.ReadFile("../" + name)
		require.NoError(t, err)
		_, choice, found := strings.Cut(string(start), "|---|---|---|---|---|---|\n")
		require.True(t, found, "../%s has no such table", name)
		choice, _, _ = strings.Cut(choice, "\n\n")
		for _, row := range strings.Split(choice, "\n") {
			assert.True(t, strings.Contains(rows, row+"\n"), "../%s has a row that is not in this table: %s", name, row)
		}
	}
}

func TestTheFiveStores(t *testing.T) {
	t.Parallel()
	for _, row := range comparison {
		t.Run(row.behaviour, func(t *testing.T) {
			t.Parallel()
			for i, column := range columns {
				t.Run(column, func(t *testing.T) {
					t.Parallel()
					for engine, c := range contenders(t, column) {
						t.Run(engine, func(t *testing.T) {
							assert.Equal(t, row.cells[i], row.see(t, c), "%s, %s: this cell of the README is wrong", row.behaviour, column)
						})
					}
				})
			}
		})
	}
}

// contender is a store, and the server behind it.
type contender struct {
	column string
	server                       // none for cookie and memory
	pass   func(d time.Duration) // moves the server's clock; nil: nobody can
}

// contenders returns a column's store on an embedded server and, when its
// variable is set, on the one there.
func contenders(t *testing.T, column string) map[string]contender {
	t.Helper()
	all := map[string]contender{}
	switch column {
	case "Redis":
		db := miniredis.RunT(t)
		all["embedded"] = contender{column, redisServer(db.Addr()), db.FastForward}
		if addr := os.Getenv("REDIS_ADDR"); addr != "" {
			all["real"] = contender{column, redisServer(addr), nil}
		}
	case "memcached":
		now := clock.NewMock()
		now.Set(time.Now())
		all["embedded"] = contender{column, memcachedServer(miniMemcached(t, minimemcached.WithClock(now))), now.Add}
		if addrs := os.Getenv("MEMCACHED_ADDR"); addrs != "" {
			addr, _, _ := strings.Cut(addrs, ",")
			all["real"] = contender{column, memcachedServer(addr), nil}
		}
	case "MongoDB":
		all["embedded"] = contender{column, mongoServer(t, ferretURI), nil}
		if uri := os.Getenv("MONGO_URI"); uri != "" {
			all["real"] = contender{column, mongoServer(t, uri), nil}
		}
	default:
		all["none"] = contender{column, server{}, nil}
	}
	return all
}

// wait lets time pass for the server, in no time if its clock can be moved. Else
// the test has to sleep: a session that stays leaves nothing to wait for.
func (c contender) wait(d time.Duration) {
	if c.pass == nil {
		time.Sleep(d)
		return
	}
	c.pass(d)
}

func redisServer(addr string) server {
	return server{addr: addr, timeout: time.Minute, read: "GET"}
}

// open opens the store as the library's documentation does. age is for MongoDB's,
// the only one that asks for it, in seconds.
func (c contender) open(t *testing.T, age int, ensureTTL bool) (sessions.Store, error) {
	t.Helper()
	switch c.column {
	case "cookie":
		return cookie.NewStore(testSecret), nil
	case "memory":
		return memstore.NewStore(testSecret), nil
	case "Redis":
		return redis.NewStore(10, "tcp", c.addr, "", "", testSecret)
	case "memcached":
		return memcached.NewStore(memcacheClient(c.addr, c.timeout), "session_", testSecret), nil
	}
	return mongodriver.NewStore(c.sessions(t), age, ensureTTL, testSecret), nil
}

// library is the store with a day's MaxAge and nothing else.
func (c contender) library(t *testing.T) sessions.Store {
	t.Helper()
	store, err := c.open(t, maxAge, false)
	require.NoError(t, err)
	store.Options(cookieOptions())
	return store
}

// lasting is the library's store with another MaxAge in its Options, in seconds.
func (c contender) lasting(t *testing.T, seconds int) sessions.Store {
	t.Helper()
	store := c.library(t)
	options := cookieOptions()
	options.MaxAge = seconds
	store.Options(options)
	return store
}

// shop is an app with every route that the table needs, on this store.
func shop(t *testing.T, store sessions.Store, middleware ...gin.HandlerFunc) (url string) {
	t.Helper()
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) {
		c.String(http.StatusInternalServerError, "panic")
	}))
	r.Use(sessions.Sessions(sessionName, store))
	r.Use(middleware...)
	keep := func(c *gin.Context, value any) {
		session := sessions.Default(c)
		session.Set("text", value)
		if err := session.Save(); err != nil {
			c.String(http.StatusInsufficientStorage, "error from `Save`")
		}
	}
	r.POST("/text/:text", func(c *gin.Context) { keep(c, c.Param("text")) })
	r.POST("/bytes/:bytes", func(c *gin.Context) {
		n, err := strconv.Atoi(c.Param("bytes"))
		assert.NoError(t, err)
		keep(c, strings.Repeat("x", n))
	})
	r.POST("/more", func(c *gin.Context) {
		session := sessions.Default(c)
		session.Set("more", true)
		if err := session.Save(); err != nil {
			storeUnavailable(c, err)
		}
	})
	r.POST("/struct", func(c *gin.Context) { keep(c, struct{ Text string }{"no gob.Register"}) })
	r.GET("/text", func(c *gin.Context) {
		text, _ := sessions.Default(c).Get("text").(string)
		c.String(http.StatusOK, text)
	})
	r.POST("/logout", logout)
	return listen(t, r)
}

// enter makes a visitor with the text "burrow" in the session.
func enter(t *testing.T, app string) *browser {
	t.Helper()
	visitor := newBrowser(t)
	require.Equal(t, http.StatusOK, visitor.send(http.MethodPost, app+"/text/burrow").status)
	require.NotNil(t, visitor.cookie(app))
	return visitor
}

// goesOn says whether a visitor of one app finds the session in another.
func goesOn(visitor *browser, app string) string {
	if visitor.get(app+"/text") == "burrow" {
		return "goes on"
	}
	return "starts anew"
}

// The functions below look at one behaviour each, and return the words of its cell.

func whereTheValuesAre(t *testing.T, c contender) string {
	store := c.library(t)
	app := shop(t, store)
	visitor := enter(t, app)
	switch {
	case strings.Contains(plainText(t, visitor.cookie(app).Value), "burrow"):
		return "in the cookie, readable"
	case c.addr == "" && kept(t, store) == 1:
		return "in the program"
	}
	stored := c.stored(t, sessionID(t, store, visitor.cookie(app)))
	if c.column != "Redis" { // there it is gob, in the others a text like the cookie's
		stored = plainText(t, stored)
	}
	if strings.Contains(stored, "burrow") { // and we had no key
		return "in " + c.column + ", readable"
	}
	return "nowhere"
}

func whatTheCookieHolds(t *testing.T, c contender) string {
	store := c.library(t)
	app := shop(t, store)
	visitor := enter(t, app)
	holds := plainText(t, visitor.cookie(app).Value)
	if strings.Contains(holds, "burrow") {
		return "all values"
	}
	assert.Contains(t, holds, sessionID(t, store, visitor.cookie(app)))
	return "an ID"
}

func attributesWithoutOptions(t *testing.T, c contender) string {
	store, err := c.open(t, maxAge, false)
	require.NoError(t, err)
	cookies := newBrowser(t).send(http.MethodPost, shop(t, store)+"/text/burrow").cookies
	require.Len(t, cookies, 1)
	assert.False(t, cookies[0].HttpOnly)
	switch got := cookies[0]; {
	case got.Secure && got.SameSite == http.SameSiteNoneMode:
		return "`Secure; SameSite=None`"
	case !got.Secure && got.SameSite == 0:
		return "neither"
	default:
		return got.String()
	}
}

func restartOfTheProgram(t *testing.T, c contender) string {
	before, after := shop(t, c.library(t)), shop(t, c.library(t))
	return goesOn(enter(t, before), after)
}

func secondInstance(t *testing.T, c contender) string {
	one, other := shop(t, c.library(t)), shop(t, c.library(t))
	visitor := enter(t, one)
	if goesOn(visitor, other) == "starts anew" {
		return "starts anew"
	}
	visitor.send(http.MethodPost, other+"/text/hole")
	assert.Equal(t, "hole", visitor.get(one+"/text"), "what the second wrote, the first has to see")
	return "goes on"
}

// restartOfTheServer has servers of its own: nobody would like theirs to be stopped.
// An embedded Redis or memcached would prove nothing.
func restartOfTheServer(t *testing.T, c contender) string {
	socketDir, err := os.MkdirTemp("", "gin") // t.TempDir is too long for a socket
	require.NoError(t, err)
	defer os.RemoveAll(socketDir)
	socket := filepath.Join(socketDir, "server")
	startRedis := func(saves string) func() (sessions.Store, func()) {
		return func() (sessions.Store, func()) {
			stop := startProgram(t, socket, "redis-server", "--port", "0", "--unixsocket", socket,
				"--dir", socketDir, "--save", "", "--appendonly", saves)
			var store redis.Store
			require.Eventually(t, func() bool { // it may have to load first what it saved
				store, err = redis.NewStore(10, "unix", socket, "", "", testSecret)
				return err == nil
			}, time.Minute, 10*time.Millisecond)
			return store, stop
		}
	}
	switch c.column {
	case "Redis":
		require.Equal(t, "starts anew", overARestart(t, startRedis("no")))
		return overARestart(t, startRedis("yes")) + ", if Redis saves"
	case "memcached":
		return overARestart(t, func() (sessions.Store, func()) {
			stop := startProgram(t, socket, "memcached", "-u", "root", "-s", socket) // -u is for root only
			return memcached.NewStore(memcacheClient(socket, time.Minute), "session_", testSecret), stop
		})
	case "MongoDB":
		dir := t.TempDir()
		return overARestart(t, func() (sessions.Store, func()) {
			uri, stop := startFerretDB(dir)
			c.server = server{uri: uri, database: "tutorial"}
			return c.library(t), stop
		})
	}
	return "–"
}

// startProgram starts a server and waits for its socket. stop ends it, as a
// shutdown of the computer does.
func startProgram(t *testing.T, socket, name string, args ...string) (stop func()) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("not installed here, so not stopped and started: %v", err)
	}
	program := exec.Command(path, args...)
	require.NoError(t, program.Start())
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond, "%s does not start", name)
	return func() {
		assert.NoError(t, program.Process.Signal(syscall.SIGTERM))
		_ = program.Wait() // memcached calls this a failure
		_ = os.Remove(socket)
	}
}

// overARestart starts a server twice, with a visitor who comes before and after.
func overARestart(t *testing.T, start func() (store sessions.Store, stop func())) string {
	t.Helper()
	store, stop := start()
	store.Options(cookieOptions())
	visitor := enter(t, shop(t, store))
	stop()
	store, stop = start()
	defer stop()
	return goesOn(visitor, shop(t, store))
}

func copiedCookieAfterLogout(t *testing.T, c contender) string {
	app := shop(t, c.library(t))
	visitor, thief := enter(t, app), newBrowser(t)
	thief.setCookie(app, visitor.cookie(app).Value)
	visitor.send(http.MethodPost, app+"/logout")
	return found(thief, app)
}

// found says whether a visitor finds the text that was kept.
func found(visitor *browser, app string) string {
	if visitor.get(app+"/text") == "burrow" {
		return "still works"
	}
	return "finds nothing"
}

func idAfterLogout(t *testing.T, c contender) string {
	if c.column == "cookie" {
		return "–"
	}
	store := c.library(t)
	app := shop(t, store)
	visitor, thief := enter(t, app), newBrowser(t)
	id := sessionID(t, store, visitor.cookie(app))
	thief.setCookie(app, visitor.cookie(app).Value)
	visitor.send(http.MethodPost, app+"/logout")
	thief.send(http.MethodPost, app+"/text/burrow")
	if sessionID(t, store, thief.cookie(app)) == id {
		return "the old one"
	}
	return "a new one"
}

func maxAgeZero(t *testing.T, c contender) string {
	app := shop(t, c.lasting(t, 0))
	visitor := newBrowser(t)
	entered := visitor.send(http.MethodPost, app+"/text/burrow")
	require.Equal(t, http.StatusOK, entered.status)
	require.Len(t, entered.cookies, 1)
	switch {
	case entered.cookies[0].Value == "" && visitor.get(app+"/text") == "":
		return "deletes the session"
	case entered.cookies[0].MaxAge == 0 && entered.cookies[0].Expires.IsZero() && visitor.get(app+"/text") == "burrow":
		return "until the browser closes"
	}
	return entered.cookies[0].String()
}

func maxAgeOneSecond(t *testing.T, c contender) string {
	app := shop(t, c.lasting(t, 1))
	visitor := newBrowser(t)
	entered := visitor.send(http.MethodPost, app+"/text/burrow").cookies
	require.Len(t, entered, 1)

	c.wait(3 * time.Second) // memcached counts whole seconds
	thief := newBrowser(t)  // what a browser drops, a thief keeps
	thief.setCookie(app, aged(t, entered[0].Value, 3*time.Second))
	return found(thief, app)
}

// maxAgeDays sets MaxAge wherever the documentation does: in Options, and for
// MongoDB in NewStore.
func maxAgeDays(days int) func(t *testing.T, c contender) string {
	return func(t *testing.T, c contender) string {
		const day = 24 * time.Hour
		store, err := c.open(t, days*24*60*60, false)
		require.NoError(t, err)
		options := cookieOptions()
		options.MaxAge = days * 24 * 60 * 60
		store.Options(options)
		app := shop(t, store)
		visitor := newBrowser(t)
		fresh := visitor.send(http.MethodPost, app+"/text/burrow").cookies[0].Value
		if visitor.get(app+"/text") == "" {
			return "ends at once"
		}
		passed := time.Duration(0)
		for _, end := range []int{30, days} {
			after := time.Duration(end)*day + time.Hour
			if c.pass != nil { // else the signature ends first, or nothing does
				c.pass(after - passed)
			}
			passed = after
			visitor.setCookie(app, aged(t, fresh, after))
			if visitor.get(app+"/text") == "" {
				return fmt.Sprintf("ends after %d days", end)
			}
		}
		return "does not end"
	}
}

func biggestText(t *testing.T, c contender) string {
	const most = 1 << 20 // one megabyte
	app := shop(t, c.library(t))
	visitor := newBrowser(t)
	tooBig := sort.Search(most, func(bytes int) bool {
		return visitor.send(http.MethodPost, fmt.Sprintf("%s/bytes/%d", app, bytes)).status != http.StatusOK
	})
	if tooBig == most {
		return "over 1 MB"
	}
	return fmt.Sprintf("%d,%03d", (tooBig-1)/1000, (tooBig-1)%1000)
}

func unregisteredType(t *testing.T, c contender) string {
	return newBrowser(t).send(http.MethodPost, shop(t, c.library(t))+"/struct").body
}

func twoUpdatesAtOnce(t *testing.T, c contender) string {
	var both sync.WaitGroup
	both.Add(2)
	add := func(c *gin.Context) {
		session := sessions.Default(c)
		text, _ := session.Get("text").(string)
		both.Done()
		both.Wait() // both have read before either writes
		session.Set("text", text+c.Query("add"))
		assert.NoError(t, session.Save())
	}
	app := shop(t, c.library(t), func(c *gin.Context) {
		if c.Query("add") != "" {
			add(c)
			c.Abort()
		}
	})
	visitor := enter(t, app)
	var requests sync.WaitGroup
	for _, text := range []string{"A", "B"} {
		requests.Go(func() { visitor.send(http.MethodGet, app+"/text?add="+text) })
	}
	requests.Wait()
	switch text := visitor.get(app + "/text"); text {
	case "burrowA", "burrowB":
		return "one is lost"
	default:
		return text
	}
}

func sessionsThatAreOver(t *testing.T, c contender) string {
	if c.column == "MongoDB" { // the index is MongoDB's own work: the store has to ask for it
		network := newProxy(t, c.addr)
		network.cutOn("expireAfterSeconds", 1)
		c.server = c.through(network)
		assert.Panics(t, func() { _, _ = c.open(t, maxAge, true) }, "the proxy has cut it off")
		if network.timesLeft() == 0 {
			return "are removed, by a TTL index"
		}
		return "stay"
	}
	if c.column == "cookie" {
		return "–"
	}
	store := c.lasting(t, 1)
	app := shop(t, store)
	cookie := newBrowser(t).send(http.MethodPost, app+"/text/burrow").cookies[0]
	id := sessionID(t, store, cookie)
	c.wait(3 * time.Second)
	if c.column == "memory" && kept(t, store) == 1 || c.column != "memory" && c.stored(t, id) != "" {
		return "stay"
	}
	return "are removed"
}

// stored returns what the server keeps for a session; empty: nothing.
func (c contender) stored(t *testing.T, id string) string {
	t.Helper()
	if c.column != "Redis" {
		return c.server.stored(t, id)
	}
	conn, err := redigo.Dial("tcp", c.addr)
	require.NoError(t, err)
	defer conn.Close()
	text, err := redigo.String(conn.Do("GET", "session_"+id))
	if errors.Is(err, redigo.ErrNil) {
		return ""
	}
	require.NoError(t, err)
	return text
}

// kept returns how many sessions are in a memstore. It does not tell, so this
// looks into its private map.
func kept(t *testing.T, store sessions.Store) int {
	t.Helper()
	inner := reflect.ValueOf(store).Elem().FieldByName("MemStore").Elem()
	require.True(t, inner.FieldByName("cache").IsValid(), "memstore was rebuilt: see whether it still grows")
	return inner.FieldByName("cache").Elem().FieldByName("data").Len()
}

func noServerAtStart(t *testing.T, c contender) (seen string) {
	if c.addr == "" {
		return "–"
	}
	c.server = c.impatient()
	c.server = c.at("127.0.0.1:1") // nobody listens there: it takes root to
	defer func() {
		if recover() != nil {
			seen = "panic"
		}
	}()
	if _, err := c.open(t, maxAge, true); err != nil {
		return "error"
	}
	return "not noticed"
}

// briefly is how long impatient lets the driver look for a lost MongoDB. Its own
// 30 s would change nothing but the wait.
const briefly = 500 * time.Millisecond

func (c contender) impatient() server {
	s := c.server
	if s.uri != "" {
		s.uri += fmt.Sprintf("&serverSelectionTimeoutMS=%d", briefly.Milliseconds())
	}
	return s
}

// opened opens a store as the library's documentation does, or as this tutorial does,
// with the middleware that belongs to it.
type opened func(c contender, t *testing.T) (sessions.Store, []gin.HandlerFunc)

func asDocumented(c contender, t *testing.T) (sessions.Store, []gin.HandlerFunc) {
	return c.library(t), nil
}

// impatiently is asDocumented, but for a MongoDB that is looked for briefly.
func impatiently(c contender, t *testing.T) (sessions.Store, []gin.HandlerFunc) {
	c.server = c.impatient()
	return asDocumented(c, t)
}

// inItsOwnTime is asDocumented with gomemcache's own timeout, which the other looks
// do not need, and which a busy machine may exceed.
func inItsOwnTime(c contender, t *testing.T) (sessions.Store, []gin.HandlerFunc) {
	c.timeout = 0
	return asDocumented(c, t)
}

func asInThisTutorial(c contender, t *testing.T) (sessions.Store, []gin.HandlerFunc) {
	t.Helper()
	var store sessions.Store
	c.timeout = storeTimeout
	if c.column == "Redis" { // as in 03-redis-store/pool
		store = connect(t, func() (sessions.Store, error) {
			return redis.NewStoreWithPool(&redigo.Pool{Dial: func() (redigo.Conn, error) {
				return redigo.Dial("tcp", c.addr, redigo.DialConnectTimeout(c.timeout),
					redigo.DialReadTimeout(c.timeout), redigo.DialWriteTimeout(c.timeout))
			}}, testSecret)
		})
	} else {
		store = c.store(t, testSecret)
	}
	store.Options(cookieOptions())
	return store, []gin.HandlerFunc{requireStore(store)}
}

// onALostServer runs an app behind a proxy, with a visitor who has a session.
func onALostServer(t *testing.T, c contender, open opened) (network *proxy, app string, visitor *browser) {
	t.Helper()
	direct := shop(t, c.library(t))
	visitor = enter(t, direct)
	network = newProxy(t, c.addr)
	c.server = c.at(network.addr)
	store, middleware := open(c, t)
	return network, shop(t, store, middleware...), visitor
}

// serverDies cuts all connections and refuses new ones.
func serverDies(open opened) func(t *testing.T, c contender) string {
	return func(t *testing.T, c contender) string {
		if c.addr == "" {
			return "–"
		}
		network, app, visitor := onALostServer(t, c, open)
		network.cut()
		seen := whatAReaderGets(visitor.send(http.MethodGet, app+"/text"))
		if c.column != "MongoDB" || seen != "an empty session" {
			return seen
		}
		// The first request may find out at once. Then the driver looks for the server
		// before it gives up.
		config, err := topology.NewConfig(options.Client(), nil)
		require.NoError(t, err)
		for range 10 {
			start := time.Now()
			assert.Equal(t, seen, whatAReaderGets(visitor.send(http.MethodGet, app+"/text")))
			if time.Since(start) >= briefly {
				return fmt.Sprintf("%s, after up to %.0f s", seen, config.ServerSelectionTimeout.Seconds())
			}
		}
		return seen
	}
}

// whatAReaderGets says what an answer to GET /text means while the server is lost.
func whatAReaderGets(got answer) string {
	if got.status == http.StatusOK && got.body == "" {
		return "an empty session"
	}
	return strconv.Itoa(got.status)
}

// serverBlips cuts each read, until the visitor has tried to save something more.
func serverBlips(open opened) func(t *testing.T, c contender) string {
	return func(t *testing.T, c contender) string {
		if c.addr == "" {
			return "–"
		}
		network, app, visitor := onALostServer(t, c, open)
		network.cutOn(c.read, always)
		got := visitor.send(http.MethodPost, app+"/more")
		network.restore()
		if goesOn(visitor, shop(t, c.library(t))) == "starts anew" {
			assert.Equal(t, http.StatusOK, got.status)
			return "the values are lost"
		}
		return fmt.Sprintf("%d, nothing is lost", got.status)
	}
}

// serverHangs gives the app as long as another one, which has timeouts, takes for
// three answers.
func serverHangs(open opened) func(t *testing.T, c contender) string {
	return func(t *testing.T, c contender) string {
		if c.addr == "" {
			return "–"
		}
		network, app, visitor := onALostServer(t, c, open)
		c.server = c.at(network.addr)
		store, middleware := asInThisTutorial(c, t)
		inTime, other := shop(t, store, middleware...), newBrowser(t)
		other.setCookie(inTime, visitor.cookie(app).Value)

		network.hang()
		start, took := time.Now(), time.Duration(0)
		answered := make(chan answer, 1)
		go func() {
			got := visitor.send(http.MethodGet, app+"/text")
			took = time.Since(start)
			answered <- got
		}()
		for range 3 {
			assert.Equal(t, http.StatusServiceUnavailable, other.send(http.MethodGet, inTime+"/text").status)
		}
		select {
		case got := <-answered:
			seen := whatAReaderGets(got)
			if limit := memcache.DefaultTimeout; seen == "an empty session" && took >= limit {
				return fmt.Sprintf("%s, after %d ms", seen, limit.Milliseconds())
			}
			return seen
		default:
		}
		network.cut() // or the test would wait as well
		<-answered
		return "the visitor waits"
	}
}

// inChinese has the words of the table for README.zh-CN.md.
var inChinese = map[string]string{
	"memory":                                        "内存",
	"the values are":                                "数据存放在",
	"the cookie holds":                              "cookie 里有",
	"the cookie, without `Options`":                 "不设 `Options` 时的 cookie",
	"after a restart of the program":                "程序重启后",
	"on a second instance":                          "在第二个实例上",
	"after a restart of the server":                 "服务器重启后",
	"a copied cookie, after the logout":             "登出后，复制走的 cookie",
	"the ID of the session that this cookie starts": "再用这个 cookie 新开的 session，ID 是",
	"a copied cookie, 3 s old, with `MaxAge: 1`":    "`MaxAge: 1`，3 s 后再用复制走的 cookie",
	"`MaxAge` of 31 days":                           "`MaxAge` 为 31 天",
	"`MaxAge` of a year":                            "`MaxAge` 为一年",
	"the biggest text, in bytes":                    "最长的文本（字节）",
	"an unregistered type":                          "未注册的类型",
	"sessions that are over":                        "已过期的 session",
	"two updates at once":                           "两个请求同时更新",
	"no server at start":                            "启动时连不上服务器",
	"the server dies: the library":                  "服务器宕机：只用库本身",
	"it cannot be read for a moment: the library":   "短时间读不到：只用库本身",
	"it does not answer: the library":               "服务器不应答：只用库本身",
	"the server dies: this tutorial":                "服务器宕机：本教程",
	"it cannot be read for a moment: this tutorial": "短时间读不到：本教程",
	"it does not answer: this tutorial":             "服务器不应答：本教程",
	"in the cookie, readable":                       "cookie 里，可读",
	"in the program":                                "程序内存里",
	"in Redis, readable":                            "Redis 里，可读",
	"in memcached, readable":                        "memcached 里，可读",
	"in MongoDB, readable":                          "MongoDB 里，可读",
	"all values":                                    "全部数据",
	"an ID":                                         "一个 ID",
	"neither":                                       "两项都没有",
	"goes on":                                       "继续有效",
	"starts anew":                                   "从头开始",
	"goes on, if Redis saves":                       "继续有效，前提是 Redis 开了持久化",
	"still works":                                   "仍然有效",
	"finds nothing":                                 "查不到数据",
	"the old one":                                   "旧的那个",
	"until the browser closes":                      "到浏览器关闭为止",
	"deletes the session":                           "删除 session",
	"ends after 30 days":                            "30 天后失效",
	"ends after 31 days":                            "31 天后失效",
	"ends after 365 days":                           "365 天后失效",
	"ends at once":                                  "立即失效",
	"over 1 MB":                                     "超过 1 MB",
	"error from `Save`":                             "`Save` 返回错误",
	"stay":                                          "一直留着",
	"are removed":                                   "会被清除",
	"are removed, by a TTL index":                   "由 TTL 索引清除",
	"one is lost":                                   "丢掉一个",
	"error":                                         "返回错误",
	"not noticed":                                   "不报错",
	"an empty session":                              "空 session",
	"an empty session, after up to 30 s":            "最多 30 s 后得到空 session",
	"an empty session, after 500 ms":                "500 ms 后得到空 session",
	"the values are lost":                           "数据丢失",
	"the visitor waits":                             "访问者一直等",
	"503, nothing is lost":                          "503，数据不丢",
}
