package main

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	gorilla "github.com/gorilla/sessions"
)

// One idea carries the login: the account lists its logins, and a session is
// logged in as long as its account lists it. The session holds a name and the ID
// of a login, and no rights.

// identify finds out who sent the request, for every handler and every page: "user"
// is the name, "login" the ID of the login, "logins" all logins of this user. Nobody
// is logged in if they are empty.
func (s *site) identify(c *gin.Context) {
	session, err := s.store.Get(c.Request, sessionName())
	if err != nil && session.ID != "" { // our cookie, but no answer, as in chapter 03
		s.unavailable(c, err)
		return
	}
	name, _ := session.Values["name"].(string)
	id, _ := session.Values["login"].(string)
	if name == "" {
		return
	}
	now := s.now()
	found, logins, err := s.accounts.load(name, now)
	if err != nil {
		s.unavailable(c, err)
		return
	}
	here := slices.IndexFunc(logins, func(l login) bool { return l.ID == id })
	if here < 0 || !found.isOpen() {
		return
	}
	if l := &logins[here]; now.Sub(l.Seen) >= time.Minute {
		l.Seen, l.Addr = now, c.ClientIP()
		if err := s.accounts.seen(name, *l); err != nil {
			s.unavailable(c, err)
			return
		}
	}
	c.Set("user", name)
	c.Set("login", id)
	c.Set("logins", logins)
}

// requireUser sends everybody who is not logged in to the login page.
func requireUser(c *gin.Context) {
	if c.GetString("user") == "" {
		next := "/account"
		if c.Request.Method == http.MethodGet { // a form would be lost anyway
			next = c.Request.URL.RequestURI()
		}
		c.Redirect(http.StatusSeeOther, "/login?next="+url.QueryEscape(next))
		c.Abort() // without this the handler runs, too
	}
}

// begin logs this browser in. It gets a session with a new ID, which holds nothing
// of the session before. Then the account lists it, in one step with the other
// commands. Until that is done the session is worth nothing, and if it fails the
// browser keeps the session that it has. The account's page shows the message once.
func (s *site) begin(c *gin.Context, name string, changed int64, message string, steps ...command) error {
	session := sessions.Default(c)
	steps = append(steps,
		command{"DEL", "session_" + session.ID()},
		command{"HDEL", "logins:" + c.GetString("user"), c.GetString("login")})

	now, agent := s.now(), c.Request.UserAgent()
	l := login{rand.Text(), now, now, changed, agent[:min(len(agent), 200)], c.ClientIP()}
	session.Clear()
	session.(interface{ Session() *gorilla.Session }).Session().ID = "" // Save makes a new one
	session.Set("name", name)
	session.Set("login", l.ID)
	if message != "" {
		session.AddFlash(message)
	}
	if err := session.Save(); err != nil {
		return err
	}
	_, err := s.accounts.do(append(steps,
		command{"HSET", "logins:" + name, l.ID, l},
		command{"EXPIRE", "logins:" + name, maxAge})...)
	if err != nil {
		c.Writer.Header().Del("Set-Cookie")
	}
	return err
}

// end takes logins off the account's list. With that they have ended, whatever a
// request on its way still saves. Then it ends the session of this browser.
func (s *site) end(c *gin.Context, off command) error {
	if _, err := s.accounts.do(off); err != nil {
		return err
	}
	session := sessions.Default(c)
	session.Clear()
	options := cookieOptions()
	options.MaxAge = -1
	session.Options(options)
	return session.Save()
}

// localPath returns where to go after the login: next if it is a path of this
// site, and else the account. A browser takes a backslash for a slash, and leaves
// out control characters.
func localPath(next string) string {
	bad := func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, bad) {
		return "/account"
	}
	return next
}
