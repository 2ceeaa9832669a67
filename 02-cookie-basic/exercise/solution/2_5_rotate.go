package exercise

import (
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
)

// Exercise 2.5: "I changed the secret, and everybody is logged out."

// RotatedStore signs with the new secret, and still knows the cookies that were
// signed with the old one.
func RotatedStore(newSecret, oldSecret []byte) sessions.Store {
	// Keys come in pairs: one signs, one encrypts, and nil does not encrypt. The
	// first pair writes; all of them read.
	return cookie.NewStore(newSecret, nil, oldSecret, nil)
}
