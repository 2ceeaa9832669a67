package ci

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gin-sessions-tutorial/01-install/sessiontest"
)

// shell is the session that the console blocks of one page show. It runs on free
// ports; the page shows the usual ones.
type shell struct {
	t          *testing.T
	ctx        context.Context // ends the processes in time
	page       *page
	bin        string                        // the programs
	dir        string                        // where curl keeps its cookie jars
	real       map[string]string             // the real address for one that the page shows
	shown      []string                      // pairs of what is printed and what the page shows
	programs   map[string]*process           // the last one for each ADDR
	started    []*process                    // all, in this order
	serves     map[string]bool               // servers that were started for a program
	proxies    map[string]*sessiontest.Proxy // in front of each server, by its name in docker-compose.yml
	hasServers bool                          // the page has started some itself
	broken     bool                          // a program did not start: the rest would fail, too
}

// untilCtrlC ends the programs when Ctrl-C ends the test. Without it they might
// not hear a transcript's ^C: what runs in the background is deaf to it.
var untilCtrlC, _ = signal.NotifyContext(context.Background(), os.Interrupt)

// runTranscripts returns where a page shows something else than its commands
// print. It leaves no process behind.
func runTranscripts(t *testing.T, p *page, bin string) []string {
	ctx := untilCtrlC
	if deadline, ok := t.Deadline(); ok { // at which go test would kill this process, but not its children
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-10*time.Second))
		defer cancel()
	}
	s := &shell{t: t, ctx: ctx, page: p, bin: bin, dir: t.TempDir(),
		real: map[string]string{}, programs: map[string]*process{}, serves: map[string]bool{},
		proxies: map[string]*sessiontest.Proxy{}}
	defer func() {
		for _, program := range s.started {
			program.stop()
		}
	}()
	for _, b := range p.consoles() {
		s.runBlock(p.steps(b))
	}
	return p.problems
}

// runBlock runs what one terminal shows. Below a program that goes on running,
// there can be nothing but the ^C that stops it.
func (s *shell) runBlock(steps []step) {
	busy := ""
	for _, st := range steps {
		if s.broken {
			return
		}
		if busy != "" && !strings.HasPrefix(st.command, "^C") {
			s.page.problem(st.line-1, "%s is still running in this terminal: show another one in a block of its own", busy)
		}
		busy = ""
		s.run(st)
		if last := len(s.started) - 1; goRun.MatchString(st.command) && last >= 0 && !s.started[last].hasExited() {
			busy = st.command
		}
	}
}

var (
	goRun     = regexp.MustCompile(`^((?:[A-Z_]+=(?:"[^"]*"|'[^']*'|\$\([^)]*\)|[^\s"'])* +)*)go run \./(\S+)(.*)$`)
	outage    = regexp.MustCompile(`^docker compose (stop|start) (\w+)$`)
	onlyShown = regexp.MustCompile(`^(docker compose up|git clone|cd|go test|go get|export|redis-cli|mongosh)\b`)
)

func (s *shell) run(st step) {
	match, lost := goRun.FindStringSubmatch(st.command), outage.FindStringSubmatch(st.command)
	switch {
	case match != nil && match[2] == "01-install/servers":
		s.hasServers = true
		s.page.compare(st, s.startServers(match[3]))
	case match != nil && (slices.Contains(chapters, match[2]) || match[2] == pool || match[2] == login):
		s.runChapter(st, match[1], match[2], match[3])
	case match != nil && match[2] == inspect:
		s.page.compare(st, s.runInspect(match[1], match[3]))
	case strings.HasPrefix(st.command, "curl "), strings.HasPrefix(st.command, "tail "): // of a cookie jar
		s.runCurl(st)
	case strings.HasPrefix(st.command, "^C"):
		s.interrupt(st)
	case lost != nil && s.proxies[lost[2]] != nil:
		if lost[1] == "stop" {
			s.proxies[lost[2]].Cut()
		} else {
			s.proxies[lost[2]].Restore()
		}
	case !onlyShown.MatchString(st.command):
		s.page.problem(st.line-1, "transcripts cannot run this command: %s", st.command)
	}
}

var (
	addressInURL = regexp.MustCompile(`https?://([^/\s'"]+)`)
	addrVariable = regexp.MustCompile(`(?:^| )ADDR=\S*(:\d+)`)
	exitStatus   = regexp.MustCompile(`^exit status \d+$`)
)

