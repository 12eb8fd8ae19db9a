package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
)

func newServe(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: t.say("cmd.serve"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := t.config()
			if err != nil {
				return err
			}
			return t.serve(cmd.Context(), config)
		},
	}
}

// serve runs a house until the context ends or a listener dies.
func (t *terminal) serve(ctx context.Context, config house.Config) (err error) {
	h, err := house.New(ctx, house.Options{
		Config: config, Clock: clock.System(), Log: logger(config.Log, os.Stderr), Version: version(), Lang: t.lang,
		Say: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Stop(ctx)) }()
	if err := h.Start(ctx); err != nil {
		return err
	}
	fmt.Println(t.say("house.ready", "url", h.URL()))
	select {
	case <-ctx.Done():
		return nil
	case err := <-h.Failed():
		return err
	}
}

// logger writes to w as the configuration says.
func logger(c house.LogConfig, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked when the configuration was read
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
