package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"coglet/internal/app"
	"coglet/internal/arguments"
	"coglet/internal/config"
	modes "coglet/internal/schema"
)

const predictHelp = `Run one %[1]s in the terminal, without a server.

    coglet %[2]s -i name=World
    coglet %[2]s examples/ocr -i image=@page.png -o annotated.png
    coglet %[2]s -i tags=red -i tags=blue -i options='{"deep": true}'
    echo '{"name": "World"}' | coglet %[2]s --json
    coglet %[2]s --url localhost:5000 -i name=World

Values take the type that the model's schema gives to their name. @PATH sends a
file, a repeated name makes a list, objects are JSON. The output goes to stdout,
token by token where the model streams; logs go to stderr; files in the output
are saved under their own names, or as -o says. Ctrl-C cancels, twice kills.

Exit codes: 0 it succeeded, 1 it could not be run, 2 it was asked for wrongly,
3 the model failed, 130 it was canceled.`

func predictCommand() *cobra.Command { return oneShotCommand(modes.Predict, "prediction") }

func trainCommand() *cobra.Command { return oneShotCommand(modes.Train, "training") }

// oneShotFlags are what predict and train take beside what says which model to run.
type oneShotFlags struct {
	args   []string
	json   bool
	output string
	url    string
}

func oneShotCommand(method, noun string) *cobra.Command {
	flags, own := config.NewFlags(), &oneShotFlags{}
	cmd := &cobra.Command{
		Use:               method + " [DIR]",
		Short:             "Run one " + noun + " of the model in DIR, without a server",
		Long:              fmt.Sprintf(predictHelp, noun, method),
		Args:              folderWithoutInputs,
		ValidArgsFunction: folders,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runOnce(cmd, method, args, flags, own)
		},
	}
	flags.BindOneShot(cmd.Flags(), method)
	addInstallFlag(cmd)
	set := cmd.Flags()
	set.StringArrayVarP(&own.args, "input", "i", nil, "an input, as name=value, name=@PATH or name=JSON; may be repeated")
	set.BoolVar(&own.json, "json", false, "read the whole input, one JSON object, from stdin")
	set.StringVarP(&own.output, "output", "o", "", "file or folder for the output, - for stdout")
	set.StringVar(&own.url, "url", "", "send it to a server that runs, instead of running the model")
	return cmd
}

// folderWithoutInputs is oneFolder that knows an input whose -i was forgotten.
func folderWithoutInputs(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if _, err := os.Stat(arg); err != nil && strings.Contains(arg, "=") {
			return usageError{fmt.Errorf("%q is no folder: an input is given as  -i %s", arg, arg)}
		}
	}
	return oneFolder(cmd, args)
}

func runOnce(cmd *cobra.Command, method string, args []string, flags *config.Flags, own *oneShotFlags) error {
	if own.url != "" && len(args) > 0 {
		return usageError{errors.New("want a folder or --url, not both")}
	}
	if own.json && len(own.args) > 0 {
		return usageError{errors.New("want -i or --json, not both")}
	}
	if err := arguments.Check(own.args); err != nil {
		return usageError{err}
	}
	ask := app.Ask{Method: method, Args: own.args, Output: own.output, Stdout: os.Stdout, Stderr: os.Stderr}
	if own.json {
		input, err := readInput(cmd.InOrStdin())
		if err != nil {
			return usageError{err}
		}
		ask.JSON = input
	}
	signals := make(chan os.Signal, 2)
	if own.url != "" {
		notify(signals)
		return coded(app.PredictAt(own.url, ask, signals))
	}
	if err := installFirst(cmd, folder(args), flags); err != nil {
		return err
	}
	cfg, err := config.Load(folder(args), flags, config.Environment)
	if err != nil {
		return err
	}
	notify(signals)
	return coded(app.Predict(cfg, app.ReadBuild(version), ask, signals))
}

// notify asks for the signals that end a prediction. A reader of stdout that has gone is an error of writing and not a
// death, so that the model and its files go too.
func notify(signals chan<- os.Signal) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
}

// coded gives an error of a prediction its exit code.
func coded(err error) error {
	var input *app.InputError
	var failed *app.FailedError
	switch {
	case errors.As(err, &input):
		return codedError{err, exitUsage}
	case errors.As(err, &failed):
		return codedError{err, exitPrediction}
	case errors.Is(err, app.ErrInterrupted):
		return codedError{err, exitInterrupted}
	}
	return err
}

// readInput reads the one JSON object of --json.
func readInput(in io.Reader) (jsontext.Value, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("--json: read stdin: %w", err)
	}
	value := jsontext.Value(text)
	if err := value.Compact(); err != nil {
		return nil, fmt.Errorf("--json: stdin is not JSON: %w", err)
	}
	if value.Kind() != '{' {
		return nil, errors.New("--json: want one JSON object on stdin, such as {\"name\": \"World\"}")
	}
	return value, nil
}