// runCurl lets curl ignore the machine's proxy and .curlrc.
func (s *shell) runCurl(st step) {
	own := s.page.chapter()
	if len(s.programs) == 0 && slices.Contains(chapters[1:], own) { // its reader has started it
		s.runChapter(step{command: "go run ./" + own, line: st.line}, "", own, "")
	}
	for _, address := range addressInURL.FindAllStringSubmatch(st.command, -1) {
		if s.real[address[1]] == "" {
			s.page.problem(st.line-1, "no program of this page listens on %s", address[1])
			return
		}
	}
	script := `curl() { command curl -q -sS --max-time 60 --noproxy '*' "$@"; }; ` + s.toReal(st.command)
	command := exec.CommandContext(s.ctx, "sh", "-c", script)
	command.Dir = s.dir
	command.WaitDelay = time.Second       // should a killed shell leave curl behind
	output, _ := command.CombinedOutput() // a failure shows in it
	s.page.compare(st, s.toShown(string(output)))
}

// runChapter runs the program of a chapter: to its end, if the page shows
// one, or until it answers. Then it is left running, instead of the one before.
func (s *shell) runChapter(st step, assignments, folder, flags string) {
	addr, shown := ":8000", "localhost:8000"
	if match := addrVariable.FindStringSubmatch(assignments); match != nil {
		addr, shown, assignments = match[1], strings.TrimSpace(match[0])[len("ADDR="):], addrVariable.ReplaceAllString(assignments, " ")
	}
	ends := folder == "01-install" || slices.ContainsFunc(st.output, exitStatus.MatchString)
	if before := s.programs[addr]; before != nil && !ends {
		before.stop()
	}
	p, free := s.startOnFreePort(addr, shown, assignments, folder, flags)
	output := s.toShown(p.text())
	switch {
	case ends != p.hasExited():
		s.broken = true
		s.page.problem(st.line-1, "%s should have ended: %t; it did: %t; it prints\n%s", st.command, ends, p.hasExited(), strings.Join(output, "\n"))
	case ends:
		s.page.compare(st, output)
	default:
		s.programs[addr], s.real["localhost"+addr] = p, free
		s.page.checkShown(st, output)
	}
}

// runInspect returns what the inspector prints in the folder of the cookie jars. It
// looks only into the servers that its command names.
func (s *shell) runInspect(assignments, args string) []string {
	p := s.start([]string{"REDIS_ADDR=", "MEMCACHED_ADDR=", "MONGO_URI="}, assignments, inspect, args)
	if !p.until(p.hasExited) {
		s.t.Fatalf("%s does not exit; it prints\n%s", inspect, p.text())
	}
	return s.toShown(p.text())
}

// startOnFreePort starts a program, which then answers or has exited. When
// another process was faster to take the port, it tries another one.
func (s *shell) startOnFreePort(addr, shown, assignments, folder, flags string) (p *process, free string) {
	variables := s.serverVariables(folder, flags)
	for range 5 {
		free = sessiontest.FreeAddr()
		p = s.start(append(variables, "ADDR="+free), assignments, folder, flags)
		if !p.until(func() bool { return p.answers(free) }) && !p.hasExited() {
			s.t.Fatalf("%s neither answers nor exits; it prints\n%s", folder, p.text())
		}
		if !strings.Contains(p.text(), "address already in use") {
			break
		}
	}
	s.shown = append(s.shown, "HTTP on "+free, "HTTP on "+shown) // Gin prints ADDR as it is
	s.show(free, "localhost"+addr)
	return p, free
}

// servers are those of 01-install/servers, with the variable that tells the
// chapters of another address.
var servers = []struct{ name, usual, variable string }{
	{"redis", "localhost:6379", "REDIS_ADDR="},
	{"memcached", "localhost:11211", "MEMCACHED_ADDR="},
	{"mongo", "localhost:27017", "MONGO_URI=mongodb://"},
}

// serverOf returns the server that a program connects to, if any.
func serverOf(folder, flags string) string {
	switch {
	case folder == "03-redis-store", folder == pool, folder == login:
		return "redis"
	case folder != "05-mongo-memcached":
		return ""
	case strings.Contains(flags, "memcached"):
		return "memcached"
	}
	return "mongo"
}

