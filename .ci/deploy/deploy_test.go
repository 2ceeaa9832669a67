// Package deploy runs what is in 03-redis-store/login/deploy, without Docker: its nginx.conf
// in a real nginx, in front of two instances of the login and a real redis-server with the
// options of its compose.yml. Only ports and paths are filled in.
package deploy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/goccy/go-yaml"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, nil) }

const folder = "../../03-redis-store/login"

// compose is what these tests need of compose.yml.
type compose struct {
	Services map[string]struct {
		Command     any
		Environment map[string]string
		Networks    any
		Ports       []string
	}
}

func readCompose(t *testing.T) (c compose) {
	t.Helper()
	text, err := os.ReadFile(folder + "/deploy/compose.yml")
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalWithOptions(text, &c, yaml.AllowDuplicateMapKey()))
	return c
}

func TestOnlyNginxIsPublishedAndTheLoginTrustsIt(t *testing.T) {
	c := readCompose(t)
	var published []string
	for name, service := range c.Services {
		if len(service.Ports) > 0 {
			published = append(published, name)
		}
	}
	assert.Equal(t, []string{"nginx"}, published)
	for _, name := range []string{"login1", "login2"} {
		proxy := c.Services[name].Environment["TRUSTED_PROXIES"]
		require.NotEmpty(t, proxy)
		assert.Contains(t, fmt.Sprint(c.Services["nginx"].Networks), "ipv4_address:"+proxy+"]", "wanted: %s trusts nginx's address", name)
	}
}

// deployed is nginx, two instances and Redis.
type deployed struct {
	t         *testing.T
	dir       string
	program   string
	instances [2]*process
	redis     *process
	redisAddr string
	https     string // the URL of the site
	http      string // host:port
	roots     *x509.CertPool
}

// process is one of them, which can be started again at the same address.
type process struct {
	name, addr string
	command    func() *exec.Cmd
	log        string // a file
	running    *exec.Cmd
	ready      func() bool
}

func (p *process) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	defer log.Close()
	p.running = p.command()
	p.running.Stdout, p.running.Stderr = log, log
	require.NoError(t, p.running.Start())
	require.Eventually(t, p.ready, time.Minute, 10*time.Millisecond, "%s does not answer:\n%s", p.name, p.text())
}

// stop sends a signal, and returns what the process ended with.
func (p *process) stop(t *testing.T, signal os.Signal) error {
	t.Helper()
	require.NoError(t, p.running.Process.Signal(signal))
	err := p.running.Wait()
	p.running = nil
	return err
}

func (p *process) text() string {
	text, _ := os.ReadFile(p.log) // none: nothing was printed
	return string(text)
}

