package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"coglet/fdredirect"
	"coglet/internal/process"
	"coglet/internal/protocol"
)

// instance is one process of a worker, from its start to the last byte that it left behind.
type instance struct {
	pool   *Pool
	worker *worker
	dir    string // its private folder
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // goroutines of its runs
	// deliveries are for goroutines that have nothing to do.
	deliveries chan *delivery

	proc    *process.Process
	launch  *fdredirect.Launch
	control *protocol.Writer
	data    *protocol.Writer

	order             order
	ring              ring
	controlIn, dataIn *channel // of their readers
	lines             lines

	capture [2]*capture // stdout, stderr; [0] is nil when control is on stdout
	health  healthcalls

	ready    chan protocol.Ready // one, from the control reader
	failed   chan string         // one: setup_failed
	document []byte              // the OpenAPI document of ready; read after ready was received
	model    *Model              // set before its slots are open

	readers sync.WaitGroup
	// admitted is bytes taken from Pool.buffer for the frame that the data reader reads. Nobody else handles an output
	// meanwhile: what is in the ring by then comes behind that frame, or was taken before.
	admitted int64
	drained  uint64 // of the data reader: its reads when the capture pipes were drained for a done

	// Guarded by Pool.mu.
	accepting  bool
	setup      bool // setup has not ended: what is printed belongs to it
	answered   bool // ready or setup_failed has arrived
	slots      []*slot
	running    int // slots with a run
	seq        uint64
	quarantine *time.Timer
	reason     error // why it was killed by us; the first one counts
}

var (
	errIgnoredCancel = errors.New("worker stopped: another prediction ignored its cancel")
	errStopping      = errors.New("worker stopped: server is shutting down")
	errSetupTimeout  = errors.New("setup timed out")
)

// spawn starts a process of w. On an error nothing is left behind.
func (w *worker) spawn() (_ *instance, err error) {
	p := w.pool
	w.generation++
	dir, err := p.cfg.WorkerDir(fmt.Sprintf("worker-%d-%d", w.index, w.generation))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	cmd := p.cfg.Command()
	launch, err := fdredirect.Prepare(cmd, fdredirect.Options{Stdio: p.cfg.Stdio, Stderr: p.cfg.Stderr, Memory: ringSize})
	if err != nil {
		return nil, fmt.Errorf("prepare worker: %w", err)
	}
	i := &instance{
		pool: p, worker: w, dir: dir, launch: launch, setup: true,
		ready: make(chan protocol.Ready, 1), failed: make(chan string, 1), deliveries: make(chan *delivery),
	}
	i.lines.log = &p.log
	i.ctx, i.cancel = context.WithCancelCause(context.Background())
	if i.proc, err = p.cfg.Table.Start(cmd); err != nil {
		launch.CloseChild()
		launch.Close()
		return nil, fmt.Errorf("start worker %q: %w", cmd.Path, err)
	}
	err = launch.Arm(i.proc.Pid())
	launch.CloseChild()
	if err == nil {
		err = i.connect()
	}
	if err != nil {
		i.proc.Kill()
		<-i.proc.Done()
		i.closeRing()
		launch.Close()
		return nil, fmt.Errorf("start worker: %w", err)
	}
	return i, nil
}

// connect opens the channels, starts their readers and sends init.
func (i *instance) connect() (err error) {
	if i.control, err = protocol.NewWriter(i.launch.ControlIn); err != nil {
		return err
	}
	if i.data, err = protocol.NewWriter(i.launch.Data); err != nil {
		return err
	}
	if i.controlIn, err = i.order.channel(i.launch.ControlOut); err != nil {
		return err
	}
	if i.dataIn, err = i.order.channel(i.launch.Data); err != nil {
		return err
	}
	i.dataIn.idle = i.lines.flush
	i.openRing()
	if err := i.startCapture(); err != nil {
		return err
	}
	init := i.pool.cfg.Init
	init.Type, init.Version, init.Tmp = protocol.TypeInit, protocol.Version, i.dir
	if err := i.control.Send(&init, nil); err != nil {
		i.pool.cfg.Log.Debug("init not sent", "error", err) // it died already; its end says how
	}
	i.readers.Go(i.readControl)
	i.readers.Go(i.readData)
	return nil
}

