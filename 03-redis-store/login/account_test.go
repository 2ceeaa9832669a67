package main

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/redisserver"

	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatFailedShowsTheFormAgain(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	_, taken := site.signedUp(t, "Alice")
	bob, name := newVisitor(t, "Bob")
	for _, test := range []struct {
		form, name, password string
		status               int
		words                string
	}{
		{"/signup", "al", goodPassword, http.StatusUnprocessableEntity, "A name has 3 to 32"},
		{"/signup", strings.Repeat("a", 33), goodPassword, http.StatusUnprocessableEntity, "A name has 3 to 32"},
		{"/signup", "alice smith", goodPassword, http.StatusUnprocessableEntity, "A name has 3 to 32"},
		{"/signup", "爱丽丝", goodPassword, http.StatusUnprocessableEntity, "A name has 3 to 32"},
		{"/signup", name, "1234567", http.StatusUnprocessableEntity, "A password has 8 to 72"},
		{"/signup", name, strings.Repeat("p", 73), http.StatusUnprocessableEntity, "A password has 8 to 72"},
		{"/signup", taken, "another password", http.StatusConflict, "This name is taken."},
		{"/login", taken, "wrong password", http.StatusUnauthorized, "The name or the password is wrong."},
		{"/login", name, "wrong password", http.StatusUnauthorized, "The name or the password is wrong."},
	} {
		got := bob.Post(site.url+test.form, "name", test.name, "password", test.password, "next", "/page")
		assert.Equal(t, test.status, got.Status, test.words)
		assert.Contains(t, got.Body, test.words)
		assert.Contains(t, got.Body, `value="`+test.name+`"`, "wanted: the name that was typed")
		assert.Contains(t, got.Body, `value="/page"`, "wanted: the page to go on to")
		assert.NotContains(t, got.Body, test.password, "wanted: no password in a page")
		assert.Empty(t, got.Cookies)
	}
}

// bcrypt looks at 72 bytes: a longer password must not be cut to them.
func TestAPasswordIsNeverChanged(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	bob, name := newVisitor(t, "Bob")
	password := " " + strings.Repeat("密", 23) + "\t " // 72 bytes
	wantRedirect(t, "/account", bob.Post(site.url+"/signup", "name", name, "password", password))
	site.loggedIn(t, "Bob", name, password)
	for _, other := range []string{password + "x", strings.TrimSpace(password)} {
		assert.Equal(t, http.StatusUnauthorized, bob.Post(site.url+"/login", "name", name, "password", other).Status)
	}
}

func TestOneOfTwoSignUpsWithOneNameWins(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	_, name := newVisitor(t, "Alice")
	var won, taken atomic.Int32
	var both sync.WaitGroup
	for range 10 {
		browser, _ := newVisitor(t, "Somebody")
		both.Go(func() {
			switch got := browser.Post(site.url+"/signup", "name", name, "password", goodPassword); got.Status {
			case http.StatusSeeOther:
				won.Add(1)
			case http.StatusConflict:
				taken.Add(1)
			}
		})
	}
	both.Wait()
	assert.EqualValues(t, 1, won.Load())
	assert.EqualValues(t, 9, taken.Load())
}

func TestALoginEndsAfterHalfAnHourWithoutARequest(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := site.signedUp(t, "Alice")
	for range 3 {
		site.wait(idle - time.Minute)
		site.wantIn(t, alice, name)
	}
	site.wait(idle)
	site.wantOut(t, alice, "nobody asks when the last request was")
}

func TestALoginEndsAfterTwelveHoursInAll(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := site.signedUp(t, "Alice")
	left, err := redigo.Int(site.redis(t, "TTL", "logins:"+name))
	require.NoError(t, err)
	assert.InDelta(t, maxAge, left, 60, "wanted: a list that ends with its last login")
	for range 12*3 - 1 {
		site.wait(20 * time.Minute)
		site.wantIn(t, alice, name)
	}
	site.wait(20 * time.Minute)
	site.wantOut(t, alice, "each request makes it longer")
}

var endButton = regexp.MustCompile(`name="id" value="(\w+)"`)

func TestTheAccountListsItsLogins(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	laptop, name := site.signedUp(t, "Alice")
	site.wait(5 * time.Minute)
	phone := site.loggedIn(t, "Alice's phone", name, goodPassword)

	page := phone.Get(site.url + "/account")
	buttons := endButton.FindAllStringSubmatch(page, -1)
	require.Len(t, buttons, 2)
	require.Equal(t, 1, strings.Count(page, "This device."))
	assert.Less(t, strings.Index(page, "This device."), strings.Index(page, buttons[0][1]), "wanted: the last seen first, and it is this one")
	assert.Contains(t, page, "Go-http-client")
	assert.Contains(t, page, "at "+site.ip)

	wantRedirect(t, "/account", phone.Post(site.url+"/sessions/end", "id", buttons[1][1]))
	site.wantOut(t, laptop, "the login is still on the list")
	site.wantIn(t, phone, name)
	assert.Len(t, endButton.FindAllString(phone.Get(site.url+"/account"), -1), 1)

	wantRedirect(t, "/account", phone.Post(site.url+"/sessions/end", "id", buttons[0][1]))
	site.wantOut(t, phone, "this device cannot be ended")
}

