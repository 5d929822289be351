// Package api is the wire between Dogear's commands and its agent: requests,
// results, errors, the stream in which they travel, and the client.
//
// A call is a POST to /v1/NAME with the request as JSON. The answer is
// NDJSON: any number of progress frames, then exactly one frame with the
// result or the error. Closing the connection cancels the job; so does a POST
// to /v1/cancel with the job's id, after which the stream still ends with
// what came of it.
//
// Here are shapes only; what happens with them is the agent's business.
package api
