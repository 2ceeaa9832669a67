// Inspect shows what is in the cookie of a session and, if a server keeps the
// session, what is stored there. It only reads.
//
//	go run ./01-install/inspect jar                             # the cookie jar of curl -c jar
//	go run ./01-install/inspect 'Set-Cookie: mysession=MTc5…'   # or a Cookie: line, or the value alone
//	curl -i http://localhost:8000/hello | go run ./01-install/inspect -
//	REDIS_ADDR=localhost:6379 go run ./01-install/inspect jar   # or MEMCACHED_ADDR, MONGO_URI
//
// SESSION_SECRET, the lines of SESSION_SECRET_FILE, and ENCRYPTION_KEY are the keys to
// try. Flags come first: -h lists them.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

var (
	cookieName = flag.String("name", "mysession", "the cookie's `name`: the signature covers it")
	age        = flag.Duration("age", 24*time.Hour, "the store's MaxAge")
	prefix     = flag.String("prefix", "session_", "what the keys in Redis and memcached begin with")
	collection = flag.String("collection", "tutorial.sessions", "MongoDB's `database.collection`")
	full       = flag.Bool("full", false, "show the whole session ID")
	asJSON     = flag.Bool("json", false, "print JSON, for scripts")
)

// report is all that is printed.
type report struct {
	Name       string   `json:"name"`
	Bytes      int      `json:"bytes"` // of the name and the value: browsers count both
	Attributes string   `json:"attributes,omitempty"`
	Missing    []string `json:"missing,omitempty"`
	sealed
	Stored []stored `json:"stored,omitempty"`
}

