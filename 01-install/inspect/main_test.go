package main

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/servers/mongoserver"
	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/boj/redistore"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/cookie"
	"github.com/gin-contrib/sessions/redis"
	"github.com/gorilla/securecookie"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

var (
	otherKey      = "another secret, also of 32 bytes"
	encryptionKey = "a key to encrypt: 16, 24, 32 byte"[:32]
)

// run runs the program without servers and keys, but for those in env
// ("NAME=value"). Two spaces are between the columns of its output.
func run(t *testing.T, env []string, args ...string) (status int, output string) {
	t.Helper()
	none := []string{"SESSION_SECRET=", "SESSION_SECRET_FILE=", "ENCRYPTION_KEY=", "REDIS_ADDR=", "MEMCACHED_ADDR=", "MONGO_URI="}
	status, output = sessiontest.Run(t, append(none, env...), args...)
	return status, regexp.MustCompile(" {2,}").ReplaceAllString(output, "  ")
}

// save returns the cookie of a session that holds these values.
func save(t testing.TB, store sessions.Store, values map[any]any) (cookie string) {
	t.Helper()
	request, answer := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	session, err := store.New(request, sessiontest.CookieName)
	require.NoError(t, err)
	session.Values = values
	require.NoError(t, store.Save(request, answer, session))
	return answer.Result().Cookies()[0].Value
}

func TestTheSessionOfEachChapterIsShown(t *testing.T) {
	programs := map[string]string{} // by their folders
	server := "(?m)^stored +session_[A-Z2-7]{8}… in "
	for _, test := range []struct {
		folder, path string
		args, env    []string
		want         []string // of a visitor's session
		gone         string   // what is said after the logout
	}{
		{"02-cookie-basic", "/hello", nil, nil,
			[]string{`(?m)^value +"hello"  string  "world"$`}, ""},
		{"03-redis-store", "/incr", nil, []string{"REDIS_ADDR=" + redisserver.Addr(t)},
			[]string{server + `Redis, \d+ bytes: 2[34]h\d+m\d+s to go$`, `"count"  int  0`}, "Redis, nothing there"},
		{"04-memstore", "/incr", nil, nil,
			[]string{`stored +not looked up: .* \(only its own program sees a memstore\)`}, ""},
		{"05-mongo-memcached", "/incr", []string{"-store", "memcached"}, []string{"MEMCACHED_ADDR=" + memcachedserver.Addr(t)},
			[]string{server + "memcached, 1\\d\\d bytes: ", `"count"  int  0`, `(?s)right, with the development key.*right, with the development key`}, "memcached, nothing there"},
		{"05-mongo-memcached", "/incr", nil, []string{"MONGO_URI=" + mongoserver.URI(t)},
			[]string{`(?m)^stored +[A-Z2-7]{8}… in MongoDB, 1\d\d bytes: saved \d+s ago, 2[34]h\d+m\d+s to go`, `"count"  int  0`}, "MongoDB, nothing there"},
	} {
		if programs[test.folder] == "" {
			programs[test.folder] = sessiontest.Build(t, "../../"+test.folder)
		}
		t.Run(strings.Join(append([]string{test.folder}, test.args...), " "), func(t *testing.T) {
			t.Parallel()
			env := append(test.env, "SESSION_SECRET=")
			app := sessiontest.StartFile(t, programs[test.folder], env, test.args...)
			alice := sessiontest.NewBrowser(t, "Alice")
			first := alice.Send(http.MethodGet, app+test.path)
			require.Len(t, first.Cookies, 1, first.Body)
			value := first.Cookies[0].Value

			status, output := run(t, env, value)
			require.Equal(t, 0, status, output)
			assert.Contains(t, output, fmt.Sprintf("mysession, %d of the 4,096 bytes", len("mysession"+value)))
			assert.Regexp(t, `(?m)^signed +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC, \d+s ago, 2[34]h\d+m\d+s to go with a MaxAge of 24h0m0s$`, output)
			assert.Regexp(t, "(?m)^signature +right, with the development key", output)
			assert.Regexp(t, "(?m)^encrypted +no: ", output)
			for _, want := range test.want {
				assert.Regexp(t, want, output)
			}

			alice.Send(http.MethodPost, app+"/logout")
			if test.gone != "" {
				status, output := run(t, env, value)
				assert.Equal(t, 0, status, "wanted: no failure, because the cookie is a good one")
				assert.Contains(t, output, test.gone)
			}
		})
	}
}

