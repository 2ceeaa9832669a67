package exercise

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/servers/memcachedserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/benbjohnson/clock"
	"github.com/bradfitz/gomemcache/memcache"
	"github.com/daangn/minimemcached"
	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memcached"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

func TestMain(m *testing.M) { sessiontest.Main(m, nil) }

// newStore keeps sessions in a memcached inside the test, which has this clock.
func newStore(t *testing.T, now clock.Clock) sessions.Store {
	t.Helper()
	client := memcache.New(memcachedserver.Run(t, minimemcached.WithClock(now)))
	client.Timeout = time.Minute // for busy machines
	return memcached.NewStore(client, "session_", sessiontest.Secret)
}

func TestExercise5_1(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		now := clock.NewMock() // of memcached
		now.Set(time.Now())
		store := newStore(t, now)
		store.Options(RememberMe())
		url := sessiontest.ServeExercise(t, func(r *gin.Engine) {
			r.Use(sessions.Sessions("mysession", store))
			r.POST("/login/:user", func(c *gin.Context) {
				session := sessions.Default(c)
				session.Set("user", c.Param("user"))
				if err := session.Save(); err != nil {
					_ = c.AbortWithError(http.StatusInternalServerError, err)
				}
			})
			r.GET("/me", Me)
		})
		// kept checks the cookie that an answer brings.
		kept := func(a sessiontest.Answer) {
			require.Len(t, a.Cookies, 1,
				"wanted: a new cookie at each visit, because the browser counts, too\nlikely cause: Save came after the body, too late for a cookie, or not at all")
			days := time.Duration(a.Cookies[0].MaxAge) * time.Second / (24 * time.Hour)
			require.True(t, 28 <= days && days <= 30,
				"wanted: a cookie that the browser keeps for 28 to 30 days\nlikely cause: its Max-Age, or none: then it keeps the cookie until it is closed")
			const replaced = "wanted: Path=/, HttpOnly and SameSite=Lax\nlikely cause: a session's own options are not added to the store's, they replace them all"
			require.Equal(t, "/", a.Cookies[0].Path, replaced)
			require.True(t, a.Cookies[0].HttpOnly, replaced)
			require.Equal(t, http.SameSiteLaxMode, a.Cookies[0].SameSite, replaced)
		}

		alice, bob := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "Bob")
		entered := alice.Send(http.MethodPost, url+"/login/alice")
		require.Equal(t, "alice", alice.Send(http.MethodGet, url+"/me").Body,
			"wanted: Alice is logged in\nlikely cause: memcached takes more than 30 days for a date, in 1970, and the store hands it your MaxAge as it is")
		kept(entered)

		var visit sessiontest.Answer
		for week := 4; week <= 52; week += 4 {
			t.Logf("week %d", week)
			now.Add(4*7*24*time.Hour - time.Minute)
			visit = alice.Send(http.MethodGet, url+"/me")
			require.Equal(t, "alice", visit.Body,
				"wanted: Alice is still logged in, because she was here four weeks ago\nlikely cause: MaxAge counts from the last time that something was saved, not from the last visit; Save without a change saves nothing")
		}
		kept(visit)

		t.Log("31 days without a visit")
		now.Add(31 * 24 * time.Hour)
		require.Equal(t, http.StatusUnauthorized, alice.Send(http.MethodGet, url+"/me").Status,
			"wanted: Alice is logged out; memcached keeps nothing that long\nlikely cause: something else than the session says who she is")
		require.Equal(t, http.StatusUnauthorized, bob.Send(http.MethodGet, url+"/me").Status,
			"wanted: Bob, who never logged in, is not logged in\nlikely cause: something else than the session says who he is")
		require.Empty(t, bob.Cookies(url),
			"wanted: no session for Bob, who never logged in\nlikely cause: the session is saved before you know that there is a user")
	})
}

