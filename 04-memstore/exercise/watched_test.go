package exercise

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	gorilla "github.com/gorilla/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stoppedClock stands still until a test moves it. It knows whether it was asked.
type stoppedClock struct {
	passed atomic.Int64 // since the beginning
	asked  atomic.Bool
}

func (c *stoppedClock) now() time.Time {
	c.asked.Store(true)
	return time.Date(2001, time.February, 3, 9, 0, 0, 0, time.UTC).Add(time.Duration(c.passed.Load()))
}

func (c *stoppedClock) add(d time.Duration) { c.passed.Add(int64(d)) }

// wasAsked tells whether somebody asked since the last call.
func (c *stoppedClock) wasAsked() bool { return c.asked.Swap(false) }

// watched is the memstore inside the store of exercise 4.1. It counts its Saves,
// fails if it is told to, and lets something else happen in the middle of a Save.
type watched struct {
	sessions.Store
	saves     atomic.Int32
	fails     error
	meanwhile atomic.Pointer[func()]
}

func (s *watched) Save(r *http.Request, w http.ResponseWriter, session *gorilla.Session) error {
	s.saves.Add(1)
	if s.fails != nil {
		return s.fails
	}
	if other := s.meanwhile.Swap(nil); other != nil {
		if removes := session.Options.MaxAge < 0; removes {
			(*other)()
		} else {
			defer (*other)()
		}
	}
	return s.Store.Save(r, w, session)
}

// interrupt calls first, and second when first is in memstore: just before it
// removes a session, or just after it kept one. If second waits for a lock, it
// comes after first.
func (s *watched) interrupt(t *testing.T, first, second func() error) {
	t.Helper()
	done := make(chan error, 1)
	other := func() {
		go func() { done <- second() }()
		select {
		case err := <-done:
			done <- err
		case <-time.After(500 * time.Millisecond): // this long it waits wherever there is a lock
		}
	}
	s.meanwhile.Store(&other)
	require.NoError(t, call(t, "it", first))
	require.NoError(t, wait(t, done, "wanted: Save and Sweep end, one after the other\nlikely cause: each waits for the other"))
}

// kept returns how many of the cookies have a session in memstore.
func (s *watched) kept(t *testing.T, cookies ...*http.Cookie) (count int) {
	t.Helper()
	for _, cookie := range cookies {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.AddCookie(cookie)
		session, err := s.New(request, "mysession")
		require.NoError(t, err)
		if !session.IsNew {
			count++
		}
	}
	return count
}

// notes returns how much stands in the maps and slices of the store itself.
func notes(store *ExpiringStore) (count int) {
	fields := reflect.ValueOf(store).Elem()
	for i := range fields.NumField() {
		if kind := fields.Field(i).Kind(); kind == reflect.Map || kind == reflect.Slice {
			count += fields.Field(i).Len()
		}
	}
	return count
}

// call calls Save or Sweep, which has to end, and not with a panic.
func call(t *testing.T, name string, f func() error) (err error) {
	t.Helper()
	done := make(chan bool)
	go func() {
		defer close(done)
		assert.NotPanics(t, func() { err = f() },
			"wanted: %s does not panic\nlikely cause: something is nil; memstore's Save needs a session with Options, and a ResponseWriter if the session has a name", name)
	}()
	wait(t, done, "wanted: "+name+" ends\nlikely cause: it waits for a lock that was not given back, or that it has itself; s.Save takes the lock, too, and s.Store.Save does not")
	if t.Failed() {
		t.FailNow()
	}
	return err
}

// nowhere keeps nothing.
type nowhere struct{ sessions.Store }

func (nowhere) Save(*http.Request, http.ResponseWriter, *gorilla.Session) error { return nil }