func TestTheKeyOfTheSignatureIsNamed(t *testing.T) {
	t.Parallel()
	app := sessiontest.StartFile(t, sessiontest.Build(t, "../../02-cookie-basic"), []string{"SESSION_SECRET=" + otherKey})
	value := sessiontest.NewBrowser(t, "Alice").Send(http.MethodGet, app+"/hello").Cookies[0].Value

	_, output := run(t, []string{"SESSION_SECRET=" + otherKey}, value)
	assert.Contains(t, output, "right, with SESSION_SECRET\n")
	status, output := run(t, []string{"SESSION_SECRET=" + string(sessiontest.Secret)}, value)
	assert.Equal(t, 0, status, output)
	assert.Contains(t, output, "unknown: another key, another cookie name, or the cookie was changed\n")
	assert.Contains(t, output, `"world"`, "wanted: the values, which need no key")
	_, output = run(t, []string{"SESSION_SECRET=" + otherKey}, "-name", "other", value)
	assert.Contains(t, output, "unknown: another key", "wanted: a signature that covers the cookie's name")

	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(string(sessiontest.Secret)+"\r\n"+otherKey+"\n"), 0o600))
	_, output = run(t, []string{"SESSION_SECRET_FILE=" + file}, value)
	assert.Contains(t, output, "right, with line 2 of SESSION_SECRET_FILE\n")
	status, output = run(t, []string{"SESSION_SECRET_FILE=" + file + "/none"}, value)
	assert.Equal(t, 1, status, output)
	assert.Contains(t, output, "SESSION_SECRET_FILE: open ")
}

func TestTheAgeAndTheSizeAreShown(t *testing.T) {
	t.Parallel()
	env := []string{"SESSION_SECRET=" + string(sessiontest.Secret)}
	value := sessiontest.Aged(t, save(t, cookie.NewStore(sessiontest.Secret), map[any]any{"hello": "world"}), 48*time.Hour)

	_, output := run(t, env, value)
	assert.Regexp(t, `UTC, 48h\d+m\d+s ago: too old for a MaxAge of 24h0m0s\nsignature  right, with SESSION_SECRET\n`, output)
	_, output = run(t, env, "-age", "72h", value)
	assert.Regexp(t, `UTC, 48h\d+m\d+s ago, 2[34]h\d+m\d+s to go with a MaxAge of 72h0m0s\n`, output)
	_, output = run(t, env, sessiontest.Aged(t, value, -72*time.Hour))
	assert.Contains(t, output, " UTC, in the future: forged, or a clock is wrong\n")

	value, err := securecookie.New(sessiontest.Secret, nil).MaxLength(0).Encode(sessiontest.CookieName, map[any]any{"text": strings.Repeat("x", 3000)})
	require.NoError(t, err)
	_, output = run(t, env, value)
	assert.Contains(t, output, fmt.Sprintf("mysession, %d bytes: browsers keep 4,096 and drop this cookie\n", len("mysession"+value)))
	assert.Contains(t, output, "right, with SESSION_SECRET\n", "wanted: any size, because a stored session may have a higher limit")
}

