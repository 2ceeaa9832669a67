package sessiontest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
)

// runExercise is the variable with the name of the exercise that runs in this process.
const runExercise = "SESSIONTEST_EXERCISE"

// Exercise runs the test of one exercise, unless its TODO still stands in its file.
// The test is called like TestExercise2_1, and the file like 2_1_save.go.
//
// It runs in a process of its own, so that a panic or an endless loop in one
// exercise hides no other. To debug it, set SESSIONTEST_EXERCISE to the test's
// name: then it runs in this process.
func Exercise(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if os.Getenv(runExercise) == t.Name() {
		test(t)
		return
	}
	t.Parallel()
	number := strings.TrimPrefix(t.Name(), "TestExercise") // like 2_1
	folder, err := os.Getwd()
	require.NoError(t, err)
	folder = "./" + filepath.Base(filepath.Dir(folder)) + "/" + filepath.Base(folder)
	again := fmt.Sprintf("go test -v -run '%s' %s", strings.TrimPrefix(t.Name(), "Test"), folder)

	files, err := filepath.Glob(number + "_*.go")
	require.NoError(t, err)
	require.Len(t, files, 1, "%s holds one file of this exercise: was it renamed, or is there a copy?", folder)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	todo := regexp.MustCompile(`TODO\(` + strings.Replace(number, "_", `\.`, 1) + `\).*`)
	if goal := todo.Find(text); goal != nil {
		t.Skipf("not begun. Open %s/%s, delete the line with the TODO, and begin:\n%s\nThen: %s", folder, files[0], goal, again)
	}

	program, err := os.Executable()
	require.NoError(t, err)
	process := exec.Command(program, "-test.run", "^"+t.Name()+"$", "-test.timeout", "2m")
	process.Env = append(os.Environ(), runExercise+"="+t.Name())
	if output, err := process.CombinedOutput(); err != nil {
		t.Errorf("not solved yet:\n%s\nAgain: %s", frame.ReplaceAll(output, nil), again)
	}
}

// frame is what go test and testify print around a failure.
var frame = regexp.MustCompile(`(?m)^--- FAIL.*\n|^FAIL\n|^\s+Error Trace:.*\n(\s+\S+:\d+\n)*|^\s+Test: .*\n`)

// ServeExercise runs an app with these routes, and returns its URL. What panics in
// a handler is told, and answered with a 500. The app runs as long as the process:
// to close it would be to wait for a handler that never ends.
func ServeExercise(t *testing.T, routes func(r *gin.Engine)) (url string) {
	t.Helper()
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, reason any) {
		place := regexp.MustCompile(`\d+_\d+_\w+\.go:\d+`).Find(debug.Stack())
		t.Logf("%s %s panicked: %v (%s)", c.Request.Method, c.Request.URL.Path, reason, place)
		c.AbortWithStatus(http.StatusInternalServerError)
	}))
	routes(r)
	return httptest.NewServer(r).URL
}

// Options returns those of the tutorial's programs: safe, for all paths, for a day.
func Options() sessions.Options {
	return sessions.Options{Path: "/", MaxAge: 24 * 60 * 60, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}
