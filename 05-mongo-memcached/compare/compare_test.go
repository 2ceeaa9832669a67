// Package compare proves what its README says: the table of the five stores, cell by
// cell, and with a benchmark what a session costs. There are tests only.
package compare

import (
	"encoding/gob"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gin-sessions-tutorial/01-install/sessiontest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	// gob numbers the types as they come, and a high number takes a byte more. So the
	// values of a session come first here, as in a program that stores nothing else.
	if err := gob.NewEncoder(io.Discard).Encode(map[any]any{}); err != nil {
		log.Fatal(err)
	}
	sessiontest.Main(m, nil)
}

var columns = [5]string{"cookie", "memory", "Redis", "memcached", "MongoDB"}

// The table in the READMEs: a behaviour, the function that looks at it, and what it
// sees on each store.
var comparison = []struct {
	behaviour string
	see       look
	cells     [5]string
}{
	{"the values are", whereTheValuesAre,
		[5]string{"in the cookie, readable", "in the program", "in Redis, readable", "in memcached, readable", "in MongoDB, readable"}},
	{"the cookie holds", whatTheCookieHolds,
		[5]string{"all values", "an ID", "an ID", "an ID", "an ID"}},
	{"the cookie, without `Options`", attributesWithoutOptions,
		[5]string{"`Secure; SameSite=None`", "neither", "neither", "neither", "neither"}},
	{"after a restart of the program", restartOfTheProgram,
		[5]string{"goes on", "starts over", "goes on", "goes on", "goes on"}},
	{"on a second instance", secondInstance,
		[5]string{"goes on", "starts over", "goes on", "goes on", "goes on"}},
	{"after a restart of the server", onServers(restartOfTheServer),
		[5]string{"–", "–", "goes on, if Redis saves", "starts over", "goes on"}},
	{"a copied cookie, after the logout", copiedCookieAfterLogout,
		[5]string{"still works", "finds nothing", "finds nothing", "finds nothing", "finds nothing"}},
	{"a request under way at the logout", requestDuringLogout,
		[5]string{"brings the session back", "brings the session back", "brings the session back", "brings the session back", "brings the session back"}},
	{"the ID of a new session, started with a copied cookie after the logout", idAfterLogout,
		[5]string{"–", "the old one", "the old one", "the old one", "the old one"}},
	{"`MaxAge: 0`", maxAgeZero,
		[5]string{"until the browser closes", "until the browser closes", "deletes the session", "until the browser closes", "until the browser closes"}},
	{"a copied cookie, 3 s old, with `MaxAge: 1`", maxAgeOneSecond,
		[5]string{"still works", "still works", "finds nothing", "finds nothing", "still works"}},
	{"`MaxAge` of 31 days", maxAgeDays(31),
		[5]string{"ends after 30 days", "ends after 30 days", "ends after 30 days", "ends at once", "ends after 31 days"}},
	{"`MaxAge` of a year", maxAgeDays(365),
		[5]string{"ends after 30 days", "ends after 30 days", "ends after 30 days", "ends at once", "ends after 365 days"}},
	{"the longest text that one session can hold, in bytes", biggestText,
		[5]string{"2,211", "over 1 MB", "4,045", "2,220", "2,220"}},
	{"an unregistered type", unregisteredType,
		[5]string{"error from `Save`", "panic", "error from `Save`", "error from `Save`", "error from `Save`"}},
	{"expired sessions", sessionsThatAreOver,
		[5]string{"–", "stay", "are removed", "are removed", "are removed, by a TTL index"}},
	{"two updates at once", twoUpdatesAtOnce,
		[5]string{"one is lost", "one is lost", "one is lost", "one is lost", "one is lost"}},
	{"no server at start", onServers(noServerAtStart),
		[5]string{"–", "–", "error", "not noticed", "panic"}},
	{"the server dies: what the library gives you", onServers(libraryOnADeadServer),
		[5]string{"–", "–", "an empty session", "an empty session", "an empty session, after up to 30 s"}},
	{"the server dies: what this tutorial answers", onServers(programOnADeadServer),
		[5]string{"–", "–", "503", "503", "503"}},
	{"it cannot be read for a moment: what the library gives you", onServers(libraryInABlip),
		[5]string{"–", "–", "the values are lost", "the values are lost", "the values are lost"}},
	{"it cannot be read for a moment: what this tutorial answers", onServers(programInABlip),
		[5]string{"–", "–", "503, nothing is lost", "503, nothing is lost", "503, nothing is lost"}},
	{"it does not answer: what the library gives you", onServers(libraryOnASilentServer),
		[5]string{"–", "–", "the visitor waits", "an empty session, after 500 ms", "the visitor waits"}},
	{"it does not answer: what this tutorial answers", onServers(programOnASilentServer),
		[5]string{"–", "–", "503", "503", "503"}},
}

func TestTheFiveStores(t *testing.T) {
	t.Parallel()
	stores := contenders(t)
	for _, row := range comparison {
		for i, column := range columns {
			t.Run(row.behaviour+", "+column, func(t *testing.T) {
				t.Parallel() // most of them wait
				assert.Equal(t, row.cells[i], row.see(t, stores[column]), "wanted: what this cell of the README says")
			})
		}
	}
}

// in returns a piece of the table in the language of a README.
func in(readme, text string) string {
	if chinese, ok := inChinese[text]; ok && strings.HasSuffix(readme, ".zh-CN.md") {
		return chinese
	}
	return text // code, digits and names are the same in every language
}

// tableIn is the whole table, as a README shows it.
func tableIn(readme string) (header, rows string) {
	line := func(first string, cells [5]string) (line string) {
		line = "| " + in(readme, first)
		for _, cell := range cells {
			line += " | " + in(readme, cell)
		}
		return line + " |\n"
	}
	for _, row := range comparison {
		rows += line(row.behaviour, row.cells)
	}
	return line("", columns) + "|---|---|---|---|---|---|\n", rows
}

func TestTheREADMEsShowTheComparison(t *testing.T) {
	readmes, err := filepath.Glob("README*.md")
	require.NoError(t, err)
	require.NotEmpty(t, readmes)
	for _, name := range readmes {
		header, rows := tableIn(name)
		readme, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.True(t, strings.Contains(string(readme), "\n"+header+rows+"\n"), "wanted: this table in %s\n%s%s", name, header, rows)

		// The first page of the tutorial has some of the rows.
		start, err := os.ReadFile("../../" + name)
		require.NoError(t, err)
		_, choice, found := strings.Cut(string(start), "|---|---|---|---|---|---|\n")
		require.True(t, found, "wanted: such a table in ../../%s", name)
		choice, _, _ = strings.Cut(choice, "\n\n")
		for row := range strings.SplitSeq(choice, "\n") {
			assert.True(t, strings.Contains(rows, row+"\n"), "wanted: rows of this table only\n../../%s has another: %s", name, row)
		}
	}
}
