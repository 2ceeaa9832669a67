package exercise

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
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
		const day = 24 * 60 * 60
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
		full := sessiontest.ServeExercise(t, func(r *gin.Engine) {
			r.GET("/me", sessions.Sessions("mysession", sessiontest.CannotSave(store)), Me)
		})
		// kept checks the cookie that an answer brings.
		kept := func(a sessiontest.Answer, lost string) {
			i := slices.IndexFunc(a.Cookies, func(cookie *http.Cookie) bool { return cookie.Name == "mysession" })
			require.GreaterOrEqual(t, i, 0,
				"wanted: a new cookie at each visit, because the browser counts, too\nlikely cause: Save came after the body, too late for a cookie")
			cookie := a.Cookies[i]
			require.LessOrEqual(t, cookie.MaxAge, 30*day,
				"wanted: a cookie that the browser keeps for 28 to 30 days\nlikely cause: memcached takes more than 30 days for a date, in 1970, and the store hands it your MaxAge as it is")
			require.GreaterOrEqual(t, cookie.MaxAge, 28*day,
				"wanted: a cookie that the browser keeps for 28 to 30 days\nlikely cause: MaxAge is less than four weeks; with 0 the browser keeps the cookie until it is closed")
			require.Equal(t, []any{"/", true, http.SameSiteLaxMode}, []any{cookie.Path, cookie.HttpOnly, cookie.SameSite},
				"wanted: Path=/, HttpOnly and SameSite=Lax\nlikely cause: %s", lost)
		}

		alice, bob := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "Bob")
		entered := alice.Send(http.MethodPost, url+"/login/alice")
		visit := alice.Send(http.MethodGet, url+"/me")
		kept(entered, "RememberMe leaves one of them out")
		require.Equal(t, "alice", visit.Body, "wanted: Alice is logged in\nlikely cause: Me does not answer with the user in the session")

		for week := 4; week <= 52; week += 4 {
			t.Logf("week %d", week)
			now.Add(4*7*24*time.Hour - time.Minute)
			visit = alice.Send(http.MethodGet, url+"/me")
			require.Equal(t, "alice", visit.Body,
				"wanted: Alice is still logged in, because she was here four weeks ago\nlikely cause: MaxAge counts from the last time that something was saved, not from the last visit; Save without a change saves nothing")
		}

		t.Log("31 days without a visit")
		now.Add(31 * 24 * time.Hour)
		require.Equal(t, http.StatusUnauthorized, alice.Send(http.MethodGet, url+"/me").Status,
			"wanted: Alice is logged out; memcached keeps nothing that long\nlikely cause: something else than the session says who she is")
		require.Equal(t, http.StatusUnauthorized, bob.Send(http.MethodGet, url+"/me").Status,
			"wanted: Bob, who never logged in, is not logged in\nlikely cause: something else than the session says who he is")
		require.Empty(t, bob.Cookies(url),
			"wanted: no session for Bob, who never logged in\nlikely cause: the session is saved before you know that there is a user")
		kept(visit, "a session's own options are not added to the store's, they replace them all")

		t.Log("a memcached that cannot save")
		alice.Send(http.MethodPost, url+"/login/alice")
		visit = alice.Send(http.MethodGet, full+"/me")
		require.GreaterOrEqual(t, visit.Status, 500, "wanted: an error, because the 30 days have not started again\nlikely cause: nobody looked at the error of Save")
		require.NotContains(t, visit.Body, "alice", "wanted: an error, and nothing else\nlikely cause: Me goes on after the error, because a return is missing")
	})
}

