package ci

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The console blocks of a page are one session, each block in one terminal, and are
// run: go run, curl and ^C must print what they show. A line "…" leaves something out.
// Of a program that goes on running, any of its lines may be shown. What differs from
// run to run, as cookies and dates do, is masked. What docker compose stop stops is
// lost for the programs, and keeps its values for docker compose start.

func TestTranscripts(t *testing.T) {
	t.Parallel()
	needShell(t)
	bin := build(t, append([]string{"01-install/servers", inspect, pool, login}, chapters...)...)
	run := map[string]bool{} // the languages have the same ones
	for _, p := range pages(t) {
		session := p.chapter()
		for _, b := range p.consoles() {
			session += "\n" + strings.Join(b.text, "\n")
		}
		if len(p.consoles()) == 0 || run[session] {
			continue
		}
		run[session] = true
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			// The programs give their servers a second, and a busy machine may take
			// longer, but not each time. What is wrong in a page stays wrong.
			var problems []string
			for range 3 {
				once := *p // it collects the problems
				if problems = runTranscripts(t, &once, bin); len(problems) == 0 {
					break
				}
			}
			report(t, problems)
		})
	}
}

// What chapter 02 answers to a first visit and to a logout.
const (
	firstVisit = "HTTP/1.1 200 OK\nCache-Control: no-store\nContent-Type: application/json; charset=utf-8\n" +
		"Set-Cookie: mysession=MTc5; Path=/; Expires=Tue, 24 Nov 2026 14:00:00 GMT; Max-Age=86400; HttpOnly; SameSite=Lax\n" +
		"Date: Mon, 23 Nov 2026 14:00:00 GMT\nContent-Length: 35\n\n" + newVisitor
	loggedOut = "HTTP/1.1 204 No Content\nCache-Control: no-store\n" +
		"Set-Cookie: mysession=MTc5; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly; SameSite=Lax\n" +
		"Date: Mon, 23 Nov 2026 14:00:00 GMT\n\n"
	newVisitor   = `{"hello":"world","returning":false}` + "\n"
	knownVisitor = `{"hello":"world","returning":true}` + "\n"
)

// Commands for transcripts of chapter 02.
const (
	start   = "$ go run ./02-cookie-basic\n"
	visit   = "$ curl -i -c jar -b jar http://localhost:8000/hello\n"
	getBody = "$ curl -c jar -b jar \\\n    http://localhost:8000/hello\n"
	logout  = "$ curl -i -c jar -b jar -X POST http://localhost:8000/logout\n"
	other   = "'''\n\n'''console\n" // terminal
	failing = "$ SESSION_SECRET=short go run ./02-cookie-basic\n"
)

// What the counter of chapter 03 shows while it has its Redis, and while it has not.
const (
	counter   = "$ go run ./03-redis-store\n" + other + count + `{"count":0}` + "\n"
	count     = "$ curl -c jar -b jar http://localhost:8000/incr\n"
	lost      = count + `{"error":"session store unavailable"}` + "\n"
	stopRedis = "$ docker compose stop redis\n"
	look      = "$ go run ./01-install/inspect jar\n"
	inspected = "cookie     mysession, 161 of the 4,096 bytes that a browser keeps\n" +
		"signed     2026-11-23 15:02:21 UTC, 1m2s ago, 23h58m58s to go with a MaxAge of 24h0m0s\n" +
		"signature  right, with the development key, which everybody knows\n" +
		"encrypted  no: whoever has it can read it\n" +
		`value      "hello"  string  "world"` + "\n"
)