func TestTheLoginLeadsBackToThePageThatNeededIt(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	_, name := site.signedUp(t, "Alice")
	alice, _ := newVisitor(t, "Alice")
	got := alice.Send(http.MethodGet, site.url+"/account?tab=2&of=3")
	wantRedirect(t, "/login?next=%2Faccount%3Ftab%3D2%26of%3D3", got)
	form := alice.Get(site.url + got.Header.Get("Location"))
	assert.Contains(t, form, `name="next" value="/account?tab=2&amp;of=3"`)
	wantRedirect(t, "/account?tab=2&of=3", alice.Post(site.url+"/login", "name", name, "password", goodPassword, "next", "/account?tab=2&of=3"))
}

func TestWhatHasEndedLeavesTheList(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	_, name := site.signedUp(t, "Alice")
	for range 5 {
		site.wait(idle)
		alice := site.loggedIn(t, "Alice", name, goodPassword)
		assert.Contains(t, alice.Get(site.url+"/"), name)
	}
	length, err := redigo.Int(site.redis(t, "HLEN", "logins:"+name))
	require.NoError(t, err)
	assert.Equal(t, 1, length, "wanted: a list that does not grow for ever")
}

func TestLogoutEverywhere(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	laptop, name := site.signedUp(t, "Alice")
	phone := site.loggedIn(t, "Alice's phone", name, goodPassword)
	bob, bobName := site.signedUp(t, "Bob")
	wantRedirect(t, "/", phone.Post(site.url+"/logout-everywhere"))
	site.wantOut(t, phone, "this device is left out")
	site.wantOut(t, laptop, "only this device is out")
	site.wantIn(t, bob, bobName)
	site.wantIn(t, site.loggedIn(t, "Alice", name, goodPassword), name)
}

func TestANewPasswordEndsAllOtherLogins(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	laptop, name := site.signedUp(t, "Alice")
	thief := site.loggedIn(t, "a thief", name, goodPassword)

	for fields, status := range map[[2]string]int{
		{"wrong password", "battery staple"}: http.StatusUnauthorized,
		{goodPassword, "short"}:              http.StatusUnprocessableEntity,
	} {
		got := laptop.Post(site.url+"/password", "current", fields[0], "new", fields[1])
		assert.Equal(t, status, got.Status)
		assert.Contains(t, got.Body, "Where you are logged in", "wanted: the page again")
	}
	site.wantIn(t, thief, name)

	wantRedirect(t, "/account", laptop.Post(site.url+"/password", "current", goodPassword, "new", "battery staple"))
	const message = "Your password is changed"
	assert.Contains(t, laptop.Get(site.url+"/account"), message)
	assert.NotContains(t, laptop.Get(site.url+"/account"), message, "wanted: the message once")
	site.wantIn(t, laptop, name)
	site.wantOut(t, thief, "the other logins are still on the list")
	site.loggedIn(t, "Alice", name, "battery staple")
	assert.Equal(t, http.StatusUnauthorized, thief.Post(site.url+"/login", "name", name, "password", goodPassword).Status)
}

// The old password was checked just before it was changed: what comes of that is
// listed just after.
func TestALoginThatMeetsANewPasswordIsOut(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	_, name := site.signedUp(t, "Alice")
	thief := site.loggedIn(t, "a thief", name, goodPassword)
	_, err := site.redis(t, "HINCRBY", "account:"+name, "changed", 1) // the list stays
	require.NoError(t, err)
	site.wantOut(t, thief, "nobody asks whether the password is still the one that was checked")
}

func TestABannedAccountIsOutAtItsNextRequest(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := site.signedUp(t, "Alice")
	_, err := site.redis(t, "HSET", "account:"+name, "banned", "1")
	require.NoError(t, err)
	site.wantOut(t, alice, "the account is not asked on each request")
	_, err = site.redis(t, "DEL", "logins:"+name)
	require.NoError(t, err)
	got := alice.Post(site.url+"/login", "name", name, "password", goodPassword)
	assert.Equal(t, http.StatusForbidden, got.Status)

	_, err = site.redis(t, "HDEL", "account:"+name, "banned")
	require.NoError(t, err)
	site.wantOut(t, alice, "the logins of before the ban go on after it")
	site.loggedIn(t, "Alice", name, goodPassword)
}

func TestADeletedAccountIsOutAtItsNextRequest(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	alice, name := site.signedUp(t, "Alice")
	_, err := site.redis(t, "DEL", "account:"+name)
	require.NoError(t, err)
	site.wantOut(t, alice, "the account is not asked on each request")

	site.wait(time.Second)
	next, _ := newVisitor(t, "the next Alice")
	wantRedirect(t, "/account", next.Post(site.url+"/signup", "name", name, "password", "battery staple"))
	site.wantOut(t, alice, "a login of the deleted account is one of the new account with its name")
	site.wantIn(t, next, name)
	assert.Len(t, endButton.FindAllString(next.Get(site.url+"/account"), -1), 1, "wanted: nothing of who had the name before")
}

// What an administrator does in redis-cli: del logins:alice.
func TestAnAdministratorEndsLogins(t *testing.T) {
	site := start(t, redisserver.Addr(t))
	laptop, alice := site.signedUp(t, "Alice")
	phone := site.loggedIn(t, "Alice's phone", alice, goodPassword)
	bob, bobName := site.signedUp(t, "Bob")
	_, err := site.redis(t, "DEL", "logins:"+alice)
	require.NoError(t, err)
	site.wantOut(t, laptop, "the list is not asked on each request")
	site.wantOut(t, phone, "the list is not asked on each request")
	site.wantIn(t, bob, bobName)
	site.loggedIn(t, "Alice", alice, goodPassword)
}