func TestExercise5_2(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		const hour, shift, week = 60 * 60, 8 * 60 * 60, 7 * 24 * 60 * 60
		ctx := context.WithValue(context.Background(), fromTheTest, true)

		servers := map[string]string{"a stand-in": newStandIn(t).uri}
		if uri := os.Getenv("MONGO_URI"); uri != "" {
			servers["your MongoDB"] = uri
		}
		for server, uri := range servers {
			t.Log("the first start, with", server)
			coll := sessionsAt(t, uri)
			require.NoError(t, EnsureLifetime(ctx, coll, shift),
				"wanted: a new index\nlikely cause: it is an error here that there is no index or no collection yet")
			require.Equal(t, []int{shift}, lifetimes(t, coll), "wanted: one index of modified, for 8 hours\nlikely cause: it was not created, or with another lifetime")
			_, err := coll.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "user", Value: 1}}}) // of somebody else
			require.NoError(t, err)
			session := bson.D{{Key: "_id", Value: "ID"}, {Key: "modified", Value: time.Now()}}
			insert := bson.D{{Key: "insert", Value: coll.Name()}, {Key: "documents", Value: bson.A{session}}}
			require.NoError(t, coll.Database().RunCommand(ctx, insert).Err())

			t.Log("a restart")
			require.NoError(t, EnsureLifetime(ctx, coll, shift),
				"wanted: no error, because nothing is to do\nlikely cause: it is an error here that the index exists")
			require.Equal(t, []int{shift}, lifetimes(t, coll), "wanted: the same index\nlikely cause: it was dropped, and not created again")

			for _, seconds := range []int32{hour, week} {
				t.Logf("a release with a lifetime of %d seconds", seconds)
				before := lifetimes(t, coll)
				if err := EnsureLifetime(ctx, coll, seconds); err != nil {
					cause := "what was sent to change the index is not what MongoDB wants; the error says why"
					if strings.Contains(err.Error(), "IndexOptionsConflict") {
						cause = "CreateOne makes an index, and never changes one; nothing else was tried when its error was this one"
					}
					require.NoError(t, err, "wanted: the index changes\nlikely cause: %s", cause)
				}
				got := lifetimes(t, coll)
				cause := "it is for a number of seconds that is not the argument"
				switch {
				case len(got) > 1:
					cause = "there is a second index now, and the old one is still there"
				case slices.Equal(got, before):
					cause = "the old index is still there; to drop the error does not change it"
				}
				require.Equal(t, []int{int(seconds)}, got, "wanted: one index of modified, for the new lifetime\nlikely cause: %s", cause)
				count, err := coll.EstimatedDocumentCount(ctx)
				require.NoError(t, err)
				require.EqualValues(t, 1, count, "wanted: the session is still there\nlikely cause: Drop takes the sessions along with the index")
				require.True(t, hasIndexOf(t, coll, "user"), "wanted: the index of another field is still there\nlikely cause: all indexes were dropped, and not only the one of modified")
			}
		}

		// A user of this kind on a real MongoDB would be much to ask for.
		t.Log("a server whose user may not create indexes")
		server := newStandIn(t)
		server.refuse("createIndexes")
		coll := sessionsAt(t, server.uri)
		require.ErrorContains(t, EnsureLifetime(ctx, coll, week), "not authorized",
			"wanted: what MongoDB said to createIndexes\nlikely cause: every error was taken for a conflict, and what came after it hid the first one")

		t.Log("a server whose user may not change indexes")
		server.refuse()
		require.NoError(t, EnsureLifetime(ctx, coll, hour))
		server.refuse("collMod", "drop", "dropIndexes")
		require.ErrorContains(t, EnsureLifetime(ctx, coll, week), "not authorized",
			"wanted: what MongoDB said\nlikely cause: what should have changed the index was refused, and nobody looked at that error")
	})
}

