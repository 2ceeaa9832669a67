package compare

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A look is at one behaviour of a store. It returns the words of its cell.
type look func(t *testing.T, c contender) string

func whereTheValuesAre(t *testing.T, c contender) string {
	store := c.library(t)
	app := shop(t, store)
	_, cookie := enter(t, app)
	if strings.Contains(sessiontest.Decode(t, cookie.Value), "burrow") {
		return "in the cookie, readable"
	}
	stored := c.stored(t, cookie, store)
	if c.column == "memcached" || c.column == "MongoDB" { // a text like the cookie's
		stored = sessiontest.Decode(t, stored)
	}
	switch {
	case !strings.Contains(stored, "burrow"): // and we had no key
		return "nowhere"
	case c.addr == "":
		return "in the program"
	}
	return "in " + c.column + ", readable"
}

func whatTheCookieHolds(t *testing.T, c contender) string {
	store := c.library(t)
	app := shop(t, store)
	_, cookie := enter(t, app)
	holds := sessiontest.Decode(t, cookie.Value)
	if strings.Contains(holds, "burrow") {
		return "all values"
	}
	id := sessiontest.ID(t, store, cookie.Value)
	require.NotEmpty(t, id)
	require.Contains(t, holds, id)
	return "an ID"
}

func attributesWithoutOptions(t *testing.T, c contender) string {
	store, err := c.open(t, false)
	require.NoError(t, err)
	_, cookie := enter(t, shop(t, store))
	require.False(t, cookie.HttpOnly)
	switch {
	case cookie.Secure && cookie.SameSite == http.SameSiteNoneMode:
		return "`Secure; SameSite=None`"
	case !cookie.Secure && cookie.SameSite == 0:
		return "neither"
	}
	return cookie.String()
}

func restartOfTheProgram(t *testing.T, c contender) string {
	before, after := shop(t, c.library(t)), shop(t, c.library(t))
	alice, _ := enter(t, before)
	return known(alice, after, "goes on", "starts over")
}

func secondInstance(t *testing.T, c contender) string {
	one, other := shop(t, c.library(t)), shop(t, c.library(t))
	alice, _ := enter(t, one)
	seen := known(alice, other, "goes on", "starts over")
	if seen == "goes on" {
		alice.Send(http.MethodPost, other+"/text/hole")
		require.Equal(t, "hole", alice.Get(one+"/text"), "wanted: what the second wrote, the first sees")
	}
	return seen
}

// logOut lets Alice log out of an app after a thief has copied her cookie.
func logOut(t *testing.T, app string) (thief *sessiontest.Browser, cookie string) {
	t.Helper()
	alice, entered := enter(t, app)
	thief = sessiontest.NewBrowser(t, "the thief")
	thief.SetCookie(app, entered.Value)
	require.Equal(t, http.StatusOK, alice.Send(http.MethodPost, app+"/logout").Status)
	return thief, entered.Value
}

func copiedCookieAfterLogout(t *testing.T, c contender) string {
	app := shop(t, c.library(t))
	thief, _ := logOut(t, app)
	return known(thief, app, "still works", "finds nothing")
}

func requestDuringLogout(t *testing.T, c contender) string {
	hasRead, goOn := make(chan bool), make(chan bool)
	app := shop(t, c.library(t), func() {
		hasRead <- true
		<-goOn
	})
	alice, entered := enter(t, app)
	thief := sessiontest.NewBrowser(t, "the thief")
	thief.SetCookie(app, entered.Value)
	answered := make(chan bool)
	go func() {
		thief.Send(http.MethodPost, app+"/add/!")
		close(answered)
	}()
	<-hasRead
	require.Equal(t, http.StatusOK, alice.Send(http.MethodPost, app+"/logout").Status)
	goOn <- true
	<-answered
	if thief.Get(app+"/text") == "burrow!" {
		return "brings the session back"
	}
	return "finds nothing"
}

func idAfterLogout(t *testing.T, c contender) string {
	store := c.library(t)
	app := shop(t, store)
	thief, cookie := logOut(t, app)
	thief.Send(http.MethodPost, app+"/text/burrow")
	switch sessiontest.ID(t, store, thief.CookieValue(app)) {
	case "":
		return "–" // the cookie store has none
	case sessiontest.ID(t, store, cookie):
		return "the old one"
	}
	return "a new one"
}