func TestAnEncryptedCookieIsReadWithBothKeys(t *testing.T) {
	t.Parallel()
	value := save(t, cookie.NewStore([]byte(otherKey), []byte(encryptionKey)), map[any]any{"hello": "world"})
	for _, test := range []struct{ secret, key, want string }{
		{otherKey, encryptionKey, "encrypted  yes, with ENCRYPTION_KEY\nvalue  \"hello\"  string  \"world\"\n"},
		{otherKey, "", "signature  right, with SESSION_SECRET\nencrypted  yes, or damaged: "},
		{otherKey, strings.ToUpper(encryptionKey), "yes, or damaged: "},
		{otherKey, "too short", "yes, or damaged: "},
		{"", encryptionKey, "signature  unknown: another key, another cookie name, or the cookie was changed\nencrypted  yes, or damaged: "},
	} {
		status, output := run(t, []string{"SESSION_SECRET=" + test.secret, "ENCRYPTION_KEY=" + test.key}, value)
		assert.Equal(t, 0, status)
		assert.Contains(t, output, test.want)
		assert.Equal(t, strings.Contains(test.want, "world"), strings.Contains(output, "world"), output)
	}
}

// Types of another program: only the tests' process registers them.
type (
	member struct {
		Name string
		Age  int
	}
	item struct{ Price int }
	role string
)

// strange returns values of types that the program does not know.
func strange() map[any]any {
	gob.Register(member{})
	gob.Register([]item{})
	gob.Register(&http.Cookie{})
	return map[any]any{"member": member{"Ann", 30}, "cart": []item{{1}, {2}}, "pointer": &http.Cookie{Name: "x"}, "count": 7, "more": map[string]any{"deep": member{}, "red": "\x1b[31m"}}
}

func TestAnUnknownTypeIsNamedAndTheOtherValuesAreShown(t *testing.T) {
	t.Parallel()
	value := save(t, cookie.NewStore(sessiontest.Secret), strange())

	status, output := run(t, nil, value)

	assert.Equal(t, 0, status, output)
	const member = "gin-sessions-tutorial/01-install/inspect.member"
	assert.Contains(t, output, `
value  "cart"  []main.item  [(unknown type main.item) (unknown type main.item)]
value  "count"  int  7
value  "member"  `+member+`  (unknown type `+member+`)
value  "more"  map[string]any  map[deep:(unknown type `+member+`) red:?[31m]
value  "pointer"  *http.Cookie  (unknown type *http.Cookie)
`)

	gob.Register(role(""))
	value = save(t, cookie.NewStore(sessiontest.Secret), map[any]any{"role": role("admin")})
	status, output = run(t, nil, value)
	assert.Equal(t, 0, status, output)
	assert.Contains(t, output, "note  there is more, but gob stops: gob: type mismatch in decoder: want struct type gin-sessions-tutorial/01-install/inspect.role; got non-struct\n")
}

func TestASessionInJSONIsShown(t *testing.T) {
	t.Parallel()
	addr := redisserver.Addr(t)
	store, err := redis.NewStore(1, "tcp", addr, os.Getenv("REDIS_USERNAME"), os.Getenv("REDIS_PASSWORD"), sessiontest.Secret)
	require.NoError(t, err)
	redisStore, err := redis.GetRedisStore(store)
	require.NoError(t, err)
	redisStore.SetSerializer(redistore.JSONSerializer{})
	require.NoError(t, redis.SetKeyPrefix(store, "shop_"))
	store.Options(sessiontest.Options())
	value := save(t, store, map[any]any{"count": 1, "user": member{"Ann", 30}})

	status, output := run(t, []string{"REDIS_ADDR=" + addr}, "-prefix", "shop_", value)

	assert.Equal(t, 0, status, output)
	assert.Contains(t, output, "value  \"count\"  float64  1\nvalue  \"user\"  map[string]any  map[Age:30 Name:Ann]\nnote  this is JSON")
}

func TestNothingIsWrittenToTheStore(t *testing.T) {
	t.Parallel()
	server := redisserver.Run(t)
	store, err := redis.NewStore(1, "tcp", server.Addr(), "", "", sessiontest.Secret)
	require.NoError(t, err)
	value := save(t, store, map[any]any{"hello": "world"})
	key := server.Keys()[0]
	before, life := server.Dump(), server.TTL(key)

	_, output := run(t, []string{"REDIS_ADDR=" + server.Addr()}, value)

	assert.Contains(t, output, `"world"`)
	assert.Equal(t, before, server.Dump())
	assert.InDelta(t, life, server.TTL(key), 60e9, "wanted: no new life for the key")

	require.NoError(t, server.Set(key, "no gob"))
	_, output = run(t, []string{"REDIS_ADDR=" + server.Addr()}, value)
	assert.Contains(t, output, "in Redis, 6 bytes: no end\nnote  neither gob nor JSON: ")
}

