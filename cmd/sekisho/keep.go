package main

import (
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func newAuditArchive(t *terminal) *cobra.Command {
	var a afar
	var days int
	cmd := &cobra.Command{Use: "archive", Short: t.say("cmd.audit.archive"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var moved struct {
			Path  string `json:"path,omitempty"`
			Moved int64  `json:"moved"`
		}
		err := t.with(cmd.Context(), a, func(r *reach) error {
			return r.call(cmd.Context(), http.MethodPost, "/audit/archive", map[string]int{"days": days}, &moved)
		})
		if err != nil {
			return err
		}
		return t.result(cmd, moved, func() string {
			if moved.Moved == 0 {
				return t.say("cmd.audit.archive.none")
			}
			return t.say("cmd.audit.archive.done", "moved", moved.Moved, "path", moved.Path)
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
			path := "/audit/records/" + url.PathEscape(args[0]) + "/erase"
			return r.call(cmd.Context(), http.MethodPost, path, map[string]string{"field": args[1]}, nil)
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
