// Package sessiontest tests Gin apps that have sessions: yours, and the programs
// of this tutorial.
//
// For any app there are a Browser, which keeps cookies and tells its story when a
// test fails, Serve, and what a thief, a clock or a broken store would do: Decode,
// Aged, CannotSave, Proxy.
//
// For the tutorial's programs there is what they have in common, each a call:
// TestContract, TestOutages, TestSilence and TestProgram. Exercise runs an exercise.
package sessiontest
