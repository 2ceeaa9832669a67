package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// What the scale command measured: "Stored/Redis/1000 <tab> 214 B/session <tab> …".

// measured is by name and unit: values["Stored/Redis/1000"]["B/session"].
type measured struct {
	values map[string]map[string]float64
	notes  string // the machine, and what was left out
}

// parseScale reads the output of one run or several: what comes later wins.
func parseScale(run []byte) (measured, error) {
	found := measured{values: map[string]map[string]float64{}}
	for line := range strings.Lines(string(run)) {
		line = strings.TrimSpace(line)
		if note, ok := strings.CutPrefix(line, "# "); ok {
			found.notes += note + "\n"
			continue
		}
		if line == "" {
			continue
		}
		name, values, _ := strings.Cut(line, "\t")
		found.values[name] = map[string]float64{}
		for _, pair := range strings.Split(values, "\t") {
			number, unit, _ := strings.Cut(pair, " ")
			value, err := strconv.ParseFloat(number, 64)
			if err != nil || unit == "" {
				return found, fmt.Errorf("the line of %s: %q is no number with a unit", name, pair)
			}
			found.values[name][unit] = value
		}
	}
	for _, name := range needed {
		if !found.has(name) {
			return found, fmt.Errorf("the run is not complete: it has no %s", name)
		}
	}
	return found, nil
}

// needed is what the sentences and the arithmetic are made of.
var needed = []string{
	"Stored/Redis/1000000", "Restart/Redis/1000000", "Visitors/Redis/1/100", "Cluster/1/1", "Cluster/3/1",
	"Default/memcached/1000000", "Stored/FerretDB/1000", "Stored/FerretDB/100000", "Stored/memory/1000", "Stored/memory/1000000",
}

func (m measured) has(name string) bool { return m.values[name] != nil }

// of returns NaN for what was not measured.
func (m measured) of(unit, format string, args ...any) float64 {
	value, ok := m.values[fmt.Sprintf(format, args...)][unit]
	if !ok {
		return math.NaN()
	}
	return value
}

var (
	scaleStores   = []string{"Redis", "memcached", "FerretDB", "memory"}
	scaleStored   = []int{1000, 100_000, 1_000_000}
	scaleVisitors = []int{1, 10, 100, 1000}
)

