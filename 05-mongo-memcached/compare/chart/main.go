// Chart makes a table and a bar chart of what BenchmarkIncr measured:
//
//	go test -run '^$' -bench . ./05-mongo-memcached/compare >> 05-mongo-memcached/compare/bench.txt
//	go run ./05-mongo-memcached/compare/chart
//
// It reads bench.txt, which may have several runs, writes bench.svg beside it, and
// prints the table. With -scale it makes the charts and the tables of what
// ./05-mongo-memcached/compare/scale measured, in that folder.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const folder = "05-mongo-memcached/compare"

func main() {
	log.SetFlags(0)
	ofScale := flag.Bool("scale", false, "make the charts and the tables of scale/scale.txt, in place of those of bench.txt")
	flag.Parse()
	if *ofScale {
		if err := makeScale(filepath.Join(folder, "scale")); err != nil {
			log.Fatal(err)
		}
		return
	}
	run, err := os.ReadFile(filepath.Join(folder, "bench.txt"))
	if err != nil {
		log.Fatalf("%v\nRun this in the tutorial's root folder, after the benchmark.", err)
	}
	results, err := parse(run)
	if err != nil {
		log.Fatal(err)
	}
	var svg bytes.Buffer
	draw(&svg, results)
	if err := os.WriteFile(filepath.Join(folder, "bench.svg"), svg.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	table(os.Stdout, results)
}

// result is what was measured for one store: the least of all runs, because what
// disturbs a run only adds to it.
type result struct {
	store                string
	sequential, parallel float64 // nanoseconds for one visit
	allocs, bytes        float64 // allocations for one visit, and their size
	trips                float64 // round trips to the server for one visit
	size                 float64 // bytes kept for a session
}

// benchmark is a line like BenchmarkIncr/cookie/parallel-2  1000  12345 ns/op …
var benchmark = regexp.MustCompile(`(?m)^BenchmarkIncr/([\w-]+)/(sequential|parallel)(?:-\d+)?\s+\d+\s+(.*)$`)

// parse returns the results in the order of the run. The first one has to be the
// visit without a session: the others are compared with it.
func parse(run []byte) ([]result, error) {
	values := map[string][]float64{} // of each run, by "store mode unit"
	var stores []string
	for _, line := range benchmark.FindAllSubmatch(run, -1) {
		store, mode := string(line[1]), string(line[2])
		if !slices.Contains(stores, store) {
			stores = append(stores, store)
		}
		fields := strings.Fields(string(line[3])) // value unit value unit …
		for i := 0; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line[0], err)
			}
			key := store + " " + mode + " " + fields[i+1]
			values[key] = append(values[key], value)
		}
	}
	least := func(key string) float64 {
		if len(values[key]) == 0 {
			return math.NaN()
		}
		return slices.Min(values[key])
	}
	var results []result
	for _, store := range stores {
		r := result{store, least(store + " sequential ns/op"), least(store + " parallel ns/op"),
			least(store + " sequential allocs/op"), least(store + " sequential B/op"),
			least(store + " sequential trips/op"), least(store + " sequential B/session")}
		if math.IsNaN(r.sequential + r.parallel + r.allocs + r.bytes + r.trips + r.size) {
			return nil, fmt.Errorf("the run is not complete: %s has %+v", store, r)
		}
		results = append(results, r)
	}
	if len(results) == 0 || results[0].store != "no-session" {
		return nil, fmt.Errorf("the run does not begin with no-session")
	}
	return results, nil
}

// table writes the results in Markdown.
func table(w io.Writer, results []result) {
	fmt.Fprint(w, "| | one after the other | in parallel | allocations | round trips | bytes a session |\n|---|---|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(w, "| %s | %s (%s) | %s (%s) | %.0f (%s KB) | %.0f | %.0f |\n", name(r.store),
			ratio(r.sequential, results[0].sequential), microseconds(r.sequential),
			ratio(r.parallel, results[0].parallel), microseconds(r.parallel), r.allocs, twoDigits(r.bytes/1000), r.trips, r.size)
	}
}

