// Package testbed gives tests real things to work on: a Docker engine, servers in containers, and the sample
// workspace. Only tests import it.
//
// What is real comes from testdata/services/up, which installs and starts it where it may. This package starts no engine and
// installs nothing: what is missing makes a test skip, or fail where DOGEAR_REQUIRE names it (see Require).
//
// Everything made here has a name of its own, carries the label dogear.test, and is removed by that name when its
// test ends. Nothing is ever pruned: the engine may be somebody's.
package testbed