func main() {
	flag.Parse()
	text, err := input(flag.Args())
	if err == nil {
		err = show(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// show prints what the text and the stores tell.
func show(text string) error {
	r, err := inspect(text)
	if err != nil {
		return err
	}
	if r.ID != "" {
		r.Stored = lookUp(r.ID, r.Name)
		r.ID = shortened(r.ID)
	}
	if *asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(r)
	} else {
		_, err = fmt.Print(r.text())
	}
	for _, found := range r.Stored {
		err = errors.Join(err, found.err)
	}
	return err
}

// inspect shows a cookie alone.
func inspect(text string) (r report, err error) {
	cookie, err := find(text)
	if err != nil {
		return r, err
	}
	r.Name, r.Bytes = cookie.Name, len(cookie.Name)+len(cookie.Value)
	if _, attributes, _ := strings.Cut(cookie.Raw, ";"); cookie.Raw != "" { // of a Set-Cookie line
		r.Attributes, r.Missing = strings.TrimSpace(attributes), missing(cookie)
	}
	r.sealed, err = open(cookie.Name, cookie.Value)
	return r, err
}

// input returns what the argument stands for: standard input, a file, or itself.
func input(args []string) (string, error) {
	if len(args) != 1 {
		return "", errors.New("expected, after the flags: a cookie's value, a Cookie: or Set-Cookie: line in quotes, curl's cookie jar, or - for standard input")
	}
	var text []byte
	var err error
	arg := args[0]
	switch info, statErr := os.Stat(arg); {
	case arg == "-":
		text, err = io.ReadAll(os.Stdin)
	case statErr == nil && !info.IsDir():
		text, err = os.ReadFile(arg)
	case arg != "" && len(arg) < 60 && !strings.ContainsAny(arg, ":="): // shorter than any signature in a cookie
		err = fmt.Errorf("there is no file %q here, and the cookie of a session is longer", arg)
	default:
		return arg, nil
	}
	return string(text), err
}

// find returns the cookie called cookieName from the text, or the only one. Of some
// with this name, a browser keeps the last Set-Cookie, and a server reads the first Cookie.
func find(text string) (*http.Cookie, error) {
	var cookies []*http.Cookie
	for line := range strings.Lines(text) {
		line = strings.Trim(line, "<> \r\n") // curl -v begins its lines with < or >
		header, rest, _ := strings.Cut(line, ":")
		fields := strings.Split(line, "\t")
		switch {
		case strings.EqualFold(header, "Set-Cookie"):
			if cookie, err := http.ParseSetCookie(rest); err == nil {
				cookies = append(cookies, cookie)
			}
		case strings.EqualFold(header, "Cookie"):
			request := http.Request{Header: http.Header{"Cookie": {rest}}}
			cookies = append(cookies, request.Cookies()...)
		case len(fields) == 7: // a line of a jar
			cookies = append(cookies, &http.Cookie{Name: fields[5], Value: fields[6], Domain: strings.TrimPrefix(fields[0], "#HttpOnly_") + fields[2]})
		}
	}
	var found *http.Cookie
	var names, hosts []string
	for _, cookie := range cookies {
		names = append(names, strings.Map(printable, cookie.Name))
		if cookie.Name != *cookieName && len(cookies) > 1 {
			continue
		}
		if found == nil || cookie.Raw != "" { // Raw: of a Set-Cookie line
			found = cookie
		}
		if cookie.Raw == "" && cookie.Domain != "" { // of a jar
			hosts = append(hosts, strings.Map(printable, cookie.Domain))
		}
	}
	switch {
	case len(hosts) > 1:
		return nil, fmt.Errorf("the jar has a %s for each of %s: give me the value of one", *cookieName, strings.Join(hosts, ", "))
	case found != nil:
		return found, nil
	case names != nil:
		return nil, fmt.Errorf("no cookie %s, but %s: -name chooses one", *cookieName, strings.Join(names, ", "))
	}
	text = strings.TrimSpace(text)
	if name, value, ok := strings.Cut(text, "="); ok && strings.Trim(value, "=") != "" { // base64 ends with =
		return &http.Cookie{Name: name, Value: value}, nil
	}
	return &http.Cookie{Name: *cookieName, Value: strings.TrimPrefix(text, *cookieName+"=")}, nil
}

// missing says which attributes a Set-Cookie line lacks, and what that means.
func missing(cookie *http.Cookie) (list []string) {
	lack := func(missing bool, text string) {
		if missing {
			list = append(list, text)
		}
	}
	lack(cookie.Path == "", "Path: the cookie belongs to the folder of the URL that set it")
	lack(cookie.MaxAge == 0 && cookie.Expires.IsZero(), "Max-Age: the cookie ends with the browser")
	lack(!cookie.HttpOnly, "HttpOnly: scripts can read it")
	lack(cookie.SameSite == 0, "SameSite: the browser decides which requests of other sites carry it")
	lack(!cookie.Secure, "Secure: it is sent over plain http, too")
	return list
}

// shortened keeps enough of an ID to recognise it, but no secret for a screenshot.
func shortened(id string) string {
	if *full || len(id) <= 8 {
		return id
	}
	return id[:8] + "…"
}

func (r report) text() string {
	var b strings.Builder
	columns := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(cells ...string) {
		for i := range cells {
			cells[i] = strings.Map(printable, cells[i])
		}
		fmt.Fprintln(columns, strings.Join(cells, "\t"))
	}
	size := "%s, %d of the 4,096 bytes that a browser keeps"
	if r.Bytes > 4096 {
		size = "%s, %d bytes: browsers keep 4,096 and drop this cookie"
	}
	line("cookie", fmt.Sprintf(size, r.Name, r.Bytes))
	if r.Attributes != "" {
		line("attributes", r.Attributes)
	}
	for _, attribute := range r.Missing {
		line("missing", attribute)
	}
	r.sealed.print(line)
	if r.ID != "" && !*full {
		line("", "(cut short: with the ID and the signing key, anybody can be this visitor; -full shows it)")
	}
	if r.ID != "" && r.Stored == nil {
		line("stored", "not looked up: set REDIS_ADDR, MEMCACHED_ADDR or MONGO_URI (only its own program sees a memstore)")
	}
	for _, found := range r.Stored {
		line("stored", fmt.Sprintf("%s in %s, %s", found.Key, found.Server, cmp.Or(found.Problem, fmt.Sprintf("%d bytes: %s", found.Bytes, found.Left))))
		found.sealed.print(line)
	}
	columns.Flush()
	return b.String()
}

// printable keeps what a forger has put into a cookie from reaching the terminal.
func printable(r rune) rune {
	if !unicode.IsPrint(r) {
		return '?'
	}
	return r
}

func (c sealed) print(line func(cells ...string)) {
	if c.Signed != nil {
		line("signed", c.Signed.Format("2006-01-02 15:04:05 MST, ")+left(*c.Signed))
		line("signature", c.Signature)
		line("encrypted", c.Encrypted)
	}
	if c.ID != "" {
		line("session ID", c.ID)
	}
	if c.Values != nil && len(c.Values) == 0 {
		line("value", "none")
	}
	for _, v := range c.Values {
		line("value", v.Key, v.Type, v.Value)
	}
	if c.Note != "" {
		line("note", c.Note)
	}
}

// left says how old something is, and what is left of its life.
func left(made time.Time) string {
	ago, toGo := time.Since(made).Round(time.Second), time.Until(made.Add(*age)).Round(time.Second)
	if ago < 0 {
		return "in the future: forged, or a clock is wrong"
	}
	if toGo < 0 {
		return fmt.Sprintf("%s ago: too old for a MaxAge of %s", ago, *age)
	}
	return fmt.Sprintf("%s ago, %s to go with a MaxAge of %s", ago, toGo, *age)
}
