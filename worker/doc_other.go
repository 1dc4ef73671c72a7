//go:build !unix

// Package worker is what a coglet worker written in Go needs. It exists on Unix only: there is no way elsewhere to keep
// the protocol apart from what user code prints.
package worker
