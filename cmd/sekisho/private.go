package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/house"
)

// newKit hands out the recovery kit that the first start left in the data
// folder: in a container there is no other way to read a file.
func newKit(t *terminal) *cobra.Command {
	var remove bool
	cmd := &cobra.Command{Use: "kit", Short: t.say("cmd.admin.kit"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := t.config()
		if err != nil {
			return err
		}
		path := filepath.Join(config.Data, house.KitFile)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return errors.New(t.say("cmd.admin.kit.none", "path", path))
		}
		if err != nil {
			return err
		}
		defer clear(text)
		return handOver(cmd.OutOrStdout(), text, path, remove)
	}
	cmd.Flags().BoolVar(&remove, "remove", false, t.say("cmd.admin.kit.remove"))
	return cmd
}

// handOver removes the file only after every byte has been taken.
func handOver(out io.Writer, text []byte, path string, remove bool) error {
	if _, err := out.Write(text); err != nil || !remove {
		return err
	}
	return os.Remove(path)
}

// newNewKey makes an unseal key before the first start, for a place that only
// the supervisor writes to, such as the store of its credentials.
func newNewKey(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "new-key FILE", Short: t.say("cmd.admin.new-key"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := os.Lstat(args[0]); err == nil {
				return errors.New(t.say("cmd.admin.new-key.there", "path", args[0]))
			}
			if err := house.NewUnsealKey(args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), t.say("cmd.admin.new-key.done", "path", args[0]))
			return err
		},
	}
}
