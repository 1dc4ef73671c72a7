// Package fdredirect keeps a worker's protocol apart from what its user code prints. User code, and every child that it
// starts, owns file descriptors 0, 1 and 2; the protocol lives on high numbers that no child inherits:
//
//	0         /dev/null: a child that reads its stdin must not eat control frames
//	1, 2      write ends of two capture pipes
//	99, 100   control in and out, close-on-exec
//	101       the stderr that the worker was born with, close-on-exec
//	102       data socket, close-on-exec
//	103       lifeline: read end of a pipe on which nothing is ever sent, close-on-exec
//	104       memory shared with the parent, where it is asked for and the system has it, close-on-exec
//
// There are two ways to get there. Prepare lays a child out before it is executed: for every runtime that starts user
// code before it could redirect anything, as Python does. Redirect does it in a process that was started with control
// on its stdin and stdout: for workers written in Go.
//
// The package knows no frames and no messages.
package fdredirect

// The file descriptors of a worker.
const (
	ControlIn  = 99
	ControlOut = 100
	Diagnostic = 101
	Data       = 102
	Lifeline   = 103
	Memory     = 104
)
