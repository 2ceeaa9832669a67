package exercise

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// Exercise 5.2: "I changed maxAge, and now it stops with IndexOptionsConflict."

// EnsureLifetime has MongoDB delete a session so many seconds after its last Save.
func EnsureLifetime(ctx context.Context, coll *mongo.Collection, seconds int32) error {
	_, err := coll.Indexes().CreateOne(ctx, mongo.IndexModel{
		Keys:    bson.D{{Key: "modified", Value: 1}},
		Options: options.Index().SetExpireAfterSeconds(seconds).SetSparse(true), // like the store's own
	})
	// Only this error says that there is an index with another lifetime. Any other
	// one is for the caller, and so is nil.
	var refused mongo.CommandError
	if !errors.As(err, &refused) || refused.Name != "IndexOptionsConflict" {
		return err
	}
	// An index that is there changes with collMod only. The sessions stay.
	return coll.Database().RunCommand(ctx, bson.D{
		{Key: "collMod", Value: coll.Name()},
		{Key: "index", Value: bson.D{
			{Key: "keyPattern", Value: bson.D{{Key: "modified", Value: 1}}},
			{Key: "expireAfterSeconds", Value: seconds},
		}},
	}).Err()
}
