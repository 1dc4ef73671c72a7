package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

//go:embed template
var template embed.FS

func initCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "init [DIR]",
		Short:             "Write a cog.yaml and a predict.py to start from",
		Args:              oneFolder,
		ValidArgsFunction: folders,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := folder(args)
			if err := writeTemplate(dir); err != nil {
				return err
			}
			target := ""
			if dir != "." {
				target = " " + dir
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s and %s. Try:\n\n    coglet predict%s -i name=World\n    coglet serve%s\n",
				filepath.Join(dir, "cog.yaml"), filepath.Join(dir, "predict.py"), target, target)
			return nil
		},
	}
}

// writeTemplate writes the files of the template into dir, which it makes. It writes none where one exists.
func writeTemplate(dir string) error {
	names := []string{"cog.yaml", "predict.py"}
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return usageError{fmt.Errorf("%s exists and is left as it is: name another folder", filepath.Join(dir, name))}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return usageError{err}
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		text, err := template.ReadFile("template/" + name)
		if err != nil {
			return err
		}
		if err := writeNew(filepath.Join(dir, name), text); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file that must not exist.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