func maxAgeZero(t *testing.T, c contender) string {
	app := shop(t, c.lasting(t, 0))
	alice, cookie := enter(t, app)
	text := alice.Get(app + "/text")
	switch {
	case cookie.Value == "" && text == "":
		return "deletes the session"
	case cookie.MaxAge == 0 && cookie.Expires.IsZero() && text == "burrow":
		return "until the browser closes"
	}
	return cookie.String()
}

// outlast sleeps until a session with MaxAge: 1 is over: memcached counts whole
// seconds. One that stays leaves nothing to wait for.
func outlast() { time.Sleep(3 * time.Second) }

func maxAgeOneSecond(t *testing.T, c contender) string {
	app := shop(t, c.lasting(t, 1))
	_, cookie := enter(t, app)
	thief := sessiontest.NewBrowser(t, "the thief") // what a browser drops, a thief keeps
	thief.SetCookie(app, cookie.Value)
	outlast()
	return known(thief, app, "still works", "finds nothing")
}

func sessionsThatAreOver(t *testing.T, c contender) string {
	switch c.column {
	case "cookie":
		return "–"
	case "MongoDB": // the index is MongoDB's own work: the store has to ask for it
		network := sessiontest.NewProxy(t, c.addr)
		network.CutOn("expireAfterSeconds", 1)
		require.Panics(t, func() { _, _ = c.at(network.Addr).open(t, true) }, "wanted: the proxy cuts it off")
		require.Zero(t, network.TimesLeft(), "wanted: the store asks for the index")
		return "are removed, by a TTL index"
	}
	store := c.lasting(t, 1)
	_, cookie := enter(t, shop(t, store))
	outlast()
	if c.stored(t, cookie, store) != "" {
		return "stay"
	}
	return "are removed"
}

// maxAgeDays sets MaxAge wherever the documentation does: in Options, and for
// MongoDB in NewStore.
func maxAgeDays(days int) look {
	return func(t *testing.T, c contender) string {
		c.age = days * day
		app := shop(t, c.lasting(t, c.age))
		alice, fresh := enter(t, app)
		after := func(age time.Duration) string {
			alice.SetCookie(app, sessiontest.Aged(t, fresh.Value, age))
			return alice.Get(app + "/text")
		}
		if after(0) == "" {
			return "ends at once"
		}
		for _, end := range []int{30, days} {
			age := time.Duration(end) * 24 * time.Hour
			require.Equal(t, "burrow", after(age-time.Hour), "wanted: a session of %d days", end)
			if after(age+time.Hour) == "" {
				return fmt.Sprintf("ends after %d days", end)
			}
		}
		return "does not end"
	}
}

func biggestText(t *testing.T, c contender) string {
	const most = 1 << 20 // one megabyte
	app := shop(t, c.library(t))
	alice := sessiontest.NewBrowser(t, "Alice")
	tooBig := sort.Search(most, func(bytes int) bool {
		saved := alice.Send(http.MethodPost, fmt.Sprintf("%s/bytes/%d", app, bytes)).Status == http.StatusOK
		return !saved || len(alice.Get(app+"/text")) != bytes // or the browser has dropped the cookie
	})
	if tooBig == most {
		return "over 1 MB"
	}
	return fmt.Sprintf("%d,%03d", (tooBig-1)/1000, (tooBig-1)%1000)
}

func unregisteredType(t *testing.T, c contender) string {
	return sessiontest.NewBrowser(t, "Alice").Send(http.MethodPost, shop(t, c.library(t))+"/struct").Body
}

func twoUpdatesAtOnce(t *testing.T, c contender) string {
	var both sync.WaitGroup
	both.Add(2)
	app := shop(t, c.library(t), func() {
		both.Done()
		both.Wait() // both have read before either writes
	})
	alice, _ := enter(t, app)
	var requests sync.WaitGroup
	for _, text := range []string{"A", "B"} {
		requests.Go(func() {
			assert.Equal(t, http.StatusOK, alice.Send(http.MethodPost, app+"/add/"+text).Status)
		})
	}
	requests.Wait()
	switch text := alice.Get(app + "/text"); text {
	case "burrowA", "burrowB":
		return "one is lost"
	default:
		return text
	}
}
