// Package agent is the local agent: the one owner of a store. It runs one job
// at a time on a workspace, brings to an end what an earlier agent left
// unfinished, keeps the log, and serves the API of package agent/api on a
// Unix socket in the store's directory.
//
// There is no difference between an agent that stays (dogear agent run) and
// one that a command starts inside itself: the latter leaves after its last
// client.
//
// It composes the engines (packages snapshot and restore), the store and the
// drivers, and knows no kind by name.
package agent
