package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/house"
)

// newReady asks the server of this machine whether it is ready, over its
// control socket: a health check for images that hold nothing but this binary.
func newReady(t *terminal) *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{Use: "ready", Short: t.say("cmd.doctor.ready"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := t.config()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), max(wait, readyMost))
		defer cancel()
		for err = t.ready(ctx, config); err != nil && wait > 0; err = t.ready(ctx, config) {
			select {
			case <-time.After(readyEvery):
			case <-ctx.Done():
				return err
			}
		}
		if err == nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "ready")
		}
		return err
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, t.say("cmd.doctor.ready.wait"))
	return cmd
}

const (
	readyMost  = 5 * time.Second // one question
	readyEvery = 100 * time.Millisecond
)

func (t *terminal) ready(ctx context.Context, config house.Config) error {
	r := t.reachSocket(ctx, config)
	if r == nil {
		return errors.New(t.say("cmd.doctor.ready.nobody", "path", config.Data))
	}
	defer r.close() //nolint:errcheck // only read
	missing, err := r.Ready(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	var reasons []string
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		reasons = append(reasons, name+": "+missing[name])
	}
	return errors.New(t.say("cmd.doctor.ready.not", "reasons", strings.Join(reasons, ", ")))
}
