// Command sekisho is the whole house in one binary: the server, its demo, and
// what an operator does from a terminal.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/words"
)

// The exit codes.
const (
	exitDone    = 0
	exitRefused = 1 // one clear sentence on stderr says why
	exitUsage   = 2
)

func main() {
	syscall.Umask(0o077)
	keepPrivate()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// usage is an error of who typed the command, not of what it met.
type usage struct{ error }

func run(ctx context.Context, args []string) int {
	t := newTerminal()
	root := newRoot(t)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var wrong usage
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &wrong):
		fmt.Fprintln(os.Stderr, err)
		return exitUsage
	}
	fmt.Fprintln(os.Stderr, house.Sentence(t.book, t.lang, err))
	if errors.As(err, new(differs)) {
		return exitDiffers
	}
	return exitRefused
}

func newRoot(t *terminal) *cobra.Command {
	root := &cobra.Command{
		Use: "sekisho", Short: t.say("cmd.root"), SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVar(&t.configPath, "config", os.Getenv("SEKISHO_CONFIG"), t.say("cmd.config"))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage{err} })
	for _, add := range commands {
		root.AddCommand(add(t))
	}
	root.CompletionOptions.DisableDefaultCmd = true
	strict(root)
	return root
}

// commands are all there are, in the order of the help.
var commands = []func(*terminal) *cobra.Command{
	newDemo, newServe, newUnseal, newAdmin, newPlan, newApply, newExport, newDrift, newAudit, newBackup, newRestore, newMove,
	newAPI, newPeople, newConnector, newMigrate, newDoctor, newBench, newDev, newVersion, newCompletion,
}

// strict makes wrong arguments errors of usage everywhere.
func strict(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage{err}
			}
			return nil
		}
	}
	for _, child := range cmd.Commands() {
		strict(child)
	}
}

// terminal is who sits in front of the command.
type terminal struct {
	book       *words.Book
	lang       words.Lang
	configPath string
	shown      bool // a line of progress stands on the terminal
}

func newTerminal() *terminal {
	book, err := words.Load(append(house.Sentences(), sentences)...)
	if err != nil {
		panic(err) // a test of the house sees to it that they are complete
	}
	return &terminal{book: book, lang: language()}
}

// language is what the environment asks for (POSIX: LC_ALL before LC_MESSAGES
// before LANG).
func language() words.Lang {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := os.Getenv(name); value != "" {
			tag, _, _ := strings.Cut(value, ".")
			return words.Pick(strings.ReplaceAll(tag, "_", "-"))
		}
	}
	return words.English
}

func (t *terminal) say(key string, pairs ...any) string {
	return t.book.Say(t.lang, key, argsOf(pairs))
}

// saying is say for packages that hand in their own arguments.
func (t *terminal) saying(key string, args map[string]any) string {
	return t.book.Say(t.lang, key, args)
}

func argsOf(pairs []any) map[string]any {
	args := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		args[pairs[i].(string)] = pairs[i+1]
	}
	return args
}

// config reads sekisho.yaml where --config says, or in this folder if it is
// there.
func (t *terminal) config() (house.Config, error) {
	path := t.configPath
	if path == "" {
		if _, err := os.Stat("sekisho.yaml"); err == nil {
			path = "sekisho.yaml"
		}
	}
	var environ []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "SEKISHO_CONFIG=") {
			environ = append(environ, pair)
		}
	}
	return house.LoadConfig(path, environ)
}
