package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	gorilla "github.com/gorilla/sessions"
)

// A visitor is a connection to an instance, and no more: net/http's client would
// need more of the cores than the program that is measured.

const (
	sessionName = "mysession" // in every program
	incr        = "GET /incr HTTP/1.1\r\nHost: localhost\r\n"
)

type connection struct {
	conn net.Conn
	in   *bufio.Reader
}

func connect(addr string) (*connection, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &connection{conn, bufio.NewReader(conn)}, nil
}

// answer is what GET /incr says.
type answer struct {
	status int
	count  int
	cookie string
}

// visit makes one request with a cookie, or without one when it is empty.
func (c *connection) visit(cookie string) (answer, error) {
	if err := c.ask(cookie); err != nil {
		return answer{}, err
	}
	return c.listen()
}

func (c *connection) ask(cookie string) error {
	if cookie != "" {
		cookie = "Cookie: " + sessionName + "=" + cookie + "\r\n"
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, incr+cookie+"\r\n")
	return err
}

func (c *connection) listen() (answer, error) {
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{status: response.StatusCode}
	for _, cookie := range response.Cookies() {
		got.cookie = cookie.Value
	}
	if got.status != http.StatusOK {
		return got, nil
	}
	var page struct{ Count *int }
	if err := json.Unmarshal(body, &page); err != nil || page.Count == nil {
		return got, fmt.Errorf("GET /incr answered %q", body)
	}
	got.count = *page.Count
	return got, nil
}

// crowd is what some visitors saw who came at once, each again as soon as she had
// her answer.
type crowd struct {
	took     []time.Duration // of each answer, sorted
	failed   int             // answers that were no 200
	all      int             // answers, with those of the beginning, which do not count
	measured time.Duration
}

func (c crowd) perSecond() float64 { return float64(len(c.took)) / c.measured.Seconds() }

// percentile returns the time within which so many of a hundred answers came.
func (c crowd) percentile(p float64) time.Duration {
	if len(c.took) == 0 {
		return 0
	}
	return c.took[min(len(c.took)-1, int(float64(len(c.took))*p/100))]
}

func (c crowd) String() string {
	return fmt.Sprintf("%.0f visits/s\t%.0f median-µs\t%.0f p99-µs\t%.0f worst-µs\t%d failed\t%d visits", c.perSecond(),
		microseconds(c.percentile(50)), microseconds(c.percentile(99)), microseconds(c.percentile(100)), c.failed, len(c.took))
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// visits sends so many visitors to the instances, in turn. No two of them have the
// same session. What happens in the first fifth of a second is not counted.
func visits(ctx context.Context, apps []*process, cookies []string, visitors int, each time.Duration) (crowd, error) {
	if len(cookies) < visitors {
		return crowd{}, fmt.Errorf("%d sessions are not enough for %d visitors", len(cookies), visitors)
	}
	seen := make([]crowd, visitors)
	errs := make([]error, visitors)
	var connected, all sync.WaitGroup
	connected.Add(visitors)
	var begin, end time.Time
	ready := make(chan struct{})
	for i := range visitors {
		all.Go(func() {
			connections := make([]*connection, len(apps))
			for j, app := range apps {
				connections[j], errs[i] = connect(app.addr)
				if errs[i] != nil {
					break
				}
				defer connections[j].conn.Close()
			}
			connected.Done()
			<-ready
			for n := 0; errs[i] == nil && ctx.Err() == nil; n++ {
				own := cookies[(i+n*visitors)%(len(cookies)/visitors*visitors)]
				asked := time.Now()
				if asked.After(end) {
					return
				}
				var got answer
				got, errs[i] = connections[(i+n)%len(apps)].visit(own)
				took := time.Since(asked)
				seen[i].all++
				switch {
				case errs[i] != nil || asked.Before(begin):
				case got.status != http.StatusOK:
					seen[i].failed++
				case got.count == 0:
					errs[i] = fmt.Errorf("a session started over")
				default:
					seen[i].took = append(seen[i].took, took)
				}
			}
		})
	}
	connected.Wait()
	begin = time.Now().Add(time.Second / 5)
	end = begin.Add(each)
	close(ready)
	all.Wait()
	sum := crowd{measured: each}
	for i := range visitors {
		if errs[i] != nil {
			return crowd{}, errs[i]
		}
		sum.took = append(sum.took, seen[i].took...)
		sum.failed += seen[i].failed
		sum.all += seen[i].all
	}
	if ctx.Err() != nil {
		return crowd{}, fmt.Errorf("stopped")
	}
	slices.Sort(sum.took)
	return sum, nil
}

// signing is what every store signs its cookies with.
var signing = gorilla.NewCookieStore([]byte(secret)).Codecs[0]

// sample is how many of the stored sessions have visitors.
const sample = 10_000

// cookiesOf returns the cookies of a sample of these sessions.
func cookiesOf(ids []string) (cookies []string, err error) {
	for i := 0; i < len(ids); i += max(1, len(ids)/sample) {
		cookie, err := signing.Encode(sessionName, ids[i])
		if err != nil {
			return nil, err
		}
		cookies = append(cookies, cookie)
	}
	return cookies, nil
}

// idOf returns the ID in a cookie.
func idOf(cookie string) (id string, err error) {
	err = signing.Decode(sessionName, cookie, &id)
	return id, err
}

// newcomers makes so many sessions as visitors do, and returns the cookies of a
// sample. They send some requests before they read the answers, which saves time.
func newcomers(ctx context.Context, app *process, n int) (cookies []string, err error) {
	const lines, burst = 8, 50
	share := make([][]string, lines)
	errs := make([]error, lines)
	var all sync.WaitGroup
	for i := range lines {
		all.Go(func() {
			c, err := connect(app.addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.conn.Close()
			own := n * (i + 1) / lines
			for done := n * i / lines; done < own && errs[i] == nil; done += burst {
				if ctx.Err() != nil {
					errs[i] = fmt.Errorf("stopped")
					return
				}
				now := min(burst, own-done)
				for range now {
					if errs[i] = c.ask(""); errs[i] != nil {
						return
					}
				}
				for j := range now {
					got, err := c.listen()
					if err == nil && (got.status != http.StatusOK || got.count != 0) {
						err = fmt.Errorf("a new visitor got %+v", got)
					}
					if err != nil {
						errs[i] = err
						return
					}
					if (done+j)%max(1, n/sample) == 0 {
						share[i] = append(share[i], got.cookie)
					}
				}
			}
		})
	}
	all.Wait()
	for i := range lines {
		if errs[i] != nil {
			return nil, errs[i]
		}
		cookies = append(cookies, share[i]...)
	}
	return cookies, nil
}