// name makes "Redis-pool" readable.
func name(store string) string { return strings.ReplaceAll(store, "-", " ") }

func ratio(value, base float64) string { return "×" + twoDigits(value/base) }

func microseconds(nanoseconds float64) string { return twoDigits(nanoseconds/1000) + " µs" }

// twoDigits rounds to two significant digits: more would be noise.
func twoDigits(value float64) string {
	if value < 10 {
		return strconv.FormatFloat(value, 'f', 1, 64)
	}
	unit := math.Pow(10, math.Floor(math.Log10(value))-1)
	return strconv.FormatFloat(math.Round(value/unit)*unit, 'f', 0, 64)
}

// Sizes in the charts, in pixels.
const (
	decade  = 160 // for a factor of ten
	row     = 34  // for two bars
	headers = 56
)

// chart has two bars in each row, on a logarithmic scale.
type chart struct {
	title  string
	left   int       // pixels for the names
	first  float64   // where the scale begins
	marks  string    // of the scale, like ×%.0f
	kinds  [2]string // of the bars, in the style
	legend [2]string
	rows   []bars
}

type bars struct {
	name   string
	values [2]float64 // NaN: no bar
	labels [2]string
}

// draw writes an SVG of the benchmark.
func draw(w io.Writer, results []result) {
	c := chart{"The time of one visit, as a multiple of a visit without a session", 130, 1, "×%.0f",
		[2]string{"sequential", "parallel"}, [2]string{"one after the other", "in parallel"}, nil}
	for _, r := range results {
		sequential, parallel := r.sequential/results[0].sequential, r.parallel/results[0].parallel
		c.rows = append(c.rows, bars{name(r.store), [2]float64{sequential, parallel}, [2]string{"×" + twoDigits(sequential), "×" + twoDigits(parallel)}})
	}
	c.draw(w)
}

// draw writes an SVG. It has colours for a light and for a dark page.
func (c chart) draw(w io.Writer) {
	decades := 1.0
	for _, r := range c.rows {
		for _, value := range r.values {
			if !math.IsNaN(value) {
				decades = max(decades, math.Ceil(math.Log10(value/c.first)))
			}
		}
	}
	width, height := c.left+int(decades)*decade+70, headers+len(c.rows)*row+10
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">
<title>%s</title>
<style>
text { fill: #1f2328 } line { stroke: #d1d9e0 } .%[4]s { fill: #0969da } .%[5]s { fill: #8c959f }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } line { stroke: #3d444d } .%[4]s { fill: #4493f8 } .%[5]s { fill: #9198a1 } }
</style>
<rect x="%[6]d" y="8" width="12" height="12" class="%[4]s"/><text x="%[7]d" y="19">%[8]s</text>
<rect x="%[9]d" y="8" width="12" height="12" class="%[5]s"/><text x="%[10]d" y="19">%[11]s</text>
`, width, height, c.title, c.kinds[0], c.kinds[1], c.left, c.left+18, c.legend[0], c.left+160, c.left+178, c.legend[1])
	for i := range int(decades) + 1 {
		x := c.left + i*decade
		fmt.Fprintf(w, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/><text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
			x, headers-8, x, height-10, x, headers-14, fmt.Sprintf(c.marks, c.first*math.Pow(10, float64(i))))
	}
	for i, r := range c.rows {
		y := headers + i*row
		fmt.Fprintf(w, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", c.left-8, y+18, r.name)
		for j, value := range r.values {
			if math.IsNaN(value) {
				continue
			}
			length := max(1, decade*math.Log10(value/c.first))
			fmt.Fprintf(w, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"11\" class=\"%s\"/><text x=\"%.1f\" y=\"%d\" font-size=\"11\">%s</text>\n",
				c.left, y+2+j*13, length, c.kinds[j], float64(c.left)+length+4, y+12+j*13, r.labels[j])
		}
	}
	fmt.Fprintln(w, "</svg>")
}
