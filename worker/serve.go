//go:build unix

package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"

	"coglet/fdredirect"
	"coglet/internal/protocol"
)

// server is the worker's side of its channels.
type server struct {
	predictor Predictor
	redirect  *fdredirect.Redirected
	control   *protocol.Writer
	data      *protocol.Writer
	dataConn  net.Conn
	tmp       string
	settling  chan chan struct{} // asks capture to pass on what is there
	wg        sync.WaitGroup     // predictions

	mu       sync.Mutex     // guards all below
	running  map[int]*run   // by slot
	asked    map[int]uint64 // slot → highest seq that is to stop
	stopping bool
}

// serve takes the predictor through its life. nil means that the server has ended it.
func serve(p Predictor) error {
	redirect, err := fdredirect.Redirect()
	if err != nil {
		return err
	}
	s := &server{
		predictor: p, redirect: redirect, running: make(map[int]*run), asked: make(map[int]uint64),
		settling: make(chan chan struct{}),
	}
	if err := s.open(); err != nil {
		return err
	}
	// The runtime's last words go to fd 2, which this process itself reads: the server would never see them.
	if err := debug.SetCrashOutput(os.NewFile(fdredirect.Diagnostic, "stderr"), debug.CrashOptions{}); err != nil {
		return fmt.Errorf("set crash output: %w", err)
	}
	go s.capture() // ends with the process: what is printed must always find a reader
	in := protocol.NewReader(redirect.In)
	init, err := readInit(in)
	if err != nil {
		return err
	}
	s.tmp = init.Tmp
	if err := s.setup(init); err != nil {
		s.must(s.control.Send(&protocol.SetupFailed{Type: protocol.TypeSetupFailed, Error: errorText(err)}, nil))
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- s.readControl(in) }() // both end with the process
	go func() { ended <- s.readData() }()
	return <-ended
}

// open opens the writers of both channels.
func (s *server) open() (err error) {
	if s.control, err = protocol.NewWriter(s.redirect.Out); err != nil {
		return err
	}
	file := os.NewFile(fdredirect.Data, "data socket")
	if s.dataConn, err = net.FileConn(file); err != nil {
		return fmt.Errorf("fd %d is no socket: was this started by coglet serve? %w", fdredirect.Data, err)
	}
	conn, ok := s.dataConn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("fd %d is not a Unix socket", fdredirect.Data)
	}
	s.data, err = protocol.NewWriter(conn)
	return err
}

func readInit(in *protocol.Reader) (protocol.Init, error) {
	var init protocol.Init
	f, err := in.Next()
	if err != nil {
		return init, fmt.Errorf("read init: %w", err)
	}
	if f.Type != protocol.TypeInit {
		return init, fmt.Errorf("first message is %q, want init", f.Type)
	}
	if err := f.Decode(&init); err != nil {
		return init, err
	}
	if init.Version != protocol.Version {
		return init, fmt.Errorf("server speaks protocol version %d, this worker %d", init.Version, protocol.Version)
	}
	return init, nil
}

// setup runs the predictor's setup and says ready.
func (s *server) setup(init protocol.Init) error {
	ready := protocol.Ready{Type: protocol.TypeReady, Version: protocol.Version, Slots: init.Slots}
	if ready.Slots == 0 {
		ready.Slots = 1
		if p, ok := s.predictor.(Slots); ok {
			ready.Slots = p.Slots()
		}
	}
	_, ready.Healthcheck = s.predictor.(Healthcheck)
	var schema []byte
	if p, ok := s.predictor.(Schema); ok {
		schema = p.Schema()
	}
	if p, ok := s.predictor.(Setup); ok && !init.SchemaOnly {
		err := guard(func() error { return p.Setup(context.Background()) })
		s.settle()
		if err != nil {
			return err
		}
	}
	return s.control.Send(&ready, schema)
}

// readControl handles control messages until the server ends the worker (nil) or is gone.
func (s *server) readControl(in *protocol.Reader) error {
	for {
		f, err := in.Next()
		if errors.Is(err, io.EOF) {
			os.Exit(0) // the server is gone, and with it everybody who waits
		}
		if err != nil {
			return err
		}
		switch f.Type {
		case protocol.TypeCancel:
			var m protocol.Cancel
			if err := f.Decode(&m); err != nil {
				return err
			}
			s.cancel(m.Slot, m.Seq)
		case protocol.TypeHealthcheck:
			var m protocol.Healthcheck
			if err := f.Decode(&m); err != nil {
				return err
			}
			go s.healthcheck(m.ID) // ends with the process: nobody waits for an answer at its end
		case protocol.TypeShutdown:
			s.stop()
			return nil
		}
	}
}

// stop returns when nothing runs and all that was sent has left this process.
func (s *server) stop() {
	s.mu.Lock()
	s.stopping = true // no further prediction begins: the wait below is for all of them
	s.mu.Unlock()
	s.wg.Wait()
	s.settle()
	s.data.Wait()
	s.control.Wait()
}

// readData starts predictions until the data socket ends.
func (s *server) readData() error {
	in := protocol.NewReader(s.dataConn)
	for {
		f, err := in.Next()
		if errors.Is(err, io.EOF) {
			os.Exit(0)
		}
		if err != nil {
			return err
		}
		if f.Type != protocol.TypePredict {
			continue
		}
		var m protocol.Predict
		if err := f.Decode(&m); err != nil {
			return err
		}
		s.start(m, f.TakeBody())
	}
}

func (s *server) healthcheck(id uint64) {
	result := protocol.HealthcheckResult{Type: protocol.TypeHealthcheckResult, ID: id, Status: "healthy"}
	p, ok := s.predictor.(Healthcheck)
	if ok {
		if err := guard(func() error { return p.Healthcheck(context.Background()) }); err != nil {
			result.Status, result.Error = "unhealthy", "Healthcheck failed: "+errorText(err)
		}
	}
	s.must(s.control.Send(&result, nil))
}

// must ends a worker whose channels are gone: nobody can use it any more.
func (s *server) must(err error) {
	if err != nil {
		fmt.Fprintln(os.NewFile(fdredirect.Diagnostic, "stderr"), "worker:", err)
		os.Exit(70)
	}
}
