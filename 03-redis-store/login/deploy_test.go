package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gin-sessions-tutorial/01-install/servers/redisserver"
	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/gin-contrib/sessions/redis"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the program has for its deployment. .ci/deploy runs it behind a real nginx.

func TestAForwardedAddressIsBelievedFromATrustedProxyOnly(t *testing.T) {
	for proxies, believed := range map[string]bool{
		"":                          false,
		"192.0.2.1":                 false,
		"0.0.0.0/0":                 true, // which lets everybody choose an address
		"192.0.2.1, 10.0.0.0/8,::1": true,
	} {
		t.Setenv("TRUSTED_PROXIES", proxies)
		site := start(t, redisserver.Addr(t)) // whose requests come from 10.…
		_, name := newVisitor(t, "Mallory")
		request, err := http.NewRequest(http.MethodPost, site.url+"/login", strings.NewReader("password=a+guess&name="+name))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("X-Forwarded-For", "203.0.113.1")
		mallory := sessiontest.NewBrowser(t, "Mallory")
		require.Equal(t, http.StatusUnauthorized, mallory.Do(request).Status)

		counted, err := redigo.Bool(site.redis(t, "EXISTS", "failed:from:"+site.ip))
		require.NoError(t, err)
		assert.Equal(t, !believed, counted, "wanted: the try counted for %s with TRUSTED_PROXIES=%q", site.ip, proxies)
	}
}

func TestBadSettingsEndTheProgram(t *testing.T) {
	short := filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.WriteFile(short, []byte(strings.Repeat("s", 32)+"\nshort\n"), 0o600))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for setting, words := range map[string]string{
		"TRUSTED_PROXIES=nginx":           "TRUSTED_PROXIES has addresses or networks, like 192.0.2.1,10.0.0.0/8: invalid IP address: nginx",
		"TRUSTED_PROXIES=10.0.0.0/33":     "invalid CIDR address: 10.0.0.0/33",
		"SESSION_SECRET_FILE=/none/of/it": "SESSION_SECRET_FILE: open /none/of/it: ",
		"SESSION_SECRET_FILE=" + short:    "SESSION_SECRET_FILE: a line of " + short + " has 5 bytes",
		"SESSION_SECRET_FILE=" + empty:    "SESSION_SECRET_FILE: a line of " + empty + " has 0 bytes",
	} {
		status, output := sessiontest.Run(t, []string{"REDIS_ADDR=" + redisserver.Addr(t), "ADDR=" + sessiontest.FreeAddr(), setting})
		assert.Equal(t, 1, status, setting)
		assert.Contains(t, output, words)
	}
}

func TestASecretIsChangedInThreeSteps(t *testing.T) {
	addr := redisserver.Addr(t)
	file := filepath.Join(t.TempDir(), "session")
	t.Setenv("SESSION_SECRET_FILE", file)
	oldSecret, newSecret := strings.Repeat("old ", 8)+"!", strings.Repeat("new ", 8)+"!"
	// deploy starts the program with these lines in the file.
	deploy := func(lines string) *running {
		require.NoError(t, os.WriteFile(file, []byte(lines), 0o600))
		secrets, err := sessionSecrets()
		require.NoError(t, err)
		site := start(t, addr)
		site.store, err = redis.NewStoreWithPool(site.accounts.pool, secrets...)
		require.NoError(t, err)
		site.url = sessiontest.Serve(t, site.router())
		return site
	}
	// Two of these run side by side while the instances are restarted.
	steps := []*running{deploy(oldSecret), deploy(oldSecret + "\r\n" + newSecret + "\r\n"), deploy(newSecret + "\n" + oldSecret + "\n"), deploy(newSecret)}
	var names [4]string
	var cookies [4]string
	for i, site := range steps {
		var visitor *sessiontest.Browser
		visitor, names[i] = site.signedUp(t, "Visitor")
		cookies[i] = visitor.CookieValue(site.url)
	}
	for made, cookie := range cookies {
		for asked, site := range steps {
			visitor, _ := newVisitor(t, "the same visitor")
			visitor.SetCookie(site.url, cookie)
			if asked == 0 && made >= 2 || asked == 3 && made <= 1 { // and these two never run side by side
				site.wantOut(t, visitor, "a secret that is not in the file is accepted")
			} else {
				site.wantIn(t, visitor, names[made])
			}
		}
	}
}

func TestHealthAsksTheProgram(t *testing.T) {
	url := sessiontest.Start(t, []string{"REDIS_ADDR=" + redisserver.Addr(t), "GIN_MODE=debug"})
	status, output := sessiontest.Run(t, []string{"ADDR=" + strings.TrimPrefix(url, "http://")}, "-health")
	assert.Zero(t, status, output)
	status, output = sessiontest.Run(t, []string{"ADDR=" + sessiontest.FreeAddr()}, "-health")
	assert.Equal(t, 1, status)
	assert.Contains(t, output, "dial tcp")
	other := sessiontest.Serve(t, http.NotFoundHandler())
	status, output = sessiontest.Run(t, []string{"ADDR=" + strings.TrimPrefix(other, "http://")}, "-health")
	assert.Equal(t, 1, status, "wanted: unhealthy, because another program listens there")
	assert.Contains(t, output, "404")
}
