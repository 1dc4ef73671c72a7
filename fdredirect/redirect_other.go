//go:build !unix

package fdredirect

import "os"

// Redirected is a process whose protocol stays where it is: there is no way here to move it.
type Redirected struct {
	In   *os.File   // stdin
	Out  *os.File   // stdout
	Logs <-chan Log // closed: nothing is captured
}

// Redirect redirects nothing on systems that are not Unix: it returns plain stdin and stdout. What user code and its
// children print there goes into the control channel and breaks it.
func Redirect() (*Redirected, error) {
	logs := make(chan Log)
	close(logs)
	return &Redirected{In: os.Stdin, Out: os.Stdout, Logs: logs}, nil
}

// Flush does nothing here.
func (r *Redirected) Flush() {}

// Close does nothing here.
func (r *Redirected) Close() {}
