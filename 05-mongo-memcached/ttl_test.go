package main

import (
	"bytes"
	"context"
	"log"
	"os"
	"testing"

	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/integration/mtest"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// How MongoDB forgets old sessions, and what the program says when it cannot.

// realMongoDB returns a database for this test on the server at MONGO_URI.
func realMongoDB(t *testing.T) database {
	t.Helper()
	uri := os.Getenv("MONGO_URI")
	if uri == "" {
		t.Skip("FerretDB v1, the embedded server, has no TTL indexes: set MONGO_URI to a MongoDB")
	}
	return newDatabase(t, uri)
}

func TestMongoDBGetsATTLIndexOfADay(t *testing.T) {
	t.Parallel()
	db := realMongoDB(t)
	for range 2 { // the second start finds the index of the first
		_, err := db.open(db.uri.Host, patience, sessiontest.Secret)
		require.NoError(t, err)
	}

	var indexes []struct {
		Key                bson.D
		ExpireAfterSeconds int `bson:"expireAfterSeconds"`
	}
	cursor, err := db.sessions.Indexes().List(context.Background())
	require.NoError(t, err)
	require.NoError(t, cursor.All(context.Background(), &indexes))
	require.Len(t, indexes, 2, "wanted: the index of _id and ours")
	assert.Equal(t, "modified", indexes[1].Key[0].Key)
	assert.Equal(t, maxAge, indexes[1].ExpireAfterSeconds)
}

func TestATTLIndexWithAnotherLifetimeIsExplained(t *testing.T) {
	t.Parallel()
	db := realMongoDB(t)
	_, err := db.sessions.Indexes().CreateOne(context.Background(), mongo.IndexModel{
		Keys:    bson.D{{Key: "modified", Value: 1}},
		Options: options.Index().SetExpireAfterSeconds(60),
	})
	require.NoError(t, err)

	_, err = db.open(db.uri.Host, patience, sessiontest.Secret)

	require.ErrorContains(t, err, "TTL index with another lifetime")
	require.ErrorContains(t, err, "collMod")
}

// The answers of servers that this machine does not have, from the driver's own
// test kit.
func TestTheAnswerToTheTTLIndexDecides(t *testing.T) {
	mt := mtest.New(t, mtest.NewOptions().ClientType(mtest.Mock))
	for _, test := range []struct {
		answer mtest.CommandError
		want   []string // in the error; nil: none
	}{
		{mtest.CommandError{Code: 85, Name: "IndexOptionsConflict", Message: "an equivalent index already exists"},
			[]string{"TTL index with another lifetime: ", "an equivalent index already exists", "\n  use tutorial\n",
				`db.runCommand({collMod: "sessions", index: {keyPattern: {modified: 1}, expireAfterSeconds: 86400}})`}},
		{mtest.CommandError{Code: 238, Name: "NotImplemented", Message: "TTL indexes are not implemented"}, nil},
		{mtest.CommandError{Code: 13, Name: "Unauthorized", Message: "not authorized on tutorial"},
			[]string{"TTL index: ", "not authorized on tutorial"}},
	} {
		mt.Run(test.answer.Name, func(mt *mtest.T) {
			mt.AddMockResponses(mtest.CreateCommandErrorResponse(test.answer))
			err := ensureTTL(mt.Client.Database("tutorial").Collection("sessions"))

			asked := mt.GetStartedEvent().Command.String()
			require.Contains(mt, asked, `"key": {"modified": {"$numberInt":"1"}}`)
			require.Contains(mt, asked, `"expireAfterSeconds": {"$numberInt":"86400"}`)
			require.Contains(mt, asked, `"sparse": true`, "wanted: the index that the store would make")
			if test.want == nil {
				require.NoError(mt, err, "wanted: a warning, because the sessions work")
			}
			for _, want := range test.want {
				require.ErrorContains(mt, err, want)
			}
		})
	}
}

func TestAStartWithoutAnAnswerToTheTTLIndexFails(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, "mongodb://"+mongoserver.Run(t))
	network := sessiontest.NewProxy(t, db.uri.Host)
	network.CutOn("\x02createIndexes\x00", sessiontest.Always)

	_, err := db.open(network.Addr, patience, sessiontest.Secret)

	require.ErrorContains(t, err, "TTL index: ", "wanted: no store\nlikely cause: nobody looked at the error, and sessions stay for ever")
}

func TestAServerWithoutTTLIndexesIsAWarning(t *testing.T) {
	var logged bytes.Buffer
	defer log.SetOutput(log.Writer())
	log.SetOutput(&logged)

	onMongo(t, "mongodb://"+mongoserver.Run(t)).open(t)

	assert.Contains(t, logged.String(), "warning: this server has no TTL indexes")
}
