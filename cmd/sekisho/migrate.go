package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/house"
)

func newMigrate(t *terminal) *cobra.Command {
	var plan bool
	cmd := &cobra.Command{Use: "migrate", Short: t.say("cmd.migrate"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := t.config()
		if err != nil {
			return err
		}
		config.Log.Level = "error"
		names, err := house.Migrations(cmd.Context(), t.options(config), !plan)
		if err != nil {
			return err
		}
		return t.result(cmd, map[string]any{"migrations": append([]string{}, names...), "done": !plan}, func() string {
			return t.migrated(names, plan)
		})
	}
	cmd.Flags().BoolVar(&plan, "plan", false, t.say("cmd.migrate.plan"))
	t.output(cmd)
	return cmd
}

func (t *terminal) migrated(names []string, plan bool) string {
	last := "cmd.migrate.done"
	switch {
	case len(names) == 0:
		return t.say("cmd.migrate.none")
	case plan:
		last = "cmd.migrate.pending"
	}
	return strings.Join(append(names, t.say(last, "count", len(names))), "\n")
}
