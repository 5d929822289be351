// Package arch holds the test that keeps the arrows between Dogear's packages
// pointing one way. It has no code of its own.
package arch
