// Package mongoserver starts a stand-in for MongoDB inside a Go program, for
// learning and for tests: FerretDB, which speaks MongoDB's protocol and keeps the
// documents in SQLite. It knows no TTL indexes.
package mongoserver

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/FerretDB/FerretDB/ferretdb"
)

var starting sync.Mutex

// Start starts a server at addr, a host:port, with its files in the folder dir: in
// memory its single connection would deadlock. It returns its address, which
// differs when addr asks for port 0, and what stops it.
func Start(addr, dir string) (listening string, stop func(), err error) {
	folder := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(dir) + "/", RawQuery: "_pragma=busy_timeout(60000)"} // in ms: for many writers
	// ferretdb.New sets a variable of its package.
	starting.Lock()
	defer starting.Unlock()
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: addr},
		Logger:    slog.New(slog.DiscardHandler),
		Handler:   "sqlite",
		SQLiteURL: folder.String(),
	})
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- server.Run(ctx) }()
	return strings.Trim(strings.TrimPrefix(server.MongoDBURI(), "mongodb:"), "/"), func() {
		cancel()
		<-stopped
	}, nil
}

// Run starts a server that ends with the test, and returns its host:port.
func Run(t testing.TB) (addr string) {
	t.Helper()
	addr, stop, err := Start("127.0.0.1:0", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return addr
}

// URI returns a MongoDB to test with: the one that MONGO_URI names or, without
// it, a server that ends with the test.
func URI(t testing.TB) string {
	t.Helper()
	uri := os.Getenv("MONGO_URI")
	if uri == "" {
		return "mongodb://" + Run(t)
	}
	if testing.Verbose() {
		t.Log("testing with the MongoDB at MONGO_URI") // for .ci/run
	}
	return uri
}
