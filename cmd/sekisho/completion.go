package main

import "github.com/spf13/cobra"

// shells are those that can complete our commands.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "completion SHELL", Short: t.say("cmd.completion"), ValidArgs: shells,
		Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			}
			return root.GenPowerShellCompletionWithDesc(out)
		},
	}
}
