package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sekisho/sekisho/client"
	"github.com/sekisho/sekisho/internal/secret"
)

func newUnseal(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "unseal", Short: t.say("cmd.unseal"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.unseal(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

// unseal opens the keys of the server on this machine. The passphrase never
// goes over a network.
func (t *terminal) unseal(ctx context.Context, in io.Reader, out io.Writer) error {
	config, err := t.config()
	if err != nil {
		return err
	}
	r := t.reachSocket(ctx, config)
	if r == nil {
		return errors.New(t.say("cmd.unseal.nobody", "path", config.Data))
	}
	passphrase, err := t.passphrase(in)
	if err == nil {
		err = r.Unseal(ctx, client.UnsealRequest{Passphrase: passphrase.Reveal()})
	}
	if err = errors.Join(err, r.close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, t.say("cmd.unseal.done"))
	return err
}

// passphrase is typed without being shown, or is the first line of what is
// piped in.
func (t *terminal) passphrase(in io.Reader) (secret.Text, error) {
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprint(os.Stderr, t.say("cmd.unseal.prompt"))
		typed, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(os.Stderr)
		return secret.OfBytes(typed), err
	}
	line, err := bufio.NewReader(io.LimitReader(in, 64<<10)).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return secret.Text{}, errors.Join(errors.New(t.say("cmd.unseal.empty")), orNotEOF(err))
	}
	return secret.Of(line), nil
}

func orNotEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