func TestExercise5_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		const hour, day = 60 * 60, 24 * 60 * 60
		ctx := context.Background()

		servers := map[string]string{"a stand-in": newStandIn(t).uri}
		if uri := os.Getenv("MONGO_URI"); uri != "" {
			servers["your MongoDB"] = uri
		}
		for server, uri := range servers {
			t.Log("the first start, with", server)
			coll := sessionsAt(t, uri)
			require.NoError(t, EnsureLifetime(ctx, coll, hour),
				"wanted: a new index\nlikely cause: it is an error here that there is no index or no collection yet")
			require.Equal(t, []int{hour}, lifetimes(t, coll), "wanted: one index of modified, for an hour\nlikely cause: it was not created")
			session := bson.D{{Key: "_id", Value: "ID"}, {Key: "modified", Value: time.Now()}}
			insert := bson.D{{Key: "insert", Value: coll.Name()}, {Key: "documents", Value: bson.A{session}}}
			require.NoError(t, coll.Database().RunCommand(ctx, insert).Err())

			t.Log("a restart")
			require.NoError(t, EnsureLifetime(ctx, coll, hour),
				"wanted: no error, because nothing is to do\nlikely cause: it is an error here that the index exists")
			require.Equal(t, []int{hour}, lifetimes(t, coll), "wanted: the same index\nlikely cause: it was dropped, and not created again")

			t.Log("a release with another lifetime")
			require.NoError(t, EnsureLifetime(ctx, coll, day),
				"wanted: the index changes\nlikely cause: CreateOne makes an index, and never changes one; collMod does")
			require.Equal(t, []int{day}, lifetimes(t, coll),
				"wanted: one index of modified, for a day\nlikely cause: the old index is still there; to ignore the conflict does not change it")
			count, err := coll.EstimatedDocumentCount(ctx)
			require.NoError(t, err)
			require.EqualValues(t, 1, count, "wanted: the session is still there\nlikely cause: Drop takes the sessions along with the index")
		}

		// A user of this kind on a real MongoDB would be much to ask for.
		t.Log("a server whose user may not create indexes")
		server := newStandIn(t)
		server.refuse("createIndexes")
		coll := sessionsAt(t, server.uri)
		require.ErrorContains(t, EnsureLifetime(ctx, coll, day), "not authorized",
			"wanted: what MongoDB said\nlikely cause: every error was taken for a conflict, and what came after it hid the first one")

		t.Log("a server whose user may not change indexes")
		server.refuse()
		_, err := coll.Indexes().CreateOne(ctx, mongo.IndexModel{
			Keys:    bson.D{{Key: "modified", Value: 1}},
			Options: options.Index().SetExpireAfterSeconds(hour).SetSparse(true),
		})
		require.NoError(t, err)
		server.refuse("collMod", "drop", "dropIndexes")
		require.ErrorContains(t, EnsureLifetime(ctx, coll, day), "not authorized",
			"wanted: what MongoDB said\nlikely cause: collMod failed, and nobody looked at its error")
	})
}

func TestExercise5_3(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		store := newStore(t, clock.New())
		store.Options(sessiontest.Options())
		app := sessiontest.ServeExercise(t, func(r *gin.Engine) { Shop(r, store) })
		alice, thief := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "the thief")
		const panics = "wanted: 204\nlikely cause: the session is nil, or of another kind, and that panics: SessionsMany goes with DefaultMany, and a name has to be one of its names"
		require.Equal(t, http.StatusNoContent, alice.Send(http.MethodPost, app+"/cart/tea").Status, panics)
		require.Equal(t, http.StatusNoContent, alice.Send(http.MethodPost, app+"/login/alice").Status, panics)
		require.Equal(t, `{"cart":["tea"],"user":"alice"}`, alice.Send(http.MethodGet, app+"/").Body,
			"wanted: the cart and the user on one page\nlikely cause: this route has only one of the two sessions")

		t.Log("the thief copies Alice's cookies")
		u, err := url.Parse(app)
		require.NoError(t, err)
		thief.Client.Jar.SetCookies(u, alice.Cookies(app))

		require.Equal(t, http.StatusNoContent, alice.Send(http.MethodPost, app+"/logout").Status, panics)
		require.Equal(t, `{"cart":["tea"],"user":null}`, alice.Send(http.MethodGet, app+"/").Body,
			"wanted: the tea, and no user\nlikely cause: both are in one session, which the logout ends: of two sessions.Sessions only the last one counts")
		alice.Send(http.MethodPost, app+"/login/alice")
		require.NotContains(t, thief.Send(http.MethodGet, app+"/").Body, "alice",
			"wanted: the copied cookies know no user\nlikely cause: the logout has left the session to the cart, so Alice logs in under the ID that the thief has")

		var names []string
		for _, cookie := range alice.Cookies(app) {
			names = append(names, cookie.Name)
		}
		require.ElementsMatch(t, []string{"cart", "login"}, names,
			"wanted: a cookie each\nlikely cause: both are in one session, or their names are not those")
	})
}