// serverVariables returns the variables that tell a program where the servers are.
// The one that it connects to is started, unless the page has started some itself.
// Where the others are, nothing answers.
func (s *shell) serverVariables(folder, flags string) (variables []string) {
	if needed := serverOf(folder, flags); needed != "" && !s.hasServers && !s.serves[needed] {
		s.serves[needed] = true
		others := ""
		for _, server := range servers {
			if server.name != needed {
				others += " -" + server.name + ` ""`
			}
		}
		s.startServers(others)
	}
	for _, server := range servers {
		address := s.real[server.usual]
		if address == "" {
			address = sessiontest.FreeAddr() // nothing listens there
			s.show(address, server.usual)
		}
		variables = append(variables, server.variable+address)
	}
	return variables
}

// startServers returns what the servers would print on the ports that the
// page means. A server named in the environment of this test, as
// REDIS_ADDR=… go test does, takes the place of the one that is started.
func (s *shell) startServers(flags string) (output []string) {
	shown := map[string]string{}
	for _, server := range servers {
		flag := regexp.MustCompile(`-` + server.name + `[ =](\S+)`).FindStringSubmatch(flags)
		switch {
		case flag == nil:
			shown[server.name] = server.usual
			flags += " -" + server.name + " 127.0.0.1:0"
		case flag[1] != `""`: // that leaves it out
			shown[server.name] = flag[1]
			flags = strings.Replace(flags, flag[1], "127.0.0.1:0", 1)
		}
	}
	p := s.start(nil, "", "servers", flags)
	if !p.until(func() bool { return strings.Contains(p.text(), "For learning only") }) {
		s.t.Fatalf("%s: the servers do not start; they print\n%s", s.page.name, p.text())
	}
	text := p.text()
	for _, server := range servers {
		line := regexp.MustCompile(`(?m)^` + server.name + ` +(\S+) `).FindStringSubmatch(text)
		address := shown[server.name]
		if line == nil || address == "" {
			continue
		}
		// On its usual port a chapter finds the server without the variable.
		if address == server.usual {
			text = strings.Replace(text, server.variable+line[1]+" ", "", 1)
		}
		text = strings.Replace(text, fmt.Sprintf("%-16s", line[1]), fmt.Sprintf("%-16s", address), 1)
		s.real[address] = s.behindProxy(server.name, cmp.Or(inEnvironment(server.variable), line[1]))
		s.show(line[1], address)
		s.show(s.real[address], address)
	}
	return s.toShown(text)
}

var hostPort = regexp.MustCompile(`[\w.-]+:\d+`)

// behindProxy returns another address of a server, where docker compose stop can
// take it away and docker compose start bring it back. Of the servers that the
// environment names, this works for those with a single host:port.
func (s *shell) behindProxy(name, address string) string {
	hosts := hostPort.FindAllString(address, -1)
	if len(hosts) != 1 {
		return address
	}
	s.proxies[name] = sessiontest.NewProxy(s.t, hosts[0])
	return strings.Replace(address, hosts[0], s.proxies[name].Addr, 1)
}

// inEnvironment returns the address in a variable of this test's environment.
func inEnvironment(variable string) string {
	name, prefix, _ := strings.Cut(variable, "=")
	return strings.TrimPrefix(os.Getenv(name), prefix)
}

// interrupt does what Ctrl-C does to the program that was started last.
func (s *shell) interrupt(st step) {
	running := slices.DeleteFunc(slices.Clone(s.started), (*process).hasExited)
	if len(running) == 0 {
		s.page.problem(st.line-1, "no program runs that ^C could stop")
		return
	}
	p := running[len(running)-1]
	before := len(p.text())
	p.stop()
	if st.command == "^C" && len(trimBlank(st.output)) == 0 {
		return // the page does not say what that prints
	}
	shown := append([]string{st.command}, st.output...)
	s.page.compare(step{"^C", st.line - 1, shown}, s.toShown("^C"+p.text()[before:]))
}

// show has toShown replace a real address. Errors tell the address in numbers.
func (s *shell) show(address, shown string) {
	_, port, _ := strings.Cut(shown, ":")
	s.shown = append(s.shown, "dial tcp "+address, "dial tcp 127.0.0.1:"+port, address, shown)
}

// toShown returns the lines of an output, with the addresses that pages show.
func (s *shell) toShown(output string) []string {
	return splitLines(strings.NewReplacer(s.shown...).Replace(output))
}

// toReal returns a command of the page with the real addresses.
func (s *shell) toReal(command string) string {
	var pairs []string
	for shown, real := range s.real {
		pairs = append(pairs, shown, real)
	}
	return strings.NewReplacer(pairs...).Replace(command)
}
