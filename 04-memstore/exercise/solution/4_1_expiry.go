package exercise

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	gorilla "github.com/gorilla/sessions"
)

// Exercise 4.1: "The memory of my program grows and grows."

// ExpiringStore is a memstore that can be swept. After maxAge a cookie opens
// nothing any more; it is only memory that Sweep has to give back.
type ExpiringStore struct {
	sessions.Store // memstore
	maxAge         time.Duration
	now            func() time.Time // the clock

	mutex sync.Mutex           // Sweep does not run while a session is saved
	saved map[string]time.Time // when each session was saved, by its ID
}

// NewExpiringStore takes time.Now for its clock, or a test's own.
func NewExpiringStore(secret []byte, maxAge time.Duration, now func() time.Time) *ExpiringStore {
	store := memstore.NewStore(secret)
	store.(interface{ MaxAge(seconds int) }).MaxAge(int(maxAge.Seconds()))
	return &ExpiringStore{Store: store, maxAge: maxAge, now: now, saved: map[string]time.Time{}}
}

// Get makes the session one of this store: it is saved with the Save below.
func (s *ExpiringStore) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(s, name)
}

// Save keeps the session, and notes the time.
func (s *ExpiringStore) Save(r *http.Request, w http.ResponseWriter, session *gorilla.Session) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.Store.Save(r, w, session); err != nil {
		return err
	}
	// Each Save counts, so that a visitor who comes back is not thrown out.
	s.saved[session.ID] = s.now()
	return nil
}

// Sweep removes the sessions that are over. The program calls it now and then,
// from a goroutine of its own.
func (s *ExpiringStore) Sweep() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for id, last := range s.saved {
		if s.now().Sub(last) < s.maxAge {
			continue
		}
		// A Save with a negative MaxAge is the only way out of memstore's map. It
		// wants a ResponseWriter; without a name it sets no cookie there.
		over := &gorilla.Session{ID: id, Options: &gorilla.Options{MaxAge: -1}}
		if err := s.Store.Save(nil, httptest.NewRecorder(), over); err != nil {
			return err
		}
		delete(s.saved, id) // or this map would grow instead
	}
	return nil
}
