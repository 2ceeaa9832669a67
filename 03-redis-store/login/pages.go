package main

import (
	"cmp"
	"errors"
	"log"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
)

var titles = map[string]string{
	"home": "Welcome", "signup": "Sign up", "login": "Log in", "account": "Your account", "problem": "Sorry",
}

// show answers with a page, which knows who is logged in and what was typed.
func (s *site) show(c *gin.Context, status int, page, problem string) {
	data := gin.H{
		"Title":   titles[page],
		"Problem": problem,
		"User":    c.GetString("user"),
		"Login":   c.GetString("login"),
		"Name":    c.PostForm("name"),
		"Next":    localPath(cmp.Or(c.PostForm("next"), c.Query("next"))),
		"Message": c.Value("message"),
		"Logins":  c.Value("logins"),
	}
	c.HTML(status, page+".html", data)
	c.Abort() // in a middleware this is the answer
}

func (s *site) unavailable(c *gin.Context, err error) {
	log.Printf("session store: %v", err)
	s.show(c, http.StatusServiceUnavailable, "problem", "Our session store does not answer. Please try again in a moment.")
}

// form shows an empty form, to those who are not logged in.
func (s *site) form(page string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.GetString("user") != "" {
			c.Redirect(http.StatusSeeOther, localPath(c.Query("next")))
			return
		}
		s.show(c, http.StatusOK, page, "")
	}
}

// post does what a form asks for. Then the browser goes on to another page, or
// sees the form again.
func (s *site) post(page string, do func(c *gin.Context) (next string, err error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		next, err := do(c)
		var no refused
		switch {
		case errors.As(err, &no):
			if no.wait > 0 {
				c.Header("Retry-After", strconv.Itoa(no.wait))
			}
			s.show(c, no.status, page, no.words)
		case err != nil:
			s.unavailable(c, err)
		default:
			c.Redirect(http.StatusSeeOther, next)
		}
	}
}

// typedName is the name in a form, as it is kept.
func typedName(c *gin.Context) string { return strings.ToLower(strings.TrimSpace(c.PostForm("name"))) }

func (s *site) signup(c *gin.Context) (next string, err error) {
	name, now := typedName(c), s.now()
	if err := s.accounts.create(name, c.PostForm("password"), now); err != nil {
		return "", err
	}
	return localPath(c.PostForm("next")), s.begin(c, name, now.UnixMicro(), "")
}

func (s *site) login(c *gin.Context) (next string, err error) {
	name := typedName(c)
	found, err := s.accounts.check(name, c.PostForm("password"), c.ClientIP(), s.now())
	if err != nil {
		return "", err
	}
	return localPath(c.PostForm("next")), s.begin(c, name, found.Changed, "")
}

func (s *site) account(c *gin.Context) {
	session := sessions.Default(c)
	if message := session.Flashes(); len(message) > 0 {
		if err := session.Save(); err != nil { // or it is shown again
			s.unavailable(c, err)
			return
		}
		c.Set("message", message[0])
	}
	s.show(c, http.StatusOK, "account", "")
}

// password changes it, and ends every other login. This one goes on, under a new ID.
func (s *site) password(c *gin.Context) (next string, err error) {
	name, now := c.GetString("user"), s.now()
	_, err = s.accounts.check(name, c.PostForm("current"), c.ClientIP(), now)
	if err != nil {
		return "", err
	}
	hash, err := s.accounts.hash(c.PostForm("new"))
	if err != nil {
		return "", err
	}
	return "/account", s.begin(c, name, now.UnixMicro(), "Your password is changed, and every other device is logged out.",
		command{"HSET", "account:" + name, "hash", hash, "changed", now.UnixMicro()},
		command{"DEL", "logins:" + name})
}

// endOther ends another login of this account. It asks this account's list only.
func (s *site) endOther(c *gin.Context) (next string, err error) {
	_, err = s.accounts.do(command{"HDEL", "logins:" + c.GetString("user"), c.PostForm("id")})
	return "/account", err
}

func (s *site) logout(c *gin.Context) (next string, err error) {
	return "/", s.end(c, command{"HDEL", "logins:" + c.GetString("user"), c.GetString("login")})
}

func (s *site) logoutEverywhere(c *gin.Context) (next string, err error) {
	return "/", s.end(c, command{"DEL", "logins:" + c.GetString("user")})
}
