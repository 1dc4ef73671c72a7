package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"coglet/internal/config"
	"coglet/internal/install"
)

const installHelp = `Make the Python environment that the model's cog.yaml asks for, without Docker:
build.python_version, build.python_packages, build.python_requirements. It is kept
in the user's cache under the hash of what it was made from, so the second time
takes no time, and serve, predict, train and schema use it by themselves.

uv makes it where it is installed, otherwise venv and pip do. What cog.yaml names
beside Python (system_packages, run, gpu) is told and never run.`

func installCommand() *cobra.Command {
	flags := config.NewFlags()
	cmd := &cobra.Command{
		Use:               "install [DIR]",
		Short:             "Make the environment that the model's cog.yaml asks for",
		Long:              installHelp,
		Args:              oneFolder,
		ValidArgsFunction: folders,
		RunE: func(_ *cobra.Command, args []string) error {
			_, err := runInstall(folder(args), flags, true)
			return err
		},
	}
	flags.BindPython(cmd.Flags())
	return cmd
}

// folders completes the name of a folder.
func folders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

const installFlag = "install"

func addInstallFlag(cmd *cobra.Command) {
	cmd.Flags().Bool(installFlag, false, "first do what coglet install does, and use the environment")
}

// installFirst does what --install asks for.
func installFirst(cmd *cobra.Command, dir string, flags *config.Flags) error {
	if wanted, err := cmd.Flags().GetBool(installFlag); err != nil || !wanted {
		return nil // schema has no such flag
	}
	python, err := runInstall(dir, flags, false)
	if err != nil || python == "" {
		return err
	}
	return cmd.Flags().Set("python", python) // also where --python said what to make it with
}

// runInstall makes the environment of the model in dir and returns its interpreter. Where it was not asked for by name, a
// model that needs none is no error.
func runInstall(dir string, flags *config.Flags, asked bool) (python string, err error) {
	recipe, found, err := config.LoadRecipe(dir, flags, config.Environment)
	if err != nil {
		return "", err
	}
	out := os.Stderr
	if asked {
		if !found {
			return "", usageError{fmt.Errorf("%s has no cog.yaml, so nothing says what the model needs: write one, for example with the line  build: {python_packages: [\"numpy\"]}", recipe.Dir)}
		}
		beside(out, recipe)
	}
	if recipe.Empty() {
		if asked {
			fmt.Fprintln(out, "Nothing to install: cog.yaml has no build.python_packages and no build.python_requirements")
		}
		return "", nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	started := time.Now()
	env, err := install.Make(ctx, install.Config{
		Recipe: recipe, Out: out, Terminal: term.IsTerminal(int(out.Fd())), Now: time.Now,
	})
	if ctx.Err() != nil && err != nil {
		return "", codedError{err, exitInterrupted}
	}
	if err != nil {
		return "", err
	}
	if env.Fresh {
		fmt.Fprintf(out, "Made in %s with Python %s: %s\n", time.Since(started).Round(100*time.Millisecond), env.Version, env.Root)
	} else if asked {
		fmt.Fprintf(out, "It is there already, with Python %s: %s\n", env.Version, env.Root)
	}
	if asked {
		say := "coglet serve, predict, train and schema use it for this model"
		if config.Environment("COGLET_PYTHON") != "" {
			say += " once COGLET_PYTHON is unset"
		}
		fmt.Fprintln(out, say)
	}
	return env.Python, nil
}

// beside tells of what the model needs that is not Python's.
func beside(out io.Writer, r config.Recipe) {
	if len(r.System) > 0 {
		fmt.Fprintf(out, "System packages are yours to install. Where they are missing, type:\n\n    sudo apt-get install -y %s\n\n",
			strings.Join(r.System, " "))
	}
	if len(r.Run) > 0 {
		fmt.Fprintf(out, "cog.yaml has commands for an image. They are not run; where the model needs them here, type:\n\n")
		for _, command := range r.Run {
			fmt.Fprintf(out, "    %s\n", strings.ReplaceAll(command, "\n", "\n    "))
		}
		fmt.Fprintln(out)
	}
	if r.GPU {
		if seen := seenGPU(); seen != "" {
			fmt.Fprintf(out, "cog.yaml asks for a GPU: %s is there\n", seen)
		} else {
			fmt.Fprintln(out, "cog.yaml asks for a GPU, and none is seen here: the model may be slow, or not run")
		}
	}
}

// seenGPU names a GPU whose driver is loaded.
func seenGPU() string {
	for _, pattern := range []string{"/proc/driver/nvidia/gpus/*", "/dev/nvidia[0-9]*", "/dev/kfd"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}
