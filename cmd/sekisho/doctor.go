package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/house"
)

// looked is one finding as a program reads it.
type looked struct {
	Level house.Level `json:"level"`
	Check string      `json:"check"`
	Text  string      `json:"text"`
}

func newDoctor(t *terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "doctor", Short: t.say("cmd.doctor"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := t.config()
		if err != nil {
			return err
		}
		var found []looked
		for _, f := range house.Doctor(cmd.Context(), t.options(config)) {
			found = append(found, t.looked(f))
		}
		if err := t.result(cmd, found, func() string { return t.report(found) }); err != nil {
			return err
		}
		bad := len(found) - len(slices.DeleteFunc(slices.Clone(found), func(l looked) bool { return l.Level == house.Bad }))
		if bad > 0 {
			return errors.New(t.say("cmd.doctor.bad", "count", bad))
		}
		return nil
	}
	t.output(cmd)
	cmd.AddCommand(newReady(t))
	return cmd
}

func (t *terminal) looked(f house.Finding) looked {
	if f.Err != nil {
		return looked{f.Level, f.Key, house.Sentence(t.book, t.lang, f.Err)}
	}
	return looked{f.Level, f.Key, t.book.Say(t.lang, "doctor."+f.Key, f.Args)}
}

func (t *terminal) report(found []looked) string {
	var lines []string
	for _, f := range found {
		lines = append(lines, strings.ReplaceAll(fmt.Sprintf("%-4s %s", f.Level, f.Text), "\n", "\n     "))
	}
	return strings.Join(lines, "\n")
}
