package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestThePagesOfScaleShowTheRunInScaleTxt(t *testing.T) {
	t.Parallel()
	const cause = "likely cause: a new run; go run ./05-mongo-memcached/compare/chart -scale writes it again"
	run, err := os.ReadFile("../scale/scale.txt")
	require.NoError(t, err)
	results, err := parseScale(run)
	require.NoError(t, err)
	pages, err := filepath.Glob("../scale/README*.md")
	require.NoError(t, err)
	require.Len(t, pages, len(languages))
	for _, name := range pages {
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		written, err := results.into(string(page), languages[filepath.Base(name)])
		require.NoError(t, err)
		assert.True(t, written == string(page), "wanted: the numbers of scale.txt in %s\n%s", name, cause)
		assert.NotContains(t, string(page), "NaN")
		assert.NotContains(t, string(page), "%!")
	}
	for name, c := range results.charts() {
		var svg bytes.Buffer
		c.draw(&svg)
		drawn, err := os.ReadFile(filepath.Join("../scale", name))
		require.NoError(t, err)
		assert.Equal(t, svg.String(), string(drawn), "wanted: the chart of scale.txt in %s\n%s", name, cause)
	}
}

const scaleRun = `
# 2 cores
Stored/Redis/1000	307 B/session	13 process-MB	0.1 filling-s	4000 visits/s	250 median-µs	700 p99-µs	900 worst-µs	0 failed	400 visits
Stored/Redis/1000000	200 B/session	300 process-MB	5 filling-s	4000 visits/s	300 median-µs	800 p99-µs	900 worst-µs	0 failed	400 visits
Restart/Redis/1000000	6000 first-ms	9 refused	1000000 kept
Visitors/Redis/1/100	4444 visits/s	9000 median-µs	20000 p99-µs	90000 worst-µs	10 failed	90 visits	50 server-cpu-µs/visit	250 network-B/visit
Visitors/FerretDB/2/1000	0 visits/s	0 median-µs	0 p99-µs	0 worst-µs	99 failed	0 visits
Cluster/1/1	5000 visits/s	9 median-µs	9000 p99-µs	9 worst-µs	0 failed	9 visits	40 server-cpu-µs/visit	250 network-B/visit
Cluster/1/2	6000 visits/s	9 median-µs	7000 p99-µs	9 worst-µs	0 failed	9 visits	30 server-cpu-µs/visit	250 network-B/visit
Cluster/3/1	5500 visits/s	9 median-µs	8000 p99-µs	9 worst-µs	0 failed	9 visits	45 server-cpu-µs/visit	250 network-B/visit
Default/memcached/1000000	220736 kept	779264 evicted
Stored/FerretDB/1000	377 B/session	32 process-MB	0.1 filling-s	200 visits/s	4000 median-µs	9000 p99-µs	9 worst-µs	0 failed	9 visits
Stored/FerretDB/100000	377 B/session	32 process-MB	9 filling-s	3 visits/s	340000 median-µs	1200000 p99-µs	9 worst-µs	0 failed	9 visits
Stored/memory/1000	7000 B/session	18 process-MB	0.1 filling-s	5000 visits/s	150 median-µs	900 p99-µs	9 worst-µs	0 failed	9 visits
Stored/memory/1000000	1400 B/session	1435 process-MB	99 filling-s	5000 visits/s	180 median-µs	8000 p99-µs	9 worst-µs	0 failed	9 visits
Restart/memory/1000000	8 first-ms	0 refused	0 kept
Expiry/memcached/second/before	9 visits/s	9 median-µs	700 p99-µs	4000 worst-µs	0 failed	9 visits	101002 stored
Expiry/memcached/second/during	9 visits/s	9 median-µs	900 p99-µs	5000 worst-µs	0 failed	9 visits	41002 stored
`