// deploy starts all of it, until the test ends.
func deploy(t *testing.T) *deployed {
	t.Helper()
	c := readCompose(t)
	d := &deployed{t: t, dir: t.TempDir(), program: sessiontest.Build(t, folder), redisAddr: sessiontest.FreeAddr()}
	start := func(name, addr string, command func() *exec.Cmd, ready func() bool) *process {
		p := &process{name: name, addr: addr, command: command, log: filepath.Join(d.dir, name+".log"), ready: ready}
		t.Cleanup(func() {
			if p.running != nil {
				assert.NoError(t, p.stop(t, syscall.SIGTERM), "%s:\n%s", name, p.text())
			}
		})
		p.start(t)
		return p
	}

	// The secret and the certificate are made by compose.yml's own lines.
	setup := c.Services["setup"].Command.([]any)[0].(string)
	setup = d.fill(setup, "/run/secret/", d.dir+"/", "/etc/nginx/tls/", d.dir+"/", "chown 65532", "true") // who needs no root
	output, err := exec.Command("sh", "-euc", setup).CombinedOutput()
	require.NoError(t, err, string(output))
	certificate, err := os.ReadFile(filepath.Join(d.dir, "tls.crt"))
	require.NoError(t, err)
	d.roots = x509.NewCertPool()
	require.True(t, d.roots.AppendCertsFromPEM(certificate))

	host, port, err := net.SplitHostPort(d.redisAddr)
	require.NoError(t, err)
	words := append(strings.Fields(c.Services["redis"].Command.(string)), "--bind", host, "--port", port, "--dir", d.dir)
	d.redis = start("redis", d.redisAddr, func() *exec.Cmd { return exec.Command(words[0], words[1:]...) }, func() bool {
		_, err := d.inRedis("PING")
		return err == nil
	})

	for i := range d.instances {
		name := fmt.Sprintf("login%d", i+1)
		addr := sessiontest.FreeAddr()
		env := append(os.Environ(), "ADDR="+addr, "GIN_MODE=release", "SESSION_SECRET=")
		for key, value := range c.Services[name].Environment {
			env = append(env, key+"="+strings.NewReplacer("redis:6379", d.redisAddr, "/run/secret", d.dir, "172.30.0.10", "127.0.0.1").Replace(value))
		}
		command := func(args ...string) *exec.Cmd {
			command := exec.Command(d.program, args...)
			command.Env = env
			return command
		}
		d.instances[i] = start(name, addr, func() *exec.Cmd { return command() }, func() bool { return command("-health").Run() == nil })
	}

	conf, err := os.ReadFile(folder + "/deploy/nginx.conf")
	require.NoError(t, err)
	d.http = sessiontest.FreeAddr()
	https := sessiontest.FreeAddr()
	d.https = "https://" + https
	temp := "http {\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, d.dir, kind)
	}
	filled := d.fill(string(conf), "listen 80;", "listen "+d.http+";", "listen 443 ssl;", "listen "+https+" ssl;",
		"/etc/nginx/tls/", d.dir+"/", "/var/log/nginx/", d.dir+"/",
		"login1:8000", d.instances[0].addr, "login2:8000", d.instances[1].addr, "http {\n", temp)
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, "nginx.conf"), []byte(filled), 0o644))
	nginx := func(args ...string) *exec.Cmd {
		main := fmt.Sprintf("daemon off; pid %s/nginx.pid; error_log stderr;", d.dir)
		return exec.Command("nginx", append(args, "-p", d.dir, "-c", d.dir+"/nginx.conf", "-g", main)...)
	}
	output, err = nginx("-t").CombinedOutput()
	require.NoError(t, err, string(output))
	require.NotContains(t, string(output), "[warn]")
	start("nginx", https, func() *exec.Cmd { return nginx() }, func() bool {
		connection, err := net.Dial("tcp", https)
		if err == nil {
			connection.Close()
		}
		return err == nil
	})
	return d
}

// fill replaces each old text, which has to be there, with a new one.
func (d *deployed) fill(text string, oldNew ...string) string {
	d.t.Helper()
	for i := 0; i < len(oldNew); i += 2 {
		require.Contains(d.t, text, oldNew[i])
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	return text
}

func (d *deployed) inRedis(command string, args ...any) (any, error) {
	connection, err := redigo.Dial("tcp", d.redisAddr)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	return connection.Do(command, args...)
}

// visitor returns a browser that trusts the certificate, shows redirects, and calls from
// this address of this computer.
func (d *deployed) visitor(name, address string) *sessiontest.Browser {
	d.t.Helper()
	browser := sessiontest.NewBrowser(d.t, name)
	browser.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: d.roots},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
	}
	d.t.Cleanup(transport.CloseIdleConnections)
	browser.Client.Transport = transport
	return browser
}

const password = "correct horse"

func (d *deployed) signUp(browser *sessiontest.Browser, name string) sessiontest.Answer {
	d.t.Helper()
	got := browser.Post(d.https+"/signup", "name", name, "password", password)
	require.Equal(d.t, http.StatusSeeOther, got.Status, got.Body)
	return got
}