func TestASessionThatExpiresWhileItIsReadIsGone(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			defer conn.Close()
			fmt.Fprint(conn, "$6\r\nno gob\r\n:-2\r\n") // the answers to GET and TTL
			_, _ = io.Copy(io.Discard, conn)
		}
	}()
	status, output := run(t, []string{"REDIS_ADDR=" + listener.Addr().String()}, withID(t))
	assert.Equal(t, 0, status, output)
	assert.Contains(t, output, "in Redis, nothing there: it expired")
}

// withID returns a cookie with the session ID AAAA….
func withID(t *testing.T) string {
	var payload bytes.Buffer
	require.NoError(t, gob.NewEncoder(&payload).Encode(strings.Repeat("A", 52)))
	text := "1795446141|" + base64.URLEncoding.EncodeToString(payload.Bytes()) + "|" + strings.Repeat("s", 32)
	return base64.URLEncoding.EncodeToString([]byte(text))
}

func TestAnAddressThatIsNoHostAndPortIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"redis://alice:burrow@127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2"} {
		status, output := run(t, []string{"REDIS_ADDR=" + addr}, withID(t))
		assert.Equal(t, 1, status, output)
		assert.Contains(t, output, "Redis: REDIS_ADDR is host:port, of a cluster that of the node with the session")
		assert.NotContains(t, output, "burrow")
	}
}

func TestAServerThatIsNotThereIsAFailure(t *testing.T) {
	t.Parallel()
	value := save(t, cookie.NewStore(sessiontest.Secret), map[any]any{"hello": "world"})
	nowhere := []string{"REDIS_ADDR=127.0.0.1:1", "MEMCACHED_ADDR=127.0.0.1:1", "MONGO_URI=mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"}
	status, output := run(t, nowhere, withID(t))
	assert.Equal(t, 1, status)
	for _, want := range []string{"session_AAAAAAAA… in Redis, cannot be read", "session_AAAAAAAA… in memcached, cannot be read", "AAAAAAAA… in MongoDB, cannot be read", "Redis: dial tcp 127.0.0.1:1: "} {
		assert.Contains(t, output, want)
	}
	status, output = run(t, nowhere, value)
	assert.Equal(t, 0, status, "wanted: no server asked for a session that is in the cookie\n"+output)
}

func TestAnIDIsCutShortUnlessFull(t *testing.T) {
	t.Parallel()
	addr := redisserver.Addr(t)
	store, err := redis.NewStore(1, "tcp", addr, os.Getenv("REDIS_USERNAME"), os.Getenv("REDIS_PASSWORD"), sessiontest.Secret)
	require.NoError(t, err)
	store.Options(sessiontest.Options())
	value := save(t, store, map[any]any{"hello": "world"})
	id := sessiontest.ID(t, store, value)
	env := []string{"REDIS_ADDR=" + addr}

	for _, args := range [][]string{{value}, {"-json", value}} {
		_, output := run(t, env, args...)
		assert.Contains(t, output, id[:8]+"…")
		assert.NotContains(t, output, id[:9])
		_, output = run(t, env, append([]string{"-full"}, args...)...)
		assert.Contains(t, output, id)
		assert.Contains(t, output, "session_"+id)
		assert.NotContains(t, output, "-full")
	}
	_, output := run(t, env, value)
	assert.Contains(t, output, "(cut short: with the ID and the signing key, anybody can be this visitor; -full shows it)")
}

