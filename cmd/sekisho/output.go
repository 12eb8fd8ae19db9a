package main

import (
	"embed"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

//go:embed words
var sentences embed.FS

// output adds --output to a command that prints a result.
func (t *terminal) output(cmd *cobra.Command) {
	cmd.Flags().String("output", "text", t.say("cmd.output"))
}

// result prints value as JSON if --output json asks for it, else what text
// says.
func (t *terminal) result(cmd *cobra.Command, value any, text func() string) error {
	how := "text"
	if flag := cmd.Flags().Lookup("output"); flag != nil {
		how = flag.Value.String()
	}
	switch how {
	case "json":
		out, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(cmd.OutOrStdout(), string(out))
		return err
	case "text":
		_, err := fmt.Fprintln(cmd.OutOrStdout(), text())
		return err
	}
	return usage{fmt.Errorf("--output %q: text or json", how)}
}
