package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	redigo "github.com/gomodule/redigo/redis"
	"golang.org/x/crypto/bcrypt"
)

// accounts keeps them in Redis:
//
//	account:alice         hash, of the password · changed, when that was set · created · banned
//	logins:alice          the ID of each of her logins → what the type login has, as JSON
//	failed:account:alice  how often a login has failed in the last 15 minutes
//	failed:from:192.0.2.1 the same for an address
type accounts struct {
	pool *redigo.Pool
	cost int // of bcrypt: one more takes twice the time
}

type account struct {
	Hash    []byte `redis:"hash"`
	Changed int64  `redis:"changed"` // in microseconds
	Banned  string `redis:"banned"`  // set by hand: hset account:alice banned 1, then del logins:alice
}

func (a account) isOpen() bool { return len(a.Hash) > 0 && a.Banned == "" }

// login is one place where somebody is logged in.
type login struct {
	ID      string    `json:"-"` // random, and worth nothing without the session
	Since   time.Time `json:"since"`
	Seen    time.Time `json:"seen"`    // the last request, to the minute
	Changed int64     `json:"changed"` // the account's, when the password was checked
	Agent   string    `json:"agent"`
	Addr    string    `json:"addr"`
}

// RedisArg is what redigo sends for a login.
func (l login) RedisArg() any {
	text, err := json.Marshal(l)
	if err != nil {
		panic(err) // strings, numbers and times do not fail
	}
	return text
}

const (
	idle   = 30 * time.Minute // without a request for so long, a login ends,
	maxAge = 12 * 60 * 60     // and after so many seconds in all
)

// command is one for Redis, like {"GET", "key"}.
type command []any

// do sends commands in one round trip. Redis does them with nothing of anybody else
// in between: all of them or, if it is lost before, none.
func (a accounts) do(commands ...command) ([]any, error) {
	conn := a.pool.Get()
	defer conn.Close()
	for _, c := range append([]command{{"MULTI"}}, commands...) {
		if err := conn.Send(c[0].(string), c[1:]...); err != nil {
			return nil, err
		}
	}
	replies, err := redigo.Values(conn.Do("EXEC"))
	for _, reply := range replies {
		if failed, ok := reply.(redigo.Error); ok {
			return nil, failed
		}
	}
	return replies, err
}

// refused is why a form did not work. It is shown again, with these words.
type refused struct {
	status int
	words  string
	wait   int // in seconds: before that, no other try helps
}

func (r refused) Error() string { return r.words }

var goodName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{2,31}$`)

// hash returns what is kept of a new password, if it is acceptable.
func (a accounts) hash(password string) ([]byte, error) {
	if len(password) < 8 || len(password) > 72 { // bcrypt takes no more
		return nil, refused{status: http.StatusUnprocessableEntity, words: "A password has 8 to 72 bytes. (An English letter is one byte, a Chinese character three.)"}
	}
	return bcrypt.GenerateFromPassword([]byte(password), a.cost)
}

// create makes an account. When two want one name at once, one of them is refused.
func (a accounts) create(name, password string, now time.Time) error {
	if !goodName.MatchString(name) {
		return refused{status: http.StatusUnprocessableEntity, words: "A name has 3 to 32 characters: a to z, 0 to 9, dot, hyphen, underscore. It begins with a letter or a digit."}
	}
	hash, err := a.hash(password)
	if err != nil {
		return err
	}
	created, err := redigo.Ints(a.do(
		command{"HSETNX", "account:" + name, "hash", hash},
		command{"HSETNX", "account:" + name, "changed", now.UnixMicro()},
		command{"HSETNX", "account:" + name, "created", now.Format(time.RFC3339)}))
	if err == nil && created[0] == 0 {
		return refused{status: http.StatusConflict, words: "This name is taken."}
	}
	return err
}

// load returns an account, whose hash is empty if there is none, and its logins that
// go on, the last seen first. The others leave the list.
func (a accounts) load(name string, now time.Time) (found account, logins []login, err error) {
	replies, err := a.do(command{"HGETALL", "account:" + name}, command{"HGETALL", "logins:" + name})
	if err != nil {
		return found, nil, err
	}
	texts, err := redigo.StringMap(replies[1], nil)
	if err := cmp.Or(err, redigo.ScanStruct(replies[0].([]any), &found)); err != nil {
		return found, nil, err
	}
	ended := command{"HDEL", "logins:" + name}
	for id, text := range texts {
		l := login{ID: id}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			return found, nil, err
		}
		if l.Changed == found.Changed && now.Sub(l.Seen) < idle && now.Sub(l.Since) < maxAge*time.Second {
			logins = append(logins, l)
		} else {
			ended = append(ended, id)
		}
	}
	if len(ended) > 2 {
		_, err = a.do(ended)
	}
	slices.SortFunc(logins, func(a, b login) int { return b.Seen.Compare(a.Seen) })
	return found, logins, err
}

// check returns the account if it is open and this is its password. A name without
// an account gets the answer of a wrong password, after the same work.
func (a accounts) check(name, password, addr string, now time.Time) (found account, err error) {
	wrong := refused{status: http.StatusUnauthorized, words: "The name or the password is wrong."}
	if !goodName.MatchString(name) { // nobody's, as everybody may know
		return found, wrong
	}
	// A try counts before it is made, so that many at once are as many.
	if err := a.count(name, addr, 1); err != nil {
		return found, err
	}
	found, _, err = a.load(name, now)
	if err != nil {
		return found, err
	}
	if len(found.Hash) == 0 { // for as much work
		_, err = a.hash("a password of nobody")
		return found, cmp.Or[error](err, wrong)
	}
	fits := bcrypt.CompareHashAndPassword(found.Hash, []byte(password)) == nil
	if !fits || len(password) > 72 { // bcrypt compares the first 72 bytes
		return found, wrong
	}
	if !found.isOpen() {
		return found, refused{status: http.StatusForbidden, words: "This account is closed."}
	}
	return found, a.count(name, addr, -1)
}

// seen writes a login again, but only if it is listed: a logout in the meantime is final.
func (a accounts) seen(name string, l login) error {
	const ifListed = `return redis.call("HEXISTS", KEYS[1], ARGV[1]) == 1 and redis.call("HSET", KEYS[1], ARGV[1], ARGV[2])`
	_, err := a.do(command{"EVAL", ifListed, 1, "logins:" + name, l.ID, l})
	return err
}

// count counts a try to log in, for the address and then for the account, or takes
// it back with -1. It refuses one too many: an address without any left takes none
// from an account.
func (a accounts) count(name, addr string, by int) error {
	for _, limit := range []struct {
		key   string
		tries int
	}{{"failed:from:" + addr, 100}, {"failed:account:" + name, 10}} {
		numbers, err := redigo.Ints(a.do(
			command{"INCRBY", limit.key, by},
			command{"EXPIRE", limit.key, 15 * 60, "NX"}, // from the first try on; no later one extends it
			command{"TTL", limit.key}))
		if err != nil {
			return err
		}
		if by > 0 && numbers[0] > limit.tries {
			wait := max(numbers[2], 1)
			return refused{http.StatusTooManyRequests, fmt.Sprintf("Too many tries have failed. Try again in %v.", time.Duration(wait)*time.Second), wait}
		}
	}
	return nil
}
