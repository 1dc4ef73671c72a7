// Command coglet serves Cog models. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"coglet/internal/app"
	"coglet/internal/config"
	"coglet/internal/telemetry"
)

// version is the semantic version of this source.
const version = "0.24.0"

// Exit codes.
const (
	exitFailed = 1 // it could not be done
	exitUsage  = 2 // it was asked for wrongly: flags, folder, cog.yaml, environment, inputs
	// exitPrediction is a prediction that failed: what was asked for was done, and the model could not do it.
	exitPrediction = 3
	// exitInterrupted is what shells say of a program that Ctrl-C has ended.
	exitInterrupted = 130
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	root := rootCommand()
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "coglet:", err)
	var usage usageError
	var settings *config.Error
	var coded codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	if errors.As(err, &usage) || errors.As(err, &settings) {
		return exitUsage
	}
	return exitFailed
}

// codedError is one with an exit code of its own.
type codedError struct {
	error
	code int
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

func oneFolder(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError{fmt.Errorf("want one folder, got %d: %s", len(args), strings.Join(args, " "))}
	}
	return nil
}

func folder(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

// modelCommand is a command on the model in a folder.
func modelCommand(use, short string, flags *config.Flags, run func(config.Config) error) *cobra.Command {
	return &cobra.Command{
		Use:               use,
		Short:             short,
		Args:              oneFolder,
		ValidArgsFunction: folders,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := installFirst(cmd, folder(args), flags); err != nil {
				return err
			}
			cfg, err := config.Load(folder(args), flags, config.Environment)
			if err != nil {
				return err
			}
			return run(cfg)
		},
	}
}

func serveCommand() *cobra.Command {
	flags := config.NewFlags()
	cmd := modelCommand("serve [DIR]", "Serve the model in DIR, by default the present folder", flags, serve)
	flags.BindServe(cmd.Flags())
	addInstallFlag(cmd)
	return cmd
}

func serve(cfg config.Config) error {
	terminal := term.IsTerminal(int(os.Stderr.Fd()))
	var tell io.Writer
	format := cfg.LogFormat
	if terminal {
		tell = os.Stderr
		if format == "" {
			format = "console"
		}
	}
	out := telemetry.NewBurst(os.Stderr)
	defer out.Flush()
	log := telemetry.New(out, format, cfg.LogLevel, terminal && !cfg.NoColor)
	for _, warning := range cfg.Warnings {
		log.Warn("setting not used", "reason", warning)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt)
	if cfg.AwaitExplicitShutdown {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(signals, syscall.SIGTERM)
	}
	return app.Serve(cfg, app.ReadBuild(version), log, tell, signals)
}

func schemaCommand() *cobra.Command {
	flags := config.NewFlags()
	cmd := modelCommand("schema [DIR]", "Print the model's OpenAPI document, without running setup()", flags, schema)
	flags.BindModel(cmd.Flags())
	return cmd
}

func schema(cfg config.Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return app.Schema(ctx, cfg, os.Stdout, os.Stderr)
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print what this binary was made from",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("version takes nothing, got %s", strings.Join(args, " "))}
			}
			return nil
		},
		Run: func(cmd *cobra.Command, _ []string) { printVersion(cmd.OutOrStdout()) },
	}
}

func printVersion(out io.Writer) {
	b := app.ReadBuild(version)
	fmt.Fprintf(out, "coglet %s", b.Version)
	if b.Commit != "" {
		fmt.Fprintf(out, " (%s)", b.Commit)
	}
	fmt.Fprintln(out)
}
