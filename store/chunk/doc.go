// Package chunk keeps content in packs: files that hold many chunks, in
// compressed frames, and describe themselves (docs/format.md).
//
// A Packer writes packs into a directory; a Reader gets chunks back and
// verifies packs. What has been written, where it is, and which of it counts
// is for the caller to know: there is no index here and no locking between
// processes.
package chunk