func welcome(name string) string { return "You are logged in as <b>" + name + "</b>" }

func TestHTTPSAndTheHostCookie(t *testing.T) {
	d := deploy(t)
	alice := d.visitor("Alice", "127.0.0.1")
	for _, path := range []string{"/", "/account?tab=2"} {
		got := alice.Send(http.MethodGet, "http://"+d.http+path)
		assert.Equal(t, http.StatusPermanentRedirect, got.Status)
		assert.Equal(t, "https://127.0.0.1"+path, got.Header.Get("Location"))
	}
	got := d.signUp(alice, "alice")
	require.Len(t, got.Cookies, 1)
	cookie := got.Cookies[0]
	assert.Equal(t, "__Host-mysession", cookie.Name)
	assert.True(t, cookie.Secure && cookie.HttpOnly && cookie.Path == "/" && cookie.Domain == "", "wanted: what __Host- asks for, not %s", cookie)

	request, err := http.NewRequest(http.MethodPost, d.https+"/logout", nil)
	require.NoError(t, err)
	request.Header.Set("Origin", d.https) // an old browser, without Sec-Fetch-Site
	assert.Equal(t, http.StatusSeeOther, alice.Do(request).Status, "wanted: a Host that the Origin can be compared with")
	assert.Equal(t, "no-store", alice.Send(http.MethodGet, d.https+"/").Header.Get("Cache-Control"))
}

func TestTheAddressIsTheVisitorsAndAForgedHeaderIsNotBelieved(t *testing.T) {
	d := deploy(t)
	mallory := d.visitor("Mallory", "127.0.0.2")
	for i := range 4 {
		request, err := http.NewRequest(http.MethodPost, d.https+"/login", strings.NewReader(url.Values{"name": {"alice"}, "password": {"a guess"}}.Encode()))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, name := range []string{"X-Forwarded-For", "X-Real-IP"} {
			request.Header.Set(name, fmt.Sprintf("203.0.113.%d", i))
		}
		require.Equal(t, http.StatusUnauthorized, mallory.Do(request).Status)
	}
	keys, err := redigo.Strings(d.inRedis("KEYS", "failed:from:*"))
	require.NoError(t, err)
	assert.Equal(t, []string{"failed:from:127.0.0.2"}, keys, "wanted: one limit for all tries of one visitor")
	for _, instance := range d.instances {
		require.Eventually(t, func() bool {
			return strings.Contains(instance.text(), `127.0.0.2 | POST     "/login"`)
		}, time.Minute, 10*time.Millisecond, "wanted: the visitor's address in the log of each instance\n%s", instance.text())
		assert.NotContains(t, instance.text(), "203.0.113")
	}
}

func TestTheInstancesShareTheSessions(t *testing.T) {
	d := deploy(t)
	alice := d.visitor("Alice", "127.0.0.2")
	d.signUp(alice, "alice")
	for range 10 {
		assert.Contains(t, alice.Get(d.https+"/account"), welcome("alice"))
	}
	for _, instance := range d.instances {
		assert.Regexp(t, `127\.0\.0\.2 \| GET +"/account"`, instance.text(), "wanted: %s answers, too", instance.name)
	}
}

// clicking is what many visitors do at once, until they are stopped.
type clicking struct {
	d       *deployed
	many    int
	stopped chan struct{}
	done    sync.WaitGroup

	mu       sync.Mutex
	redis    string // up, down, or changing
	changes  int    // how often that has changed
	counts   map[string]int
	problems []string
}

