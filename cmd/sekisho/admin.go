package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/client"
)

func newAdmin(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "admin", Short: t.say("cmd.admin"), Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRecover(t), newKit(t), newNewKey(t))
	return cmd
}

func newRecover(t *terminal) *cobra.Command {
	var login string
	var a afar
	cmd := &cobra.Command{
		Use: "recover --login LOGIN", Short: t.say("cmd.admin.recover"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if login == "" {
				return usage{errors.New(t.say("cmd.admin.login.missing"))}
			}
			return t.recover(cmd.Context(), a, login, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&login, "login", "", t.say("cmd.admin.login"))
	cmd.Flags().BoolVar(&a.offline, "offline", false, t.say("cmd.offline"))
	return cmd
}

// recover makes the link by which somebody gets in again. It never goes over a
// network: who may run it on the machine could read the database as well.
func (t *terminal) recover(ctx context.Context, a afar, login string, out io.Writer) error {
	return t.with(ctx, a, func(r *reach) error {
		made, err := r.MakeRecoverLink(ctx, client.MakeRecoverLinkRequest{Login: login})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, t.say("cmd.admin.recover.done",
			"name", made.Name, "login", made.Login, "link", made.Link, "until", made.Until.Local().Format(time.RFC3339), "told", made.Told))
		return err
	})
}
