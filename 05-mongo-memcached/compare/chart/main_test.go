package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sessiontest.Main(m, main) }

func TestTheREADMEsAndTheChartShowTheRunInBenchTxt(t *testing.T) {
	t.Parallel()
	run, err := os.ReadFile("../bench.txt")
	require.NoError(t, err)
	results, err := parse(run)
	require.NoError(t, err)

	var markdown, svg bytes.Buffer
	table(&markdown, results)
	_, rows, _ := strings.Cut(markdown.String(), "\n") // the header is in the README's language
	readmes, err := filepath.Glob("../README*.md")
	require.NoError(t, err)
	require.NotEmpty(t, readmes)
	for _, name := range readmes {
		readme, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.True(t, strings.Contains(string(readme), "\n"+rows+"\n"), "wanted: this table in %s\n%s", name, &markdown)
	}

	draw(&svg, results)
	drawn, err := os.ReadFile("../bench.svg")
	require.NoError(t, err)
	assert.Equal(t, svg.String(), string(drawn), "wanted: the chart of bench.txt\nlikely cause: a new run; go run ./05-mongo-memcached/compare/chart draws it again")
}

const run = `
BenchmarkIncr/no-session/sequential-2  1000  2000 ns/op  0 B/session  0 trips/op  100 B/op  20 allocs/op
BenchmarkIncr/no-session/parallel-2    1000  1000 ns/op  100 B/op  20 allocs/op
BenchmarkIncr/Redis-pool/sequential-2  1000  90000 ns/op  103.0 B/session  2.000 trips/op  900 B/op  321 allocs/op
BenchmarkIncr/Redis-pool/sequential-2  1000  10000 ns/op  103.0 B/session  2.005 trips/op  900 B/op  321 allocs/op
BenchmarkIncr/Redis-pool/sequential-2  1000  24690 ns/op  103.0 B/session  2.010 trips/op  900 B/op  322 allocs/op
BenchmarkIncr/Redis-pool/parallel-2    1000  123456 ns/op  900 B/op  320 allocs/op
`

func TestTheTableHasTheLeastOfAllRunsAndItsRatio(t *testing.T) {
	t.Parallel()
	results, err := parse([]byte(run))
	require.NoError(t, err)
	var markdown bytes.Buffer
	table(&markdown, results)
	assert.Equal(t, `| | one after the other | in parallel | allocations | round trips | bytes a session |
|---|---|---|---|---|---|
| no session | ×1.0 (2.0 µs) | ×1.0 (1.0 µs) | 20 (0.1 KB) | 0 | 0 |
| Redis pool | ×5.0 (10 µs) | ×120 (120 µs) | 321 (0.9 KB) | 2 | 103 |
`, markdown.String())
}

func TestABarIsAsLongAsItsRatio(t *testing.T) {
	t.Parallel()
	results, err := parse([]byte(strings.ReplaceAll(run, "123456", "100000")))
	require.NoError(t, err)
	var svg bytes.Buffer
	draw(&svg, results)
	assert.Contains(t, svg.String(), `width="320.0" height="11" class="parallel"/>`, "a factor of 100 is two decades")
}

func TestAnIncompleteRunIsAnError(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(run), "\n")
	for name, broken := range map[string]string{
		"empty":           "",
		"no base":         strings.Join(lines[2:], "\n"),
		"half a store":    strings.Join(lines[:5], "\n"),
		"no round trips":  strings.ReplaceAll(run, "trips/op", "walks/op"),
		"cut in the line": strings.Replace(run, "24690 ns/op", "ns/op", 1),
	} {
		_, err := parse([]byte(broken))
		assert.Error(t, err, name)
	}
}
