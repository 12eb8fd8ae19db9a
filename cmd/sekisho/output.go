package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

//go:embed words
var sentences embed.FS

// output adds --output to a command that prints a result.
func (t *terminal) output(cmd *cobra.Command) {
	how := form("text")
	cmd.Flags().Var(&how, "output", t.say("cmd.output"))
}

// form is how a result is printed; a wrong one is found before any work.
type form string

// String implements pflag.Value.
func (f *form) String() string { return string(*f) }

// Type implements pflag.Value.
func (*form) Type() string { return "text|json" }

// Set implements pflag.Value.
func (f *form) Set(text string) error {
	if text != "text" && text != "json" {
		return errors.New("text|json")
	}
	*f = form(text)
	return nil
}

// result prints value as JSON if --output json asks for it, else what text
// says.
func (t *terminal) result(cmd *cobra.Command, value any, text func() string) error {
	if flag := cmd.Flags().Lookup("output"); flag == nil || flag.Value.String() == "text" {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), text())
		return err
	}
	out, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), string(out))
	return err
}

// write hands f standard output, or a new file of mode 0600 that is there whole
// or not at all.
func (t *terminal) write(cmd *cobra.Command, path string, f func(io.Writer) error) (err error) {
	if path == "" || path == "-" {
		return f(cmd.OutOrStdout())
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".sekisho-") // 0600
	if err != nil {
		return err
	}
	err = f(part)
	if err = errors.Join(err, part.Sync(), part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(part.Name()))
	}
	return err
}
