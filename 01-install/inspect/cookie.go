package main

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/securecookie"
)

// sealed is what securecookie makes: a cookie or, in memcached and MongoDB, a
// stored session.
type sealed struct {
	Signed    *time.Time `json:"signed,omitempty"`
	Signature string     `json:"signature,omitempty"`
	Encrypted string     `json:"encrypted,omitempty"`
	ID        string     `json:"id,omitempty"`
	Values    []value    `json:"values,omitzero"` // not nil: could be read
	Note      string     `json:"note,omitempty"`
}

type value struct {
	Key   string `json:"key"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// open takes what securecookie has made apart, without a key: base64 of
// time|payload|signature, in which the payload is base64 once more.
func open(name, text string) (c sealed, err error) {
	decoded, notBase64 := base64.URLEncoding.DecodeString(text)
	parts := append(bytes.SplitN(decoded, []byte("|"), 3), nil, nil) // three or more
	seconds, noTime := strconv.ParseUint(string(parts[0]), 10, 33)   // up to the year 2242
	payload, noPayload := base64.URLEncoding.DecodeString(string(parts[1]))
	problem := ""
	switch {
	case text == "":
		problem = "it is empty, as after a logout"
	case notBase64 != nil:
		problem = "it is not base64, so it was cut or changed, or is something else"
	case noTime != nil:
		problem = "it does not begin with the time of its signature, so it is something else"
	case noPayload != nil || len(parts[2]) != 32:
		problem = fmt.Sprintf("its signature has %d of 32 bytes, so it was cut or changed", len(parts[2]))
	}
	if problem != "" {
		return c, fmt.Errorf("no session cookie: %s\nexpected: base64 of time|values|signature, as gorilla/securecookie makes it", problem)
	}

	c = unpack(payload)
	signature, encrypted := "unknown: another key, another cookie name, or the cookie was changed", "no: whoever has it can read it"
	if !c.readable() {
		encrypted = "yes, or damaged: it takes the right SESSION_SECRET and ENCRYPTION_KEY to read it"
	}
	type key struct{ name, secret string }
	keys := []key{
		{"SESSION_SECRET", os.Getenv("SESSION_SECRET")},
		{"the development key, which everybody knows", "development only: everybody knows"},
	}
	if file := os.Getenv("SESSION_SECRET_FILE"); file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return c, fmt.Errorf("SESSION_SECRET_FILE: %w", err)
		}
		for i, secret := range strings.Split(strings.TrimSpace(string(content)), "\n") {
			keys = append(keys, key{fmt.Sprintf("line %d of SESSION_SECRET_FILE", i+1), strings.TrimSpace(secret)})
		}
	}
	for _, key := range keys {
		if decode(name, text, key.secret, "", &payload) != nil {
			continue
		}
		signature = "right, with " + key.name
		encryptionKey := os.Getenv("ENCRYPTION_KEY")
		if !c.readable() && encryptionKey != "" && decode(name, text, key.secret, encryptionKey, &payload) == nil {
			if c = unpack(payload); c.readable() {
				encrypted = "yes, with ENCRYPTION_KEY"
			}
		}
	}
	if !c.readable() {
		c.Note = "" // Encrypted says it
	}
	signed := time.Unix(int64(seconds), 0).UTC()
	c.Signed, c.Signature, c.Encrypted = &signed, signature, encrypted
	return c, nil
}

func (c sealed) readable() bool { return c.ID != "" || c.Values != nil }

// decode verifies and decrypts, whatever the age, and leaves the payload as it is.
func decode(name, text, signingKey, encryptionKey string, payload *[]byte) error {
	var block []byte
	if encryptionKey != "" {
		block = []byte(encryptionKey)
	}
	codec := securecookie.New([]byte(signingKey), block).SetSerializer(securecookie.NopEncoder{})
	return codec.MaxAge(0).MaxLength(0).Decode(name, text, payload)
}

// unpack reads what the stores write: an ID in gob, or the values, in gob or JSON.
func unpack(payload []byte) (c sealed) {
	var object map[string]any
	switch {
	case gob.NewDecoder(bytes.NewReader(payload)).Decode(&c.ID) == nil:
	case json.Unmarshal(payload, &object) == nil:
		c.Values, c.Note = list(object), "this is JSON, in which every number is a float64"
	default:
		values, err := fromGob(payload)
		switch {
		case err == nil:
			c.Values = list(values)
		case len(values) > 0 || atAType.MatchString(err.Error()):
			c.Values, c.Note = list(values), "there is more, but gob stops: "+realNames(err.Error())
		default:
			c.Note = "neither gob nor JSON: " + err.Error()
		}
	}
	return c
}

var (
	notRegistered = regexp.MustCompile(`name not registered for interface: (".*")`)
	atAType       = regexp.MustCompile(`not registered for interface|main\.unknown\[`)
)

// fromGob decodes the values. Gob stops at a type that it does not know, so such a
// type gets a stand-in, and gob a new try.
func fromGob(payload []byte) (values map[any]any, err error) {
	defer func() { // gob panics when a key is a slice, which only a forger makes
		if problem := recover(); problem != nil {
			err = fmt.Errorf("gob: %v", problem)
		}
	}()
	for {
		values = map[any]any{}
		err := gob.NewDecoder(bytes.NewReader(payload)).Decode(&values)
		if err == nil {
			return values, nil
		}
		unknown := notRegistered.FindStringSubmatch(err.Error())
		if unknown == nil {
			return values, err // with those before the error
		}
		name, unquoted := strconv.Unquote(unknown[1])
		standIn := standInFor(name)
		if unquoted != nil || standIn == nil {
			return values, err
		}
		gob.RegisterName(name, reflect.Zero(standIn).Interface())
	}
}

func init() {
	for _, known := range []any{map[string]any{}, map[string]string{}, map[string]int{}, []any{}, gin.H{}, time.Time{}} {
		gob.Register(known)
	}
}

// unknown stands in for a struct. It has no fields, so gob drops those of the real
// one. Each T makes a type of its own.
type unknown[T any] struct{}

func (u unknown[T]) String() string { return "(unknown type " + realNames(fmt.Sprintf("%T", u)) + ")" }

var (
	free = []reflect.Type{
		reflect.TypeFor[unknown[int8]](), reflect.TypeFor[unknown[int16]](), reflect.TypeFor[unknown[int32]](), reflect.TypeFor[unknown[int64]](),
		reflect.TypeFor[unknown[uint8]](), reflect.TypeFor[unknown[uint16]](), reflect.TypeFor[unknown[uint32]](), reflect.TypeFor[unknown[uint64]](),
	}
	standIns = map[string]reflect.Type{} // by the name of the real type
)

// standInFor returns a type for the one of this name, nil when none is free.
func standInFor(name string) reflect.Type {
	if item, isSlice := strings.CutPrefix(name, "[]"); isSlice {
		if standIn := standInFor(item); standIn != nil {
			return reflect.SliceOf(standIn)
		}
		return nil
	}
	if standIns[name] == nil && len(free) > 0 {
		standIns[name], free = free[0], free[1:]
	}
	return standIns[name]
}

// realNames replaces the stand-ins in a text by the types that they stand for.
func realNames(text string) string {
	for name, standIn := range standIns {
		text = strings.ReplaceAll(text, standIn.String(), name)
	}
	return strings.ReplaceAll(text, "interface {}", "any")
}

// list returns the values in the order of their keys.
func list[K comparable](values map[K]any) []value {
	shown := []value{}
	for k, v := range values {
		shown = append(shown, value{quoted(k), realNames(fmt.Sprintf("%T", v)), quoted(v)})
	}
	slices.SortFunc(shown, func(a, b value) int { return strings.Compare(a.Key, b.Key) })
	return shown
}

func quoted(v any) string {
	switch v.(type) {
	case string, []byte:
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprintf("%+v", v)
}
