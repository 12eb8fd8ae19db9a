package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/client"
)

func newPeople(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "people", Short: t.say("cmd.people"), Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPeopleImport(t))
	return cmd
}

// listImport is what an import of people is asked for.
type listImport struct {
	afar
	org            string
	dryRun, invite bool
}

func newPeopleImport(t *terminal) *cobra.Command {
	i := &listImport{}
	cmd := &cobra.Command{
		Use: "import FILE --org NAME", Short: t.say("cmd.people.import"), Long: t.say("cmd.people.import.long"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if i.org == "" {
				return usage{errors.New(t.say("cmd.api.missing", "name", "people import", "flags", "--org"))}
			}
			list, err := readWhole(args[0])
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), i.afar, func(r *reach) error { return t.importPeople(cmd, r, i, string(list)) })
		},
	}
	cmd.Flags().StringVar(&i.org, "org", "", t.say("cmd.people.org"))
	cmd.Flags().BoolVar(&i.dryRun, "dry-run", false, t.say("cmd.people.dry-run"))
	cmd.Flags().BoolVar(&i.invite, "invite", false, t.say("cmd.people.invite"))
	i.flags(t, cmd)
	t.output(cmd)
	return cmd
}

// importPeople looks first, and does exactly what it saw.
func (t *terminal) importPeople(cmd *cobra.Command, r *reach, i *listImport, list string) error {
	ctx := cmd.Context()
	org, err := t.organization(ctx, r, i.org)
	if err != nil {
		return err
	}
	body := client.ImportPeopleRequest{CSV: list, Invite: &i.invite}
	plan, err := r.ImportPeople(ctx, org, body)
	if err != nil {
		return err
	}
	bad := plan.Counts["problem"]
	if bad == 0 && !i.dryRun {
		body.Apply, body.Digest = new(true), &plan.Digest
		if plan, err = r.ImportPeople(ctx, org, body); err != nil {
			return err
		}
	}
	err = t.result(cmd, plan, func() string { return t.importSaid(plan) })
	if err == nil && bad > 0 {
		err = errors.New(t.say("cmd.people.import.bad", "count", bad))
	}
	return err
}

// organization is the id of one that was given by id or by name.
func (t *terminal) organization(ctx context.Context, r *reach, given string) (string, error) {
	for o, err := range r.EachListOrganizations(ctx, &client.ListOrganizationsParams{Q: &given}) {
		if err != nil {
			return "", err
		}
		if o.Name == given {
			return o.ID, nil
		}
	}
	return given, nil // the house says whether there is such an id
}

func (t *terminal) importSaid(plan *client.Import) string {
	var b strings.Builder
	for _, row := range plan.Rows {
		line(&b, row)
	}
	key := "cmd.people.import.planned"
	if plan.Applied {
		key = "cmd.people.import.done"
	}
	b.WriteString(t.say(key, "create", plan.Counts["create"], "update", plan.Counts["update"],
		"unchanged", plan.Counts["unchanged"], "problem", plan.Counts["problem"]))
	return b.String()
}

func line(w io.Writer, row client.Row) {
	sign := map[client.RowAction]string{client.RowActionCreate: "+", client.RowActionUpdate: "~", client.RowActionProblem: "!"}[row.Action]
	if sign == "" {
		return
	}
	fmt.Fprintf(w, "%s %d %s", sign, row.Line, harmless(row.Login))
	if row.Changes != nil {
		fmt.Fprintf(w, " (%s)", strings.Join(*row.Changes, ", "))
	}
	if row.Link != nil {
		fmt.Fprint(w, " ", *row.Link)
	}
	fmt.Fprintln(w)
	if row.Problems != nil {
		for _, p := range *row.Problems {
			column := ""
			if p.Column != nil && *p.Column != "" {
				column = *p.Column + ": "
			}
			fmt.Fprintf(w, "    %s%s\n", harmless(column), harmless(p.Message))
		}
	}
}
