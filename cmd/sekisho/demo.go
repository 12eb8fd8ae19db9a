package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/demo"
	"github.com/sekisho/sekisho/internal/house"
)

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

// demo also ends with its terminal, so that no temporary folder stays behind.
func (t *terminal) demo(ctx context.Context, listen, data string) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	book, err := demo.Sentences()
	if err != nil {
		return err
	}
	t.book = book // of what the demo refuses too
	return demo.Run(ctx, demo.Options{
		Listen: listen, Data: data, Out: os.Stdout, Lang: t.lang, Log: logger(house.LogConfig{Level: "warn"}, os.Stderr), Version: version(),
		Command: calledAs(),
	})
}

// calledAs is how whoever started this program starts it again.
func calledAs() string {
	self, err := os.Executable()
	if err != nil || strings.Contains(filepath.ToSlash(self), "/go-build") {
		return "go run ./cmd/sekisho"
	}
	return os.Args[0]
}