func TestTheCheckerFindsWrongTranscripts(t *testing.T) {
	t.Parallel()
	needShell(t)
	bin := build(t, "01-install", "01-install/servers", inspect, "02-cookie-basic", "03-redis-store", "04-memstore")
	for _, test := range []struct{ name, transcript, problem string }{
		{"the chapter's program", visit + firstVisit + getBody + knownVisitor + logout + loggedOut + visit + firstVisit, ""},
		{"two blocks", getBody + newVisitor + other + getBody + knownVisitor, ""},
		{"a restart", start + "2026/11/23 14:00:00 warning: SESSION_SECRET is not set: anybody can sign cookies\n…\n" +
			"[GIN-debug] Listening and serving HTTP on localhost:8000\n" + other + visit + firstVisit + other + start + other + getBody + knownVisitor, ""},
		{"a new secret", visit + firstVisit + `$ SESSION_SECRET="$(printf %032d 1)" go run ./02-cookie-basic` + "\n" + other + visit + firstVisit, ""},
		{"two programs", start + other + "$ ADDR=:9000 go run ./04-memstore\n" + other + visit + firstVisit + "$ curl http://localhost:9000/incr\n" + `{"count":0}`, ""},
		{"a program that ends", failing + "2026/11/23 14:00:00 SESSION_SECRET has 5 bytes: it needs 32 or more of your own\nexit status 1", ""},
		{"Ctrl-C", start + "^Csignal: interrupt\n" + start + "^C\n" + start + other + getBody + newVisitor, ""},
		{"an outage", counter + stopRedis + lost + "$ docker compose start redis\n" + count + `{"count":1}`, ""},
		{"elisions", visit + "HTTP/1.1 200 OK\n…\nContent-Length: 35\n…\n", ""},
		{"commands that are not run", "$ git clone https://example.com/x\nCloning …\n$ docker compose up -d redis\n$ export SESSION_SECRET=x", ""},
		{"the check-up without servers", "$ go run ./01-install\nGo         ok           go1.25.0\n…\n" +
			"mongo      not running  localhost:27017, for chapter 05\n\n" +
			"With Docker, this starts them:  docker compose up -d\nWithout it, stand-ins:          go run ./01-install/servers", ""},
		{"a cookie", getBody + newVisitor + look + inspected, ""},
		{"a stored session", counter + "$ REDIS_ADDR=localhost:6379 go run ./01-install/inspect jar\n…\nsession ID  RNYYOCHI…\n…\n" +
			"stored      session_RNYYOCHI… in Redis, 43 bytes: 23h59m56s to go\n" + `value       "count"  int  0`, ""},

		{"wrong body", getBody + knownVisitor,
			`02-cookie-basic/README.md:4: curl -c jar -b jar http://localhost:8000/hello does not print this: {"hello":"world","returning":true}`},
		{"wrong count", "$ go run ./04-memstore\n" + other + "$ curl http://localhost:8000/incr\n" + `{"count":1}`, `does not print this: {"count":1}`},
		{"wrong status", logout + strings.Replace(loggedOut, "204 No Content", "200 OK", 1), "does not print this: HTTP/1.1 200 OK"},
		{"missing attribute", visit + strings.Replace(firstVisit, " HttpOnly;", "", 1), "does not print this: Set-Cookie: mysession=MTc5; Path=/"},
		{"wrong Content-Length", visit + strings.Replace(firstVisit, "35", "34", 1), "does not print this: Content-Length: 34"},
		{"wrong Max-Age", visit + strings.Replace(firstVisit, "86400", "3600", 1), "does not print this: Set-Cookie"},
		{"empty cookie", logout + strings.Replace(loggedOut, "MTc5", "", 1), "does not print this: Set-Cookie: mysession=;"},
		{"cookie that does not expire", logout + strings.Replace(loggedOut, "1970", "2027", 1), "does not print this: Set-Cookie"},
		{"too little", visit + "HTTP/1.1 200 OK", "prints more than this"},
		{"too much", getBody + newVisitor + "and more", "does not print this: and more"},
		{"wrong below an elision", visit + "HTTP/1.1 200 OK\n…\nContent-Length: 35\n" + newVisitor, `does not print this: {"hello"`},
		{"wrong after an elision", visit + "HTTP/1.1 200 OK\n…\nContent-Length: 34\n…", "does not print this: Content-Length: 34"},
		{"line that a running program does not print", start + "welcome", "go run ./02-cookie-basic does not print this: welcome"},
		{"end that does not come", start + "exit status 1", "should have ended: true; it did: false"},
		{"end that is not shown", failing, "should have ended: false; it did: true"},
		{"wrong end", failing + "…\nexit status 2", "does not print this: exit status 2"},
		{"wrong version", "$ go run ./01-install\nGo         ok           go1.25.0\ngin        ok           v1.0.0\n…",
			"does not print this: gin        ok           v1.0.0"},
		{"wrong address", "$ curl http://localhost:9000/hello", "no program of this page listens on localhost:9000"},
		{"wrong path", "$ curl http://localhost:8000/bye\nbye", "does not print this: bye"},
		{"curl after Ctrl-C", start + "^C\n" + getBody + newVisitor, "but:\ncurl: (7)"},
		{"Ctrl-C of nothing", "^C", "no program runs"},
		{"Ctrl-C of the program before", start + other + start + "^C\n^C", "no program runs"},
		{"two terminals in one block", start + visit + firstVisit, "go run ./02-cookie-basic is still running in this terminal"},
		{"a stop that is not shown", counter + lost, `does not print this: {"error"`},
		{"a start that is not shown", counter + stopRedis + lost + count + `{"count":1}`, `does not print this: {"count":1}`},
		{"a server that no program here uses", visit + firstVisit + stopRedis, "transcripts cannot run this command: docker compose stop redis"},
		{"wrong value in a cookie", getBody + newVisitor + look + strings.Replace(inspected, "world", "moon", 1), "does not print this: value"},
		{"wrong age of a cookie", getBody + newVisitor + look + strings.Replace(inspected, "MaxAge of 24h", "MaxAge of 48h", 1), "does not print this: signed"},
		{"a stored session that is not looked up", counter + look + "…\nstored      session_RNYYOCHI… in Redis: 23h59m56s to go\n…", "does not print this: stored"},
		{"unknown command", "$ kill 1", "README.md:2: transcripts cannot run this command: kill 1"},
		{"unknown program", "$ go run ./06-more", "transcripts cannot run this command: go run ./06-more"},
		{"output of nothing", newVisitor + getBody, "starts with a command"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tr := write(t, map[string]string{"02-cookie-basic/README.md": "'''console\n" + test.transcript + "\n'''\n"})
			p, err := tr.page("02-cookie-basic/README.md")
			require.NoError(t, err)
			requireProblem(t, test.problem, runTranscripts(t, p, bin))
		})
	}
}
