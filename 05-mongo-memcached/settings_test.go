package main

import (
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/assert"
)

// What the program says about its flag and its variables.

// run runs the program in debug mode, without a SESSION_SECRET.
func run(t *testing.T, setting string, args ...string) (status int, output string) {
	t.Helper()
	return sessiontest.Run(t, []string{"SESSION_SECRET=", "GIN_MODE=debug", setting}, args...)
}

func TestAWrongSettingIsExplained(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ setting, store, want string }{
		{"MONGO_URI=", "redis", `unknown -store "redis": use mongo or memcached`},
		{"MONGO_URI=localhost:27017", "mongo", "MONGO_URI: "},
		{"MEMCACHED_ADDR=localhost", "memcached", "MEMCACHED_ADDR: "},
	} {
		status, output := run(t, test.setting, "-store", test.store)
		assert.Equal(t, 1, status)
		assert.Contains(t, output, test.want)
	}
}

func TestHelpNamesTheStoresAndAnUnknownFlagIsAnError(t *testing.T) {
	t.Parallel()
	status, output := run(t, "MONGO_URI=", "-h")
	assert.Zero(t, status)
	assert.Contains(t, output, "-store string")
	assert.Contains(t, output, `mongo or memcached (default "mongo")`)

	status, output = run(t, "MONGO_URI=", "-port", "9000")
	assert.Equal(t, 2, status)
	assert.Contains(t, output, "flag provided but not defined: -port")
}

func TestAPasswordIsNotPrinted(t *testing.T) {
	t.Parallel()
	_, output := run(t, "MONGO_URI=mongodb://gopher:burrow@127.0.0.1:1")
	assert.Contains(t, output, "no MongoDB at 127.0.0.1:1")
	assert.NotContains(t, output, "burrow")
}

func TestAMongoDBThatIsNotThereIsNoticedSoon(t *testing.T) {
	t.Parallel()
	start := time.Now()

	// The URI may allow slow answers; to look for a server is another matter.
	status, _ := run(t, "MONGO_URI=mongodb://127.0.0.1:1/?timeoutMS=600000")

	assert.Equal(t, 1, status)
	assert.Less(t, time.Since(start), 30*time.Second, "wanted: an end in time\nlikely cause: SetServerSelectionTimeout is missing, and MongoDB's driver looks for 30 s")
}

func TestTheTimeoutsInMongoURIWin(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, "mongodb://"+mongoserver.Run(t)+"/?timeoutMS=60000&serverSelectionTimeoutMS=60000")

	_, err := db.open(db.uri.Host, time.Nanosecond, sessiontest.Secret)

	assert.NoError(t, err, "wanted: as much time as the URI gives\nlikely cause: ApplyURI is not the last, and what it says is overwritten")
}
