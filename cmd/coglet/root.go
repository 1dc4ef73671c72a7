package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `coglet runs Cog models: isolated Python workers in the terminal, or behind Cog's
HTTP API. From nothing to a prediction, in a terminal and in a browser:

    coglet init greeter
    coglet predict greeter -i name=World
    coglet serve greeter        then open http://localhost:5000

A model is a folder with a predict.py and, where it needs packages, a cog.yaml:
coglet install makes the environment. A folder that is not named is this one.`

// rootCommand has all others. Alone it shows its help; with anything else it says what was meant.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:                        "coglet",
		Short:                      "Run and serve Cog models",
		Long:                       rootHelp,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		DisableFlagsInUseLine:      true,
		Args:                       cobra.ArbitraryArgs,
		DisableFlagParsing:         true, // an unknown command is the mistake, not what stands behind it
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0, args[0] == "-h", args[0] == "--help":
				return cmd.Help()
			case args[0] == "--version":
				printVersion(cmd.OutOrStdout())
				return nil
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
	})
	const running, making, other = "run", "make", "other"
	root.AddGroup(
		&cobra.Group{ID: running, Title: "Run a model:"},
		&cobra.Group{ID: making, Title: "Make one, and look at it:"},
		&cobra.Group{ID: other, Title: "And:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, command := range commands {
			command.GroupID = group
		}
		root.AddCommand(commands...)
	}
	add(running, predictCommand(), serveCommand(), trainCommand())
	add(making, initCommand(), installCommand(), schemaCommand())
	help := helpCommand()
	add(other, completionCommand(), help, versionCommand())
	root.SetHelpCommand(help)
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// unknownCommand says what was probably meant.
func unknownCommand(root *cobra.Command, name string) error {
	if strings.HasPrefix(name, "-") {
		return usageError{fmt.Errorf("unknown flag: %s: see coglet --help", name)}
	}
	meant := "see coglet --help"
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		meant = fmt.Sprintf("for the model in that folder:  coglet serve %s", name)
	} else if near := root.SuggestionsFor(name); len(near) > 0 {
		meant = fmt.Sprintf("did you mean %s?", strings.Join(near, " or "))
	}
	return usageError{fmt.Errorf("unknown command %q: %s", name, meant)}
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show what a command does and every flag it takes",
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			for _, c := range cmd.Root().Commands() {
				if c.IsAvailableCommand() {
					names = append(names, c.Name()+"\t"+c.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			target, _, err := cmd.Root().Find(args)
			if err != nil || target == cmd.Root() && len(args) > 0 {
				return unknownCommand(cmd.Root(), args[0])
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}

const completionHelp = `Print a script that completes commands, flags and folders when you press Tab.

    bash          echo 'source <(coglet completion bash)' >>~/.bashrc
    zsh           coglet completion zsh >"${fpath[1]}/_coglet"
    fish          coglet completion fish >~/.config/fish/completions/coglet.fish
    powershell    coglet completion powershell | Out-String | Invoke-Expression`

var shells = []string{"bash", "zsh", "fish", "powershell"}

func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print completions for " + strings.Join(shells, ", "),
		Long:      completionHelp,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return usageError{fmt.Errorf("want one shell of %s", strings.Join(shells, ", "))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			}
			return root.GenBashCompletionV2(out, true)
		},
	}
}