// keepClicking lets visitors look at their accounts again and again, and send forms.
func (d *deployed) keepClicking(visitors map[string]*sessiontest.Browser) *clicking {
	c := &clicking{d: d, many: len(visitors), stopped: make(chan struct{}), redis: "up", counts: map[string]int{}}
	for name, browser := range visitors {
		c.done.Go(func() {
			for i := 1; ; i++ {
				if i%10 == 0 {
					c.click(name, http.MethodPost, func() (*http.Response, error) {
						return browser.Client.PostForm(d.https+"/sessions/end", url.Values{"id": {"none"}})
					})
				} else {
					c.click(name, http.MethodGet, func() (*http.Response, error) { return browser.Client.Get(d.https + "/account") })
				}
				select {
				case <-c.stopped:
					return
				case <-time.After(150 * time.Millisecond): // or they would take all the cores
				}
			}
		})
	}
	d.t.Cleanup(c.stop)
	return c
}

func (c *clicking) stop() {
	select {
	case <-c.stopped:
	default:
		close(c.stopped)
	}
	c.done.Wait()
}

// click sends one request, and counts what comes of it.
func (c *clicking) click(name, method string, send func() (*http.Response, error)) {
	c.mu.Lock()
	redis, changes := c.redis, c.changes
	c.mu.Unlock()
	got, body := 0, ""
	response, err := send()
	if err == nil {
		var text []byte
		text, err = io.ReadAll(response.Body)
		response.Body.Close()
		got, body = response.StatusCode, string(text)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if changes != c.changes {
		redis = "changing"
	}
	kind := "failed"
	switch {
	case err != nil:
	case got == http.StatusServiceUnavailable && redis != "up":
		kind = "503"
	case got == http.StatusSeeOther && response.Header.Get("Location") == "/login?next=%2Faccount":
		kind = "logged out"
	case redis == "down":
	case method == http.MethodGet && got == http.StatusOK && strings.Contains(body, welcome(name)),
		method == http.MethodPost && got == http.StatusSeeOther && response.Header.Get("Location") == "/account":
		kind = "answered"
	case method == http.MethodPost && got == http.StatusBadGateway:
		kind = "lost forms" // it had reached an instance's port at the moment when that closed
	}
	c.counts["sent"]++
	c.counts[kind]++
	if kind == "failed" || kind == "logged out" {
		c.problems = append(c.problems, fmt.Sprintf("%s, %s: %d %v, Redis: %s", name, method, got, err, redis))
	}
}

// redisIs says what is known of Redis from now on.
func (c *clicking) redisIs(state string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.redis = state
	c.changes++
}

// more waits until so many more requests have ended in this way, or one has failed.
func (c *clicking) more(kind string, many int) {
	c.d.t.Helper()
	read := func() (count, bad int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.counts[kind], len(c.problems)
	}
	before, _ := read()
	require.Eventually(c.d.t, func() bool {
		count, bad := read()
		return count >= before+many || bad > 0
	}, time.Minute, 10*time.Millisecond, "wanted: %d more requests of the kind %q", many, kind)
	if _, bad := read(); bad > 0 {
		c.stop()
		c.report("at the first failure")
		c.d.t.FailNow()
	}
}

// report says what became of the requests since the last report, and wants none to have failed.
func (c *clicking) report(what string) {
	c.d.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Printf("%s: requests sent: %d, failed: %d, logged out: %d; answered 503: %d; forms lost in a closing port: %d\n",
		what, c.counts["sent"], c.counts["failed"], c.counts["logged out"], c.counts["503"], c.counts["lost forms"])
	assert.Zero(c.d.t, c.counts["failed"]+c.counts["logged out"], "%s: %s", what, strings.Join(c.problems, "\n"))
	clear(c.counts)
	c.problems = nil
}

// signedUp returns so many visitors who have signed up, by their names. One by one: each
// takes bcrypt a while, and the programs give Redis a second.
func (d *deployed) signedUp(prefix string, many int) map[string]*sessiontest.Browser {
	visitors := map[string]*sessiontest.Browser{}
	for i := range many {
		name := fmt.Sprintf("%s-%d", prefix, i)
		visitors[name] = d.visitor(name, "127.0.0.1")
		d.signUp(visitors[name], name)
	}
	return visitors
}

// roll restarts one instance after the other, as a deploy does, and lets every visitor
// click before, between and after.
func (d *deployed) roll(c *clicking) {
	d.t.Helper()
	for _, instance := range d.instances {
		c.more("answered", 2*c.many)
		require.NoError(d.t, instance.stop(d.t, syscall.SIGTERM), "wanted: exit status 0 from %s", instance.name)
		c.more("answered", 2*c.many)
		instance.start(d.t)
	}
	c.more("answered", 2*c.many)
}

func TestNobodyNoticesARollingRestartOrIsLoggedOutByAnOutage(t *testing.T) {
	d := deploy(t)
	visitors := d.signedUp("visitor", 50)
	c := d.keepClicking(visitors)

	d.roll(c)
	c.report("rolling restart")

	// A kill -9: what is not in its file is lost.
	c.redisIs("changing")
	require.Error(t, d.redis.stop(t, syscall.SIGKILL))
	c.redisIs("down")
	c.more("503", 300) // also so many that the programs have no dead connections left
	c.redisIs("changing")
	d.redis.start(t)
	c.more("answered", 50)
	c.redisIs("up")
	c.more("answered", 300)
	c.stop()
	c.report("Redis killed and started again")
	for name, browser := range visitors {
		assert.Contains(t, browser.Get(d.https+"/account"), welcome(name), "wanted: nothing is lost")
	}
}

func TestTheSecretIsChangedAndNobodyIsLoggedOut(t *testing.T) {
	d := deploy(t)
	page, err := os.ReadFile(folder + "/deploy/README.md")
	require.NoError(t, err)
	steps := regexp.MustCompile(`docker compose run --rm setup '(.*)'`).FindAllStringSubmatch(string(page), -1)
	require.Len(t, steps, 3, "wanted: the three steps of the page")
	file := filepath.Join(d.dir, "session")
	require.NoError(t, os.Chmod(file, 0o600)) // the page's commands are root's
	step := func(i int) (secrets []string) {
		output, err := exec.Command("sh", "-euc", d.fill(steps[i][1], "/run/secret/", d.dir+"/")).CombinedOutput()
		require.NoError(t, err, string(output))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return strings.Fields(string(text))
	}

	early := d.signedUp("early", 5)
	c := d.keepClicking(early)
	both := step(0)
	require.Len(t, both, 2)
	d.roll(c)
	require.Equal(t, []string{both[1], both[0]}, step(1), "wanted: the new one first")
	d.roll(c)
	c.stop()
	c.report("changed secret, with both")

	late := d.signedUp("late", 5)
	require.Equal(t, both[1:], step(2), "wanted: only the new one")
	c = d.keepClicking(late)
	d.roll(c)
	c.stop()
	c.report("changed secret, without the old one")
	for name, browser := range early {
		assert.Equal(t, http.StatusSeeOther, browser.Send(http.MethodGet, d.https+"/account").Status, "wanted: %s logs in again, whose cookie is signed with the old secret", name)
	}
}

func TestAFormIsDoneOnceWhileAnInstanceIsAway(t *testing.T) {
	d := deploy(t)
	alice := d.visitor("Alice", "127.0.0.1")
	d.signUp(alice, "alice")
	for _, instance := range d.instances {
		require.NoError(t, instance.stop(t, syscall.SIGTERM))
		logins, err := redigo.Int(d.inRedis("HLEN", "logins:alice"))
		require.NoError(t, err)
		for range 4 {
			other := d.visitor("Alice's other device", "127.0.0.1")
			require.Equal(t, http.StatusSeeOther, other.Post(d.https+"/login", "name", "alice", "password", password).Status)
		}
		got, err := redigo.Int(d.inRedis("HLEN", "logins:alice"))
		require.NoError(t, err)
		assert.Equal(t, logins+4, got, "wanted: each login once")
		instance.start(t)
	}
}
