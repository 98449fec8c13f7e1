// Package azure is the drivers for Microsoft Azure.
//
// How a session is opened (session.go) and what an error means (errors.go) is
// for all services; each file of the rest is one part of one service. The SDK
// makes one attempt a request: retrying is the host's.
package azure
