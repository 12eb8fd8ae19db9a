package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

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
	log := logger(config.Log, os.Stderr)
	h, err := house.New(ctx, house.Options{
		Config: config, Clock: clock.System(), Log: log, Version: version(), Lang: t.lang,
		Say: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())),
	})
	if err != nil {
		return unlessTold(ctx, log, err)
	}
	defer func() { err = errors.Join(err, h.Stop(ctx)) }()
	if err := h.Start(ctx); err != nil {
		return unlessTold(ctx, log, err)
	}
	fmt.Println(t.say("house.ready", "url", h.URL()))
	tellSupervisor("READY=1")
	select {
	case <-ctx.Done():
		tellSupervisor("STOPPING=1")
		hurry, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // a second one
		defer stop()
		h.Leave(hurry)
		return nil
	case err := <-h.Failed():
		return err
	}
}

// unlessTold is why a start failed, and nothing if it was told to end: that is
// no failure to whoever told it, such as a supervisor that replaces nodes.
func unlessTold(ctx context.Context, log *slog.Logger, err error) error {
	if ctx.Err() == nil {
		return err
	}
	log.Info("told to stop while starting", "at", err)
	return nil
}

// tellSupervisor tells who started the process what it is about, as
// sd_notify(3) does: one datagram to the socket that NOTIFY_SOCKET names, an @
// standing for the abstract namespace. Without a supervisor nothing is said.
func tellSupervisor(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return // the supervisor finds out by its time limit
	}
	_, _ = conn.Write([]byte(state))
	_ = conn.Close()
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
