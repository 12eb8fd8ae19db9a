package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/demo"
)

func newDev(t *terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "dev", Short: t.say("cmd.dev"), Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newPlay(t, demo.ServiceNow, "cmd.dev.servicenow"), newPlay(t, demo.Jira, "cmd.dev.jira"))
	return cmd
}

func newPlay(t *terminal, system, key string) *cobra.Command {
	var listen string
	var switches []string
	cmd := &cobra.Command{
		Use: "fake-" + system, Short: t.say(key), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.play(cmd.Context(), system, listen, switches) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", t.say("cmd.dev.listen"))
	cmd.Flags().StringArrayVar(&switches, "switch", nil, t.say("cmd.dev.switch"))
	return cmd
}

// play runs a simulator alone until the program is told to end.
func (t *terminal) play(ctx context.Context, system, listen string, switches []string) error {
	book, err := demo.Sentences()
	if err != nil {
		return err
	}
	t.book = book // of what it refuses too
	return demo.Play(ctx, demo.PlayOptions{System: system, Listen: listen, Switches: switches, Out: os.Stdout, Lang: t.lang})
}
