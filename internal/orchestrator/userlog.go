package orchestrator

import (
	"bytes"
	"context"
	"log/slog"
	"strings"

	"coglet/internal/prediction"
	"coglet/internal/protocol"
	"coglet/internal/telemetry"
)

// userLogs writes what the model prints to the server's own log, each kind under Cog's target for it.
type userLogs struct {
	setupLog, userLog, predictionLog, workerLog *slog.Logger
}

func newUserLogs(log *slog.Logger) userLogs {
	return userLogs{
		setupLog:      log.With(telemetry.Target("coglet::setup")),
		userLog:       log.With(telemetry.Target("coglet::user")),
		predictionLog: log.With(telemetry.Target("coglet::prediction")),
		workerLog:     log.With(telemetry.Target("coglet::worker")),
	}
}

// streamName is how Cog's log calls a stream.
func streamName(source protocol.Source) slog.Attr {
	if source == protocol.Stderr {
		return slog.String("source", "Stderr")
	}
	return slog.String("source", "Stdout")
}

func (l userLogs) user(setup bool, source protocol.Source, text []byte) {
	log := l.userLog
	if setup {
		log = l.setupLog
	}
	telemetry.Lines(log, text, streamName(source))
}

func (l userLogs) prediction(id string, source protocol.Source, text []byte) {
	telemetry.Lines(l.predictionLog, text, slog.String("prediction_id", id), streamName(source))
}

// begun, canceling and ended log the life of a prediction, in Cog's words.
func (l userLogs) begun(id string) { l.life(slog.LevelInfo, "Starting prediction", id) }

func (l userLogs) canceling(id string) { l.life(slog.LevelInfo, "Cancelling prediction", id) }

func (l userLogs) ended(id string, r prediction.Result, array bool) {
	switch r.Status {
	case prediction.Succeeded:
		telemetry.Log(l.predictionLog, slog.LevelInfo, "Prediction succeeded", slog.Float64("predict_time", r.PredictTime),
			slog.Bool("is_stream", r.Stream), slog.Bool("output_is_array", array), slog.String("prediction_id", id))
	case prediction.Canceled:
		l.life(slog.LevelInfo, "Prediction cancelled", id)
	default:
		telemetry.Log(l.predictionLog, slog.LevelWarn, "Prediction failed", slog.String("error", r.Error),
			slog.String("prediction_id", id))
	}
}

func (l userLogs) life(level slog.Level, message, id string) {
	telemetry.Log(l.predictionLog, level, message, slog.String("prediction_id", id))
}

// worker logs a message of the harness's own.
func (l userLogs) worker(index int, m protocol.WorkerLog) {
	level := slog.LevelInfo
	switch m.Level {
	case "debug":
		level = slog.LevelDebug
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	}
	l.workerLog.Log(context.Background(), level, m.Message, "worker", index)
}

// crashReport begins what Python itself writes of a crash, the frames with the innermost one first. It is in the logs;
// in an error its first line says enough.
const crashReport = "Fatal Python error: "

// lastLines makes the end of a stderr fit for an error: at most five lines, joined.
func lastLines(words []byte) string {
	if i := bytes.Index(words, []byte(crashReport)); i >= 0 {
		line, _, _ := bytes.Cut(words[i:], []byte("\n"))
		words = words[:i+len(line)]
	}
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(string(words), "\uFFFD")), "\n")
	if len(lines) > 5 {
		lines = lines[len(lines)-5:]
	}
	return strings.Join(lines, "\n")
}