func TestExercise5_3(t *testing.T) {
	sessiontest.Exercise(t, func(t *testing.T) {
		store := newStore(t, clock.New())
		store.Options(sessiontest.Options())
		app := sessiontest.ServeExercise(t, func(r *gin.Engine) { Shop(r, store) })
		full := sessiontest.ServeExercise(t, func(r *gin.Engine) { Shop(r, sessiontest.CannotSave(store)) })
		alice, bob, thief := sessiontest.NewBrowser(t, "Alice"), sessiontest.NewBrowser(t, "Bob"), sessiontest.NewBrowser(t, "the thief")
		const panics = "wanted: no error\nlikely cause: the session is nil, or of another kind, and that panics: SessionsMany goes with DefaultMany, and a name has to be one of its names"
		post := func(b *sessiontest.Browser, path string) {
			require.Less(t, b.Send(http.MethodPost, app+path).Status, 400, panics)
		}
		// page returns what the shop knows of a visitor.
		page := func(b *sessiontest.Browser) (cart []string, user string) {
			got := b.Send(http.MethodGet, app+"/")
			require.Less(t, got.Status, 400, panics)
			known := struct {
				Cart *[]string
				User *string
			}{&cart, &user}
			require.NoError(t, json.Unmarshal([]byte(got.Body), &known), "wanted: the cart and the user in JSON\nlikely cause: this page has another form than before")
			return cart, user
		}

		post(alice, "/cart/tea")
		post(alice, "/cart/milk")
		post(alice, "/login/alice")
		cart, user := page(alice)
		require.Equal(t, []string{"tea", "milk"}, cart, "wanted: both items on the page\nlikely cause: this page, or the second item, does not get the session with the cart")
		require.Equal(t, "alice", user, "wanted: the user on the page\nlikely cause: this page does not get the session with the user")
		cart, user = page(bob)
		require.Empty(t, cart, "wanted: an empty cart for Bob\nlikely cause: a variable that all visitors share")
		require.Empty(t, user, "wanted: no user for Bob\nlikely cause: a variable that all visitors share")

		t.Log("the thief copies Alice's cookies")
		u, err := url.Parse(app)
		require.NoError(t, err)
		copied := alice.Cookies(app)
		thief.Client.Jar.SetCookies(u, copied)
		request, err := http.NewRequest(http.MethodGet, app, nil)
		require.NoError(t, err)
		var names []string
		for _, cookie := range copied {
			names = append(names, cookie.Name)
			request.AddCookie(cookie)
			session, err := store.New(request, cookie.Name)
			require.NoError(t, err, "wanted: the cookie %s is signed, and leads to a session in the store\nlikely cause: it is a cookie of your own, which every visitor can write as he likes", cookie.Name)
			require.False(t, session.IsNew, "wanted: the session %s is in the store\nlikely cause: it was not saved there", cookie.Name)
		}

		post(alice, "/logout")
		cart, user = page(alice)
		require.Empty(t, user, "wanted: no user after the logout\nlikely cause: the logout did not end the session with the user")
		cause := "both are in one session, which the logout ends: of two sessions.Sessions only the last one counts"
		if len(copied) > 1 {
			cause = "the logout ends the session with the cart, too"
		}
		require.Equal(t, []string{"tea", "milk"}, cart, "wanted: the cart after the logout\nlikely cause: %s", cause)
		require.ElementsMatch(t, []string{"cart", "login"}, names, "wanted: a cookie each\nlikely cause: both are in one session, or their names are not those")
		_, user = page(thief)
		require.Empty(t, user, "wanted: the copied cookies know no user\nlikely cause: the logout took the cookie from Alice's browser, and left the session in the store")
		post(alice, "/login/alice")
		_, user = page(thief)
		require.Empty(t, user,
			"wanted: the copied cookies know no user, also when Alice logs in again\nlikely cause: the logout took out the user, and left the session and its ID, under which Alice is now logged in again; MaxAge -1 ends both")

		t.Log("a store that cannot save")
		for _, path := range []string{"/cart/tea", "/login/alice", "/logout"} {
			require.GreaterOrEqual(t, alice.Send(http.MethodPost, full+path).Status, 500, "wanted: an error\nlikely cause: nobody looked at the error of Save")
		}
	})
}
