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
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/secret"
)

func newServe(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: t.say("cmd.serve"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := t.config()
			if err != nil {
				return err
			}
			return t.serve(cmd.Context(), config, false)
		},
	}
}

func newDemo(t *terminal) *cobra.Command {
	var listen, data string
	cmd := &cobra.Command{
		Use: "demo", Short: t.say("cmd.demo"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.demo(cmd.Context(), listen, data) },
	}
	cmd.Flags().StringVar(&listen, "listen", "localhost:8080", t.say("cmd.demo.listen"))
	cmd.Flags().StringVar(&data, "data", "", t.say("cmd.demo.data"))
	return cmd
}

// demo is serve on a folder that is thrown away at the end, unless it is given.
func (t *terminal) demo(ctx context.Context, listen, data string) (err error) {
	config, err := house.LoadConfig("", nil)
	if err != nil {
		return err
	}
	if data == "" {
		if data, err = os.MkdirTemp("", "sekisho-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	}
	config.Listen, config.Data = listen, data
	config.Database = secret.Of("sqlite:" + filepath.Join(data, "house.db"))
	config.Unseal.File = filepath.Join(data, "unseal.key")
	config.Log.Level = "warn"
	return t.serve(ctx, config, true)
}

// serve runs a house until the context ends or a listener dies.
func (t *terminal) serve(ctx context.Context, config house.Config, demo bool) (err error) {
	h, err := house.New(ctx, house.Options{
		Config: config, Clock: clock.System(), Log: logger(config.Log, os.Stderr), Version: version(), Lang: t.lang,
		Say: os.Stdout, Terminal: term.IsTerminal(int(os.Stdout.Fd())), Demo: demo,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Stop(ctx)) }()
	if err := h.Start(ctx); err != nil {
		return err
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
