package exercise

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/event"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// contextKey is the type of fromTheTest, a value in the context that the test gives.
type contextKey struct{}

var fromTheTest contextKey

// sessionsAt returns a collection on the server at uri, in a database of its own
// that is dropped in the end. It tells what is sent to change indexes, and what
// is refused.
func sessionsAt(t *testing.T, uri string) *mongo.Collection {
	t.Helper()
	config := options.Client().ApplyURI(uri).
		SetServerAPIOptions(options.ServerAPI(options.ServerAPIVersion1)). // spares the stand-in the old protocol
		SetMonitor(&event.CommandMonitor{
			Started: func(ctx context.Context, e *event.CommandStartedEvent) {
				if slices.Contains([]string{"createIndexes", "collMod", "dropIndexes", "drop"}, e.CommandName) {
					assert.NotNil(t, ctx.Value(fromTheTest), "wanted: %s with ctx\nlikely cause: another context, like context.Background(): the caller could not stop it", e.CommandName)
					command, err := bson.MarshalExtJSON(e.Command, false, false)
					require.NoError(t, err)
					t.Logf("MongoDB is sent %s", command)
				}
			},
			Failed: func(_ context.Context, e *event.CommandFailedEvent) {
				t.Logf("MongoDB refuses %s: %s", e.CommandName, e.Failure)
			},
		})
	client, err := mongo.Connect(context.Background(), config)
	require.NoError(t, err)
	database := client.Database("gin_sessions_tutorial_" + strconv.FormatInt(time.Now().UnixNano(), 36))
	t.Cleanup(func() {
		require.NoError(t, database.Drop(context.Background()))
		require.NoError(t, client.Disconnect(context.Background()))
	})
	return database.Collection("visits")
}

// index is what MongoDB tells about one.
type index struct {
	Key                bson.M
	Sparse             bool
	ExpireAfterSeconds int `bson:"expireAfterSeconds"`
}

func indexesOf(t *testing.T, coll *mongo.Collection) (indexes []index) {
	t.Helper()
	cursor, err := coll.Indexes().List(context.Background())
	require.NoError(t, err)
	require.NoError(t, cursor.All(context.Background(), &indexes))
	return indexes
}

// lifetimes returns the seconds of each index of the field "modified".
func lifetimes(t *testing.T, coll *mongo.Collection) (seconds []int) {
	t.Helper()
	for _, index := range indexesOf(t, coll) {
		if index.Key["modified"] != nil {
			require.True(t, index.Sparse, "wanted: a sparse index\nlikely cause: it was created without SetSparse(true); then the store, which wants it sparse, would have the next conflict")
			seconds = append(seconds, index.ExpireAfterSeconds)
		}
	}
	return seconds
}

func hasIndexOf(t *testing.T, coll *mongo.Collection, field string) bool {
	t.Helper()
	return slices.ContainsFunc(indexesOf(t, coll), func(i index) bool { return i.Key[field] != nil })
}

// standIn is no MongoDB: it speaks its protocol, and knows what happens to the
// indexes of one collection. It counts documents, and deletes none by itself.
type standIn struct {
	uri string

	mu        sync.Mutex
	refused   []string // commands that its user may not use
	name      string   // of its collection, with the database
	indexes   []bson.M // nil when there is no collection
	documents int
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	s := &standIn{uri: "mongodb://" + listener.Addr().String()}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go s.serve(connection)
		}
	}()
	return s
}

func (s *standIn) refuse(commands ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = commands
}

// serve answers the commands of one connection: messages of the kind OP_MSG, with
// flags, a zero and a document.
func (s *standIn) serve(connection net.Conn) {
	defer connection.Close()
	for {
		var header struct{ Length, ID, To, Kind int32 }
		if binary.Read(connection, binary.LittleEndian, &header) != nil {
			return
		}
		message := make([]byte, header.Length-16)
		if _, err := io.ReadFull(connection, message); err != nil {
			return
		}
		reply, err := bson.Marshal(s.answer(message[5:]))
		if err != nil {
			return
		}
		header.To, header.Length = header.ID, int32(16+5+len(reply))
		if binary.Write(connection, binary.LittleEndian, header) != nil {
			return
		}
		if _, err := connection.Write(append(make([]byte, 5), reply...)); err != nil {
			return
		}
	}
}

// answer runs a command, and answers as MongoDB does, with its codes.
func (s *standIn) answer(command bson.Raw) bson.M {
	s.mu.Lock()
	defer s.mu.Unlock()
	fail := func(code int, name, text string) bson.M {
		return bson.M{"ok": 0, "code": code, "codeName": name, "errmsg": text}
	}
	var request bson.M
	elements, err := command.Elements()
	if err != nil || bson.Unmarshal(command, &request) != nil {
		return fail(9, "FailedToParse", "not a command")
	}
	name := elements[0].Key()
	// find returns the place of an index, by its name or its key, or -1.
	find := func(wanted any) int {
		return slices.IndexFunc(s.indexes, func(index bson.M) bool {
			return same(index["name"], wanted) || same(index["key"], wanted)
		})
	}

	namespace := fmt.Sprint(request["$db"], ".", request[name])
	switch {
	case slices.Contains(s.refused, name):
		return fail(13, "Unauthorized", "not authorized on "+namespace+" to execute "+name)
	case s.name != namespace && name == "collMod": // another collection
		return fail(26, "NamespaceNotFound", "there is no collection "+namespace)
	case s.indexes == nil && slices.Contains([]string{"listIndexes", "dropIndexes", "collMod"}, name):
		return fail(26, "NamespaceNotFound", "there is no collection "+namespace)
	case s.indexes == nil && slices.Contains([]string{"createIndexes", "insert"}, name):
		s.indexes = []bson.M{{"name": "_id_", "key": bson.M{"_id": 1}}} // it comes with its collection
		s.name = namespace
	}

	switch name {
	case "hello":
		return bson.M{"ok": 1, "isWritablePrimary": true, "maxWireVersion": 21}
	case "ping":
	case "insert":
		s.documents += len(request["documents"].(bson.A))
	case "count":
		return bson.M{"ok": 1, "n": s.documents}
	case "drop", "dropDatabase":
		s.indexes, s.documents = nil, 0
	case "listIndexes":
		return bson.M{"ok": 1, "cursor": bson.M{"id": int64(0), "ns": "tutorial.sessions", "firstBatch": s.indexes}}
	case "createIndexes":
		for _, each := range request["indexes"].(bson.A) {
			wanted := each.(bson.M)
			if i := find(wanted["key"]); i < 0 {
				s.indexes = append(s.indexes, wanted)
			} else if !same(s.indexes[i], wanted) {
				return fail(85, "IndexOptionsConflict", "an equivalent index already exists with different options")
			}
		}
	case "collMod":
		change, _ := request["index"].(bson.M)
		i := max(find(change["name"]), find(change["keyPattern"]))
		if i < 0 {
			return fail(27, "IndexNotFound", "cannot find index "+fmt.Sprint(change))
		}
		s.indexes[i]["expireAfterSeconds"] = change["expireAfterSeconds"]
	case "dropIndexes":
		if request["index"] == "*" {
			s.indexes = s.indexes[:1]
		} else if i := find(request["index"]); i > 0 {
			s.indexes = slices.Delete(s.indexes, i, i+1)
		} else {
			return fail(27, "IndexNotFound", "index not found: "+fmt.Sprint(request["index"]))
		}
	default:
		return fail(59, "CommandNotFound", "the stand-in does not know "+name)
	}
	return bson.M{"ok": 1}
}

// same compares by what is printed: a 1 is the same in 32 and in 64 bits.
func same(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