func TestTheTablesOfScaleSayWhatWasMeasured(t *testing.T) {
	t.Parallel()
	m, err := parseScale([]byte(scaleRun))
	require.NoError(t, err)
	w := languages["README.md"]
	assert.Contains(t, m.stored(w), "\n| Redis | 1,000 | 310 | 13 MB | 0.25 ms | 0.70 ms | – |\n| Redis | 100,000 | – | – | – | – | – |\n| Redis | 1,000,000 | 200 | 300 MB | 0.30 ms | 0.80 ms | 6.0 s |\n")
	assert.Contains(t, m.stored(w), "| 8.0 ms, empty |\n", "a restart that keeps nothing")
	assert.Contains(t, m.visitors(w), "\n| Redis | 1 | – | – | 4,400/s, 20 ms, 10 % fail | – |\n| Redis | 2 | – | – | – | – |\n")
	assert.Contains(t, m.visitors(w), "\n| FerretDB | 2 | – | – | – | all fail |\n")
	assert.Contains(t, m.expiry(w), "|\n| memcached | a second | 0.70 ms | 0.90 ms | 4.0 ms | 5.0 ms | 40,000 |\n")
	assert.Contains(t, m.cluster(w), "\n| 1 | 6,000 | 7.0 ms | 30 µs |\n| 3 | 5,500 | 8.0 ms | 45 µs |\n", "of each the best round")
	assert.Equal(t, "2 cores\n", m.notes)
}

func TestTheSumsOfScale(t *testing.T) {
	t.Parallel()
	m, err := parseScale([]byte(scaleRun))
	require.NoError(t, err)
	text := m.sums(languages["README.md"])
	// 100 million sessions: 20 GB, in nodes of 8 GB; a visit in 10 of each hour of
	// 3,600 s; 1.39 cores, of which a node has half of one; 600 s to start, in nodes
	// of 60 s.
	assert.Contains(t, text, "| 1,000,000 | 0.2 GB | 280 | 1.4 % | 0.6 Mbit/s | 6.0 s | 1 |\n")
	assert.Contains(t, text, "| 10,000,000 | 2.0 GB | 2,800 | 14 % | 5.6 Mbit/s | 60 s | 1 |\n")
	assert.Contains(t, text, "| 100,000,000 | 20 GB | 28,000 | 140 % | 56 Mbit/s | 600 s | 10 |\n")
	assert.Contains(t, text, "for 40,000,000 sessions by memory, for 36,000,000 by its core, and for 10,000,000 by")
}

func TestTheChartOfScaleHasABarForWhatWasMeasured(t *testing.T) {
	t.Parallel()
	m, err := parseScale([]byte(scaleRun))
	require.NoError(t, err)
	c := m.charts()["visitors.svg"]
	require.Len(t, c.rows, 1)
	assert.True(t, math.IsNaN(c.rows[0].values[1]), "nobody measured two instances")
	var svg bytes.Buffer
	c.draw(&svg)
	assert.Equal(t, 1, strings.Count(svg.String(), `height="11" class="one"`))
	assert.Equal(t, 0, strings.Count(svg.String(), `height="11" class="two"`))
	assert.NotContains(t, svg.String(), "NaN")
}

func TestARunOfScaleThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{
		"empty":           "",
		"cut off":         scaleRun[:len(scaleRun)/2],
		"no number":       strings.Replace(scaleRun, "5500 visits/s", "many visits/s", 1),
		"no unit":         strings.Replace(scaleRun, "5500 visits/s", "5500", 1),
		"cut in the line": strings.TrimSuffix(scaleRun, " stored\n"),
	} {
		_, err := parseScale([]byte(broken))
		assert.Error(t, err, name)
	}
	m, err := parseScale([]byte(scaleRun))
	require.NoError(t, err)
	_, err = m.into("<!-- stored -->\n<!-- /stored -->\n", languages["README.md"])
	assert.ErrorContains(t, err, "<!-- visitors -->", "a page without a mark")
}
