package main

import (
	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/client"
)

func newAuditArchive(t *terminal) *cobra.Command {
	var a afar
	var days int
	cmd := &cobra.Command{Use: "archive", Short: t.say("cmd.audit.archive"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var moved *client.ArchiveRecordsResponse
		err := t.with(cmd.Context(), a, func(r *reach) (err error) {
			moved, err = r.ArchiveRecords(cmd.Context(), client.ArchiveRecordsRequest{Days: int64(days)})
			return err
		})
		if err != nil {
			return err
		}
		return t.result(cmd, moved, func() string {
			if moved.Moved == 0 || moved.Path == nil {
				return t.say("cmd.audit.archive.none")
			}
			return t.say("cmd.audit.archive.done", "moved", moved.Moved, "path", *moved.Path)
		})
	}
	cmd.Flags().IntVar(&days, "days", 400, t.say("cmd.audit.archive.days"))
	t.output(cmd)
	a.flags(t, cmd)
	return cmd
}

func newAuditErase(t *terminal) *cobra.Command {
	var a afar
	cmd := &cobra.Command{Use: "erase ID FIELD", Short: t.say("cmd.audit.erase"), Args: cobra.ExactArgs(2)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		err := t.with(cmd.Context(), a, func(r *reach) error {
			return r.EraseField(cmd.Context(), args[0], client.EraseFieldRequest{Field: args[1]})
		})
		if err != nil {
			return err
		}
		return t.result(cmd, map[string]string{"erased": args[1]}, func() string {
			return t.say("cmd.audit.erase.done", "field", args[1])
		})
	}
	t.output(cmd)
	a.flags(t, cmd)
	return cmd
}
