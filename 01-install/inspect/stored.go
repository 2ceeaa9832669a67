package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/gomodule/redigo/redis"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const timeout = 2 * time.Second // for each answer of a server

// stored is what a server keeps under a session's ID.
type stored struct {
	Server string `json:"server"`
	Key    string `json:"key"`
	Bytes  int    `json:"bytes"`
	Left   string `json:"left,omitempty"` // of its life
	sealed
	Problem string `json:"problem,omitempty"`
	err     error  // other than that there is nothing
}

// lookUp asks each server that the environment names.
func lookUp(id, name string) (all []stored) {
	for _, server := range []struct {
		name, addr, key string
		get             func(addr, key string) (data []byte, left string, err error)
	}{
		{"Redis", os.Getenv("REDIS_ADDR"), *prefix + id, fromRedis},
		{"memcached", os.Getenv("MEMCACHED_ADDR"), *prefix + id, fromMemcached},
		{"MongoDB", os.Getenv("MONGO_URI"), id, fromMongo},
	} {
		if server.addr == "" {
			continue
		}
		found := stored{Server: server.name, Key: strings.Replace(server.key, id, shortened(id), 1)}
		data, left, err := server.get(server.addr, server.key)
		switch {
		case errors.Is(err, redis.ErrNil), errors.Is(err, memcache.ErrCacheMiss), errors.Is(err, mongo.ErrNoDocuments):
			found.Problem = "nothing there: it expired, was logged out, or is elsewhere"
		case err != nil:
			found.Problem, found.err = "cannot be read", fmt.Errorf("%s: %w", server.name, err)
		default:
			found.Bytes, found.Left = len(data), left
			if found.sealed, err = open(name, string(data)); err != nil { // Redis's are not sealed
				found.sealed = unpack(data)
			}
		}
		all = append(all, found)
	}
	return all
}

func fromRedis(addr, key string) (data []byte, left string, err error) {
	if strings.ContainsAny(addr, "@/,") { // a URL may have a password, which an error would print
		return nil, "", errors.New("REDIS_ADDR is host:port, of a cluster that of the node with the session; the password goes into REDIS_PASSWORD")
	}
	conn, err := redis.Dial("tcp", addr, redis.DialConnectTimeout(timeout), redis.DialReadTimeout(timeout),
		redis.DialUsername(os.Getenv("REDIS_USERNAME")), redis.DialPassword(os.Getenv("REDIS_PASSWORD")))
	if err != nil {
		return nil, "", err
	}
	defer conn.Close()
	if data, err = redis.Bytes(conn.Do("GET", key)); err != nil {
		return nil, "", err
	}
	seconds, err := redis.Int(conn.Do("TTL", key))
	switch seconds {
	case -2: // it has expired since
		return nil, "", redis.ErrNil
	case -1:
		return data, "no end", err
	}
	return data, (time.Duration(seconds) * time.Second).String() + " to go", err
}

// fromMemcached asks the one of the servers that the store would ask.
func fromMemcached(addrs, key string) (data []byte, left string, err error) {
	servers := new(memcache.ServerList)
	if err := servers.SetServers(strings.Split(addrs, ",")...); err != nil {
		return nil, "", err
	}
	client := memcache.NewFromSelector(servers)
	client.Timeout = timeout
	item, err := client.Get(key)
	if err != nil {
		return nil, "", err
	}
	return item.Value, "it does not say how long they stay", nil
}

func fromMongo(uri, id string) (data []byte, _ string, err error) {
	config := options.Client().SetServerSelectionTimeout(timeout).SetTimeout(timeout).ApplyURI(uri)
	client, err := mongo.Connect(context.Background(), config)
	if err != nil {
		return nil, "", err
	}
	defer client.Disconnect(context.Background())
	database, name, _ := strings.Cut(*collection, ".")
	var document struct {
		Data     string
		Modified time.Time
	}
	err = client.Database(database).Collection(name).FindOne(context.Background(), bson.M{"_id": id}).Decode(&document)
	return []byte(document.Data), "saved " + left(document.Modified), err
}