// makeScale makes the charts, and writes the tables into the pages.
func makeScale(folder string) error {
	run, err := os.ReadFile(filepath.Join(folder, "scale.txt"))
	if err != nil {
		return fmt.Errorf("%w\nrun this in the tutorial's root folder, after ./05-mongo-memcached/compare/scale", err)
	}
	results, err := parseScale(run)
	if err != nil {
		return err
	}
	for name, c := range results.charts() {
		var svg bytes.Buffer
		c.draw(&svg)
		if err := os.WriteFile(filepath.Join(folder, name), svg.Bytes(), 0o644); err != nil {
			return err
		}
	}
	for name, w := range languages {
		file := filepath.Join(folder, name)
		page, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		written, err := results.into(string(page), w)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(file, []byte(written), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// into replaces what stands between the marks of a page, like <!-- stored --> and
// <!-- /stored -->.
func (m measured) into(page string, w words) (string, error) {
	for _, part := range []struct{ name, text string }{
		{"stored", m.stored(w)}, {"visitors", m.visitors(w)}, {"expiry", m.expiry(w)}, {"limits", m.limits(w)},
		{"cluster", m.cluster(w)}, {"sums", m.sums(w)}, {"notes", "```text\n" + m.notes + "```\n"},
	} {
		from, to := "<!-- "+part.name+" -->\n", "<!-- /"+part.name+" -->"
		before, rest, ok := strings.Cut(page, from)
		_, after, ended := strings.Cut(rest, to)
		if !ok || !ended {
			return "", fmt.Errorf("it has no %s and %s", strings.TrimSpace(from), to)
		}
		page = before + from + "\n" + part.text + "\n" + to + after
	}
	return page, nil
}

func (m measured) charts() map[string]chart {
	stored := chart{"One visitor's requests, with so many stored sessions", 170, 0.1, "%g ms",
		[2]string{"median", "p99"}, [2]string{"median", "99th percentile"}, nil}
	visitors := chart{"Visits a second, with so many visitors at once", 170, 10, "%g/s",
		[2]string{"one", "two"}, [2]string{"one instance", "two instances"}, nil}
	for _, store := range scaleStores {
		for _, n := range scaleStored {
			median, p99 := m.of("median-µs", "Stored/%s/%d", store, n)/1000, m.of("p99-µs", "Stored/%s/%d", store, n)/1000
			if !math.IsNaN(median) {
				stored.rows = append(stored.rows, bars{store + " " + thousands(float64(n)), [2]float64{median, p99},
					[2]string{milliseconds(median), milliseconds(p99)}})
			}
		}
		for _, n := range scaleVisitors {
			r := bars{name: fmt.Sprintf("%s, %s", store, thousands(float64(n)))}
			for i := range r.values {
				r.values[i] = m.of("visits/s", "Visitors/%s/%d/%d", store, i+1, n)
				r.labels[i] = thousands(rounded(r.values[i])) + "/s"
			}
			if !math.IsNaN(r.values[0]) {
				visitors.rows = append(visitors.rows, r)
			}
		}
	}
	return map[string]chart{"stored.svg": stored, "visitors.svg": visitors}
}

func (m measured) stored(w words) string {
	var text strings.Builder
	text.WriteString(header(w.stored))
	for _, store := range scaleStores {
		for _, n := range scaleStored {
			name := fmt.Sprintf("%s/%d", store, n)
			restart := "–"
			if first := m.of("first-ms", "Restart/%s", name); !math.IsNaN(first) {
				restart = milliseconds(first)
				if m.of("kept", "Restart/%s", name) == 0 {
					restart += w.startsOver
				}
			}
			cells := []string{w.store(store), thousands(float64(n)), "–", "–", "–", "–", restart}
			if m.has("Stored/" + name) {
				cells[2] = thousands(rounded(m.of("B/session", "Stored/%s", name)))
				cells[3] = megabytes(m.of("process-MB", "Stored/%s", name))
				cells[4] = milliseconds(m.of("median-µs", "Stored/%s", name) / 1000)
				cells[5] = milliseconds(m.of("p99-µs", "Stored/%s", name) / 1000)
			}
			text.WriteString(line(cells))
		}
	}
	return text.String()
}

func (m measured) visitors(w words) string {
	var text strings.Builder
	text.WriteString(header(w.visitors))
	for _, store := range scaleStores {
		for instances := 1; instances <= 2; instances++ {
			cells := []string{w.store(store), strconv.Itoa(instances)}
			for _, n := range scaleVisitors {
				name := fmt.Sprintf("Visitors/%s/%d/%d", store, instances, n)
				if !m.has(name) {
					cells = append(cells, "–")
					continue
				}
				if m.of("visits", "%s", name) == 0 {
					cells = append(cells, w.allFail)
					continue
				}
				cell := thousands(rounded(m.of("visits/s", "%s", name))) + "/s, " + milliseconds(m.of("p99-µs", "%s", name)/1000)
				if failed := m.of("failed", "%s", name); failed > 0 {
					cell += fmt.Sprintf(w.failed, max(1, math.Round(100*failed/(failed+m.of("visits", "%s", name)))))
				}
				cells = append(cells, cell)
			}
			text.WriteString(line(cells))
		}
	}
	return text.String()
}

func (m measured) expiry(w words) string {
	var text strings.Builder
	text.WriteString(header(w.expiry))
	for _, store := range scaleStores {
		for i, within := range []string{"minute", "second"} {
			before, during := fmt.Sprintf("Expiry/%s/%s/before", store, within), fmt.Sprintf("Expiry/%s/%s/during", store, within)
			if !m.has(during) {
				continue
			}
			text.WriteString(line([]string{w.store(store), w.within[i],
				milliseconds(m.of("p99-µs", "%s", before) / 1000), milliseconds(m.of("p99-µs", "%s", during) / 1000),
				milliseconds(m.of("worst-µs", "%s", before) / 1000), milliseconds(m.of("worst-µs", "%s", during) / 1000),
				thousands(m.of("stored", "%s", during) - 1002)})) // the visitors' sessions, and the two that were copied
		}
	}
	return text.String()
}

func (m measured) cluster(w words) string {
	text := header(w.cluster)
	for _, nodes := range []int{1, 3} {
		best := 1
		for round := 2; m.has(fmt.Sprintf("Cluster/%d/%d", nodes, round)); round++ {
			if m.of("visits/s", "Cluster/%d/%d", nodes, round) > m.of("visits/s", "Cluster/%d/%d", nodes, best) {
				best = round
			}
		}
		name := fmt.Sprintf("Cluster/%d/%d", nodes, best)
		text += line([]string{strconv.Itoa(nodes), thousands(rounded(m.of("visits/s", "%s", name))),
			milliseconds(m.of("p99-µs", "%s", name) / 1000), twoDigits(m.of("server-cpu-µs/visit", "%s", name)) + " µs"})
	}
	return text
}

// What the arithmetic supposes: see the page.
const (
	nodeGB      = 16.0 // memory of a node; half of it may be full
	nodeCore    = 0.5  // how busy a node's one core may be
	nodeRestart = 60.0 // seconds a node's visitors may have to wait for a restart
	visitsADay  = 10.0 // of a session
	busiest     = 0.1  // of a day's visits come in one hour
)

// need is what so many sessions ask of Redis.
type need struct{ gb, visits, cores, restart, network, nodes float64 }

func (m measured) need(sessions float64) need {
	var n need
	n.gb = sessions * m.of("B/session", "Stored/Redis/1000000") / 1e9
	n.visits = sessions * visitsADay * busiest / 3600
	n.cores = n.visits * m.of("server-cpu-µs/visit", "Visitors/Redis/1/100") / 1e6
	n.restart = sessions / 1e6 * m.of("first-ms", "Restart/Redis/1000000") / 1000
	n.network = n.visits * m.of("network-B/visit", "Visitors/Redis/1/100") * 8 / 1e6
	n.nodes = math.Ceil(max(n.gb/(nodeGB/2), n.cores/nodeCore, n.restart/nodeRestart))
	if n.nodes > 1 {
		n.nodes = max(3, n.nodes) // a cluster has three masters or more
	}
	return n
}

func (m measured) sums(w words) string {
	text := header(w.sums)
	for _, sessions := range []float64{1e6, 1e7, 1e8} {
		n := m.need(sessions)
		text += line([]string{thousands(sessions), twoDigits(n.gb) + " GB", thousands(rounded(n.visits)), twoDigits(n.cores*100) + " %",
			twoDigits(n.network) + " Mbit/s", twoDigits(n.restart) + " s", thousands(n.nodes)})
	}
	// One node is enough until the first of the three is used up.
	memory := nodeGB / 2 / m.need(1e6).gb * 1e6
	core := nodeCore / m.need(1e6).cores * 1e6
	restart := nodeRestart / m.need(1e6).restart * 1e6
	return text + "\n" + fmt.Sprintf(w.until, thousands(rounded(memory)), thousands(rounded(core)), thousands(rounded(restart))) + "\n"
}

func (m measured) limits(w words) string {
	core := m.of("server-cpu-µs/visit", "Visitors/Redis/1/100")
	return fmt.Sprintf(w.redis, milliseconds(m.of("first-ms", "Restart/Redis/1000000")), twoDigits(core), thousands(rounded(1e6/core)), thousands(rounded(m.of("B/session", "Stored/Redis/1000000")))) +
		fmt.Sprintf(w.memcached, thousands(rounded(m.of("kept", "Default/memcached/1000000")))) +
		fmt.Sprintf(w.ferret, milliseconds(m.of("median-µs", "Stored/FerretDB/1000")/1000), milliseconds(m.of("median-µs", "Stored/FerretDB/100000")/1000)) +
		fmt.Sprintf(w.inMemory, twoDigits(m.of("process-MB", "Stored/memory/1000000")/1000),
			milliseconds(m.of("p99-µs", "Stored/memory/1000")/1000), milliseconds(m.of("p99-µs", "Stored/memory/1000000")/1000)) +
		w.cookie
}

func header(columns []string) string {
	return line(columns) + strings.Repeat("|---", len(columns)) + "|\n"
}

func line(cells []string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// rounded keeps two digits, as twoDigits does.
func rounded(value float64) float64 {
	if math.IsNaN(value) || value == 0 {
		return value
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(value)))-1)
	return math.Round(value/unit) * unit
}

// thousands writes 1000000 as 1,000,000.
func thousands(value float64) string {
	digits := []byte(strconv.FormatFloat(value, 'f', 0, 64))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = slices.Insert(digits, i, ',')
	}
	return string(digits)
}

func megabytes(value float64) string { return thousands(rounded(value)) + " MB" }

func milliseconds(value float64) string {
	if value < 1 {
		return strconv.FormatFloat(value, 'f', 2, 64) + " ms"
	}
	if value >= 995 { // rounded: 1000
		return twoDigits(value/1000) + " s"
	}
	return twoDigits(value) + " ms"
}
