package sessiontest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-contrib/sessions"
	gorilla "github.com/gorilla/sessions"
	"github.com/stretchr/testify/require"
)

// CookieName is the name of the cookie in every program of the tutorial.
const CookieName = "mysession"

// Secret signs the cookies of the tests.
var Secret = []byte("this secret signs the tests' cookies")

// Decode decodes a cookie as anybody can who has no secret: two layers of base64.
// What comes out is the gob encoding of the values, or the ID of the session.
func Decode(t testing.TB, cookie string) string {
	t.Helper()
	_, signed, _ := split(t, cookie)
	values, err := base64.URLEncoding.DecodeString(signed)
	require.NoError(t, err)
	return string(values)
}

// Aged returns a cookie that was signed with Secret, as the app would have made it
// that long ago.
func Aged(t testing.TB, cookie string, age time.Duration) string {
	t.Helper()
	made, values, _ := split(t, cookie)
	seconds, err := strconv.ParseInt(made, 10, 64)
	require.NoError(t, err)
	return sign(fmt.Sprint(seconds-int64(age.Seconds())), values, Secret)
}

// split takes a cookie apart. gorilla/securecookie v1.1.2 makes it of three parts:
// the time in Unix seconds, the values in base64, and the signature.
func split(t testing.TB, cookie string) (made, values, signature string) {
	t.Helper()
	text, err := base64.URLEncoding.DecodeString(cookie)
	require.NoError(t, err)
	parts := strings.SplitN(string(text), "|", 3)
	require.Len(t, parts, 3)
	return parts[0], parts[1], parts[2]
}

// sign makes a cookie, with HMAC-SHA256 over its name and the other parts.
func sign(made, values string, secret []byte) (cookie string) {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(CookieName + "|" + made + "|" + values))
	return base64.URLEncoding.EncodeToString(mac.Sum([]byte(made + "|" + values + "|")))
}

// ID returns the ID of the session that a cookie of this value leads to in the
// store, empty with the cookie store. The keys in the servers are made of it.
func ID(t testing.TB, store sessions.Store, cookie string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "/", nil)
	require.NoError(t, err)
	request.AddCookie(&http.Cookie{Name: CookieName, Value: cookie})
	session, err := store.Get(request, CookieName)
	require.NoError(t, err)
	return session.ID
}

// CannotSave returns the store with a Save that fails, as when a session is too
// big, or its server read-only.
func CannotSave(store sessions.Store) sessions.Store { return readOnly{store} }

type readOnly struct{ sessions.Store }

func (readOnly) Save(*http.Request, http.ResponseWriter, *gorilla.Session) error {
	return errors.New("this store cannot save")
}

// Get makes a session whose Save is the one above.
func (s readOnly) Get(r *http.Request, name string) (*gorilla.Session, error) {
	return gorilla.GetRegistry(r).Get(s, name)
}