func TestEachWayToGiveACookieShowsTheSame(t *testing.T) {
	t.Parallel()
	value := save(t, cookie.NewStore(sessiontest.Secret), map[any]any{"hello": "world"})
	jar := filepath.Join(t.TempDir(), "jar")
	require.NoError(t, os.WriteFile(jar, []byte("# Netscape HTTP Cookie File\n\n#HttpOnly_localhost\tFALSE\t/\tFALSE\t1795446141\tmysession\t"+value+"\n"), 0o600))

	env := []string{"SESSION_SECRET=" + string(sessiontest.Secret)}
	lines := func(output string) []string { return strings.Split(output, "\n")[2:] } // without the age
	_, want := sessiontest.Run(t, env, value)
	for _, arg := range []string{jar, "mysession=" + value, "Cookie: a=1; mysession=" + value, "cookie: mysession=" + value, "-"} {
		command := sessiontest.Command(t, env, arg)
		command.Stdin = strings.NewReader("< HTTP/1.1 200 OK\r\n> Cookie: mysession=" + value + "\r\n\r\n{}")
		output, err := command.CombinedOutput()
		require.NoError(t, err, string(output))
		assert.Equal(t, lines(want), lines(string(output)), arg)
	}
}

func TestTheNameBeforeAValueIsTaken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"__Host-mysession", "mysession-lax"} {
		value, err := securecookie.New(sessiontest.Secret, nil).Encode(name, map[any]any{"hello": "world"})
		require.NoError(t, err)
		_, output := run(t, []string{"SESSION_SECRET=" + string(sessiontest.Secret)}, name+"="+value)
		assert.Contains(t, output, "cookie  "+name+", ")
		assert.Contains(t, output, "right, with SESSION_SECRET\n")
	}
}

func TestOfSeveralCookiesWithTheNameNoneIsGuessed(t *testing.T) {
	t.Parallel()
	store := cookie.NewStore(sessiontest.Secret)
	first, last := save(t, store, map[any]any{"hello": "first"}), save(t, store, map[any]any{"hello": "last"})
	_, output := run(t, nil, "Set-Cookie: mysession="+first+"\r\nSet-Cookie: mysession="+last)
	assert.Contains(t, output, `"last"`, "wanted: the one that a browser keeps")
	_, output = run(t, nil, "Cookie: mysession="+first+"; mysession="+last)
	assert.Contains(t, output, `"first"`, "wanted: the one that the server reads")

	line := "\tFALSE\t/\tFALSE\t0\tmysession\t"
	status, output := run(t, nil, "#HttpOnly_localhost"+line+first+"\n127.0.0.1\x1b[31m"+line+last+"\n")
	assert.Equal(t, 1, status, output)
	assert.Contains(t, output, "a mysession for each of localhost/, 127.0.0.1?[31m/: give me the value of one")
}

func TestTheMissingAttributesOfASetCookieLineAreNamed(t *testing.T) {
	t.Parallel()
	value := save(t, cookie.NewStore(sessiontest.Secret), map[any]any{"hello": "world"})
	for attributes, missing := range map[string][]string{
		"": {"Path", "Max-Age", "HttpOnly", "SameSite", "Secure"},
		"; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax":         {"Secure"},
		"; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure": nil,
	} {
		_, output := run(t, nil, "Set-Cookie: mysession="+value+attributes)
		var got []string
		for line := range strings.Lines(output) {
			if text, ok := strings.CutPrefix(line, "missing "); ok {
				name, _, _ := strings.Cut(strings.TrimSpace(text), ":")
				got = append(got, name)
			}
		}
		assert.Equal(t, missing, got, output)
	}
	_, output := run(t, nil, value)
	assert.NotContains(t, output, "missing", "wanted: nothing about attributes, which the value alone does not tell")
}

