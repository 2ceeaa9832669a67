package exercise

import (
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
)

// Exercise 2.6: "I gave an encryption key. Why can I still read the cookie?"

// PrivateStore keeps sessions in cookies that nobody else can change or read. Both
// keys have 32 random bytes.
func PrivateStore(signingKey, encryptionKey []byte) sessions.Store {
	// TODO(2.6): make the cookie's contents unreadable
	return cookie.NewStore(encryptionKey)
}