// kill ends the process group at once; the first reason is what its predictions fail with. Safe at any time.
func (i *instance) kill(reason error) {
	i.pool.mu.Lock()
	if i.reason == nil {
		i.reason = reason
	}
	i.pool.mu.Unlock()
	i.proc.Kill()
}

// allOverdue reports whether all that runs here has ignored its cancel. It needs Pool.mu.
func (i *instance) allOverdue() bool {
	for _, s := range i.slots {
		if s.run != nil && !s.run.overdue {
			return false
		}
	}
	return true
}

// sole returns the run of this worker when there is exactly one.
func (i *instance) sole() *Run {
	i.pool.mu.Lock()
	defer i.pool.mu.Unlock()
	if i.running != 1 {
		return nil
	}
	for _, s := range i.slots {
		if s.run != nil {
			return s.run
		}
	}
	return nil
}

func (i *instance) sendCancel(slot int, seq uint64) {
	i.tell(&protocol.Cancel{Type: protocol.TypeCancel, Slot: slot, Seq: seq})
}

func (i *instance) sendHealthcheck(id uint64) {
	i.tell(&protocol.Healthcheck{Type: protocol.TypeHealthcheck, ID: id})
}

func (i *instance) sendShutdown() { i.tell(&protocol.Shutdown{Type: protocol.TypeShutdown}) }

// tell sends a control message. When it cannot, the worker is ending and its end is acted on elsewhere.
func (i *instance) tell(msg any) {
	if err := i.control.Send(msg, nil); err != nil {
		i.pool.cfg.Log.Debug("control message not sent", "worker", i.worker.index, "error", err)
	}
}

// drainTime bounds the reading of what a dead worker left in its channels: a process that copied them keeps them open.
const drainTime = 200 * time.Millisecond

// boundReading lets the readers of the channels of a dead worker end.
func (i *instance) boundReading() {
	deadline := time.Now().Add(drainTime)
	for _, c := range []interface{ SetReadDeadline(time.Time) error }{i.launch.ControlOut, i.launch.Data} {
		if err := c.SetReadDeadline(deadline); err != nil {
			i.pool.cfg.Log.Debug("no deadline on the channel of a dead worker", "error", err)
		}
	}
}

// readRest returns when what a dead worker left in its channels has been handled: its death is often known before its
// last words.
func (i *instance) readRest() {
	i.boundReading()
	i.readers.Wait()
}

// bury is called once the process is gone: it reads what is left, fails what ran, and gives everything back.
func (i *instance) bury(reason error) {
	i.boundReading()
	i.cancel(reason)
	i.health.abandon(reason)
	p := i.pool
	p.mu.Lock()
	p.shut(i)
	if i.worker.state == workerReady {
		i.worker.state = workerRestarting // health tells the truth from here on
	}
	if i.quarantine != nil {
		i.quarantine.Stop()
	}
	p.mu.Unlock()
	i.readers.Wait()
	i.closeRing()
	i.drainCapture()
	i.lines.flush()

	p.mu.Lock()
	var runs []*Run
	for _, s := range i.slots {
		if s.run != nil && s.run.phase != phaseDelivering {
			runs = append(runs, s.run)
		}
	}
	p.mu.Unlock()
	for _, r := range runs {
		r.fail(reason)
	}
	i.wg.Wait()
	if i.admitted > 0 {
		p.buffer.Release(i.admitted)
	}
	i.launch.CloseChannels()
	i.control.Wait()
	i.data.Wait()
	i.abandonCapture()
	if err := os.RemoveAll(i.dir); err != nil {
		p.cfg.Log.Warn("worker folder not removed", "error", err)
	}
}
