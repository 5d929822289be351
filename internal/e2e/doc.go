// Package e2e holds the tests that use Dogear as its users do: the real
// binary, on the sample workspace, with a real engine. It has no code of its
// own.
package e2e
