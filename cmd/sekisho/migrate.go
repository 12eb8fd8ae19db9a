package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/store"
)

// migrated is what a program reads of a migration.
type migrated struct {
	Steps    []store.Step `json:"migrations"`
	Done     bool         `json:"done"`
	Snapshot string       `json:"snapshot,omitempty"` // the database from before
}

func newMigrate(t *terminal) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{Use: "migrate", Short: t.say("cmd.migrate"), Long: t.say("cmd.migrate.long"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := t.config()
		if err != nil {
			return err
		}
		config.Log.Level = "error"
		m := migrated{Done: !dry}
		if dry {
			m.Steps, err = house.MigrateDry(cmd.Context(), t.options(config))
		} else {
			m.Steps, m.Snapshot, err = house.Migrate(cmd.Context(), t.options(config))
		}
		if err != nil {
			return err
		}
		m.Steps = append([]store.Step{}, m.Steps...) // a list, not null
		return t.result(cmd, m, func() string { return t.migrated(m) })
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, t.say("cmd.migrate.dry"))
	t.output(cmd)
	return cmd
}

func (t *terminal) migrated(m migrated) string {
	if len(m.Steps) == 0 {
		return t.say("cmd.migrate.none")
	}
	var lines []string
	for _, step := range m.Steps {
		lines = append(lines, step.Name)
		for _, c := range step.Changes {
			lines = append(lines, "  "+t.say("cmd.migrate.does."+c.Verb, "what", c.What))
		}
	}
	last := "cmd.migrate.done"
	if !m.Done {
		last = "cmd.migrate.pending"
	}
	lines = append(lines, t.say(last, "count", len(m.Steps)))
	if m.Snapshot != "" {
		lines = append(lines, t.say("house.snapshot", "path", m.Snapshot))
	}
	return strings.Join(lines, "\n")
}
