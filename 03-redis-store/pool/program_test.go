package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runProgram runs this chapter's main in a process of its own (see TestMain),
// with env on top of the test's environment ("NAME=value"). It returns the exit
// status, which is -1 for a program that had to be stopped, and all that was
// printed.
func runProgram(t *testing.T, env []string, args ...string) (status int, output string) {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(patience, program, args...)
	command.Env = append(append(os.Environ(), "RUN_PROGRAM=1"), env...)
	printed, err := command.CombinedOutput()
	require.NotNil(t, command.ProcessState, "the program did not start: %v", err)
	return command.ProcessState.ExitCode(), string(printed)
}

func TestReleaseModeWithoutASecretIsRefused(t *testing.T) {
	t.Parallel()
	status, output := runProgram(t, []string{"GIN_MODE=release", "SESSION_SECRET="})
	assert.Equal(t, 1, status)
	assert.Contains(t, output, "SESSION_SECRET is not set: release mode needs one of 32 bytes or more")
}

func TestAShortSecretIsRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"release", "debug"} {
		status, output := runProgram(t, []string{"GIN_MODE=" + mode, "SESSION_SECRET=secret11111"})
		assert.Equal(t, 1, status)
		assert.Contains(t, output, "SESSION_SECRET has 11 bytes: use 32 or more")
	}
}

func TestHelpNamesTheVariablesAndAnUnknownFlagIsAnError(t *testing.T) {
	t.Parallel()
	status, output := runProgram(t, nil, "-h")
	assert.Zero(t, status)
	assert.Contains(t, output, "SESSION_SECRET ")

	status, output = runProgram(t, nil, "-port", "9000")
	assert.Equal(t, 2, status)
	assert.Contains(t, output, "flag provided but not defined: -port")
}
