package main

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/manifest"
)

// exitDiffers is the exit code of drift where something differs: neither a
// failure (1) nor wrong usage (2), so that a script can tell them apart.
const exitDiffers = 3

// differs is the one sentence of a command that found what it looked for.
type differs struct{ said string }

// Error is the sentence.
func (d differs) Error() string { return d.said }

func newDrift(t *terminal) *cobra.Command {
	var a afar
	cmd := &cobra.Command{Use: "drift", Short: t.say("cmd.drift"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var drift manifest.Drift
		err := t.with(cmd.Context(), a, func(r *reach) error {
			return r.call(cmd.Context(), http.MethodGet, "/manifests/drift", nil, &drift)
		})
		if err == nil {
			err = t.result(cmd, drift, func() string { return strings.TrimSuffix(drift.Text(t.saying), "\n") })
		}
		if n := len(drift.Objects); err == nil && n > 0 {
			return differs{t.say("manifest.drift.some", "count", n, "of", drift.Managed)}
		}
		return err
	}
	a.flags(t, cmd)
	t.output(cmd)
	return cmd
}
