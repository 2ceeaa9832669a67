package exercise

import (
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
)

// Exercise 2.5: "I changed the secret, and everybody is logged out."

// RotatedStore signs with the new secret, and still knows the cookies that were
// signed with the old one.
func RotatedStore(newSecret, oldSecret []byte) sessions.Store {
	// TODO(2.5): read the old cookies, too, and sign no new ones with the old secret
	return cookie.NewStore(newSecret)
}