func TestTheSameIsPrintedInJSON(t *testing.T) {
	t.Parallel()
	value := save(t, cookie.NewStore(sessiontest.Secret), strange())
	_, output := run(t, []string{"SESSION_SECRET=" + string(sessiontest.Secret)}, "-json", "Set-Cookie: mysession="+value+"; Path=/")

	var got report
	require.NoError(t, json.Unmarshal([]byte(output), &got), output)
	assert.Equal(t, "right, with SESSION_SECRET", got.Signature)
	assert.Equal(t, len("mysession"+value), got.Bytes)
	assert.Len(t, got.Missing, 4)
	assert.Contains(t, fmt.Sprint(got.Values), `{"count" int 7}`)
	assert.NotNil(t, got.Signed)

	for text, shown := range map[string]bool{save(t, cookie.NewStore(sessiontest.Secret), map[any]any{}): true, withID(t): false} {
		_, output := run(t, nil, "-json", text)
		assert.Equal(t, shown, strings.Contains(output, `"values": []`), "wanted: an empty list only where there are no values\n"+output)
	}
}

func TestWhatIsNoSessionCookieSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := save(t, cookie.NewStore(sessiontest.Secret), map[any]any{"hello": "world"})
	for arg, want := range map[string]string{
		"":                     "it is empty, as after a logout",
		good[:len(good)/2]:     "no session cookie: ",
		good[:len(good)/8*4]:   "its signature has 0 of 32 bytes, so it was cut or changed",
		good[:len(good)-4]:     "of 32 bytes, so it was cut or changed",
		good[:10] + "!" + good: "it is not base64, so it was cut or changed",
		"Zm9vfGJhcnxiYXo=":     "it does not begin with the time of its signature",
		"Set-Cookie: mysession=; Path=/; Max-Age=0": "it is empty, as after a logout",
		"Cookie: a=1; b=2":                          "no cookie mysession, but a, b: -name chooses one",
		"mysession=":                                "it is empty, as after a logout",
		"a\tb\tc\td\te\tred\x1b[31m\tx\na\tb\tc\td\te\tf\tx=": "but red?[31m, f: -name",
		"no/such/jar": `there is no file "no/such/jar" here`,
	} {
		status, output := run(t, nil, arg)
		assert.Equal(t, 1, status, arg)
		assert.Contains(t, output, want)
		if strings.HasPrefix(output, "no session cookie") {
			assert.Contains(t, output, "\nexpected: base64 of time|values|signature")
		}
	}
	status, output := run(t, nil, good, "-json")
	assert.Equal(t, 1, status, output)
	assert.Contains(t, output, "expected, after the flags: a cookie's value")
}

// seeds are payloads of real sessions, and one that only a forger makes.
func seeds(t testing.TB) (payloads [][]byte) {
	for _, values := range []map[any]any{{"hello": "world"}, strange(), {&[]string{"a slice as a key"}: 1}, {1: []byte("x"), "y": 1.5}} {
		var payload bytes.Buffer
		require.NoError(t, gob.NewEncoder(&payload).Encode(values))
		here := bytes.ReplaceAll(payload.Bytes(), []byte("inspect."), []byte("another.")) // types that this process does not know, either
		payloads = append(payloads, here, here[:len(here)/2])
	}
	return append(payloads, []byte(`{"count":1}`), []byte("null"))
}

func FuzzNoTextPanics(f *testing.F) {
	good := save(f, cookie.NewStore(sessiontest.Secret), map[any]any{"hello": "world"})
	encrypted := save(f, cookie.NewStore(sessiontest.Secret, []byte(encryptionKey)), map[any]any{"hello": "world"})
	for _, seed := range []string{"", good, good[:len(good)/2], encrypted, "Cookie: a=1; mysession=" + good, "Set-Cookie: mysession=" + good + "; Path=/",
		"#HttpOnly_localhost\tFALSE\t/\tFALSE\t0\tmysession\t" + good} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := inspect(text); err == nil {
			check(t, r)
		}
	})
}

func FuzzNoPayloadPanics(f *testing.F) {
	for _, payload := range seeds(f) {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		text := "1795446141|" + base64.URLEncoding.EncodeToString(payload) + "|" + strings.Repeat("s", 32)
		r, err := inspect(base64.URLEncoding.EncodeToString([]byte(text)))
		require.NoError(t, err, "wanted: a report, because the form is right")
		check(t, r)
	})
}

func check(t *testing.T, r report) {
	_, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, r.text(), "signature  ")
}
