package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/client"
)

func newConnector(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "connector", Short: t.say("cmd.connector"), Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConnectorList(t), newConnectorTest(t))
	return cmd
}

func newConnectorList(t *terminal) *cobra.Command {
	var a afar
	var org string
	cmd := &cobra.Command{Use: "list", Short: t.say("cmd.connector.list"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return t.with(cmd.Context(), a, func(r *reach) error {
			which, err := t.onlyOrganization(cmd.Context(), r, org)
			if err != nil {
				return err
			}
			all, err := r.ListSystems(cmd.Context(), which)
			if err != nil {
				return err
			}
			return t.result(cmd, all.Items, func() string { return t.systemsSaid(all.Items) })
		})
	}
	cmd.Flags().StringVar(&org, "org", "", t.say("cmd.connector.org"))
	a.flags(t, cmd)
	t.output(cmd)
	return cmd
}

// onlyOrganization is the one that was named; without a name the only one that
// there is.
func (t *terminal) onlyOrganization(ctx context.Context, r *reach, given string) (string, error) {
	if given != "" {
		return t.organization(ctx, r, given)
	}
	all, err := r.ListOrganizations(ctx, nil)
	if err != nil {
		return "", err
	}
	if len(all.Items) != 1 {
		return "", usage{errors.New(t.say("cmd.connector.which"))}
	}
	return all.Items[0].ID, nil
}

func (t *terminal) systemsSaid(all []client.System) string {
	if len(all) == 0 {
		return t.say("cmd.connector.none")
	}
	var lines []string
	for _, s := range all {
		state := "on"
		if !s.Enabled {
			state = "off"
		}
		lines = append(lines, harmless(fmt.Sprintf("%-24s %-32s %-8s %-4s %s", s.Name, deref(s.Definition), deref(s.Mode), state, s.CallbackURL)))
	}
	return strings.Join(lines, "\n")
}

func deref[T ~string](text *T) string {
	if text == nil {
		return ""
	}
	return string(*text)
}

func newConnectorTest(t *terminal) *cobra.Command {
	var a afar
	var org, ticket string
	cmd := &cobra.Command{Use: "test NAME", Short: t.say("cmd.connector.test"), Long: t.say("cmd.connector.test.long"), Args: cobra.ExactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return t.with(cmd.Context(), a, func(r *reach) error { return t.testConnector(cmd, r, org, args[0], ticket) })
	}
	cmd.Flags().StringVar(&org, "org", "", t.say("cmd.connector.org"))
	cmd.Flags().StringVar(&ticket, "ticket", "", t.say("cmd.connector.ticket"))
	a.flags(t, cmd)
	t.output(cmd)
	return cmd
}

// testConnector prints what was seen on the way also where the test failed.
func (t *terminal) testConnector(cmd *cobra.Command, r *reach, org, name, ticket string) error {
	ctx := cmd.Context()
	which, err := t.onlyOrganization(ctx, r, org)
	if err != nil {
		return err
	}
	all, err := r.ListSystems(ctx, which)
	if err != nil {
		return err
	}
	for _, s := range all.Items {
		if s.Name != name && s.ID != name {
			continue
		}
		got, err := r.TestSystem(ctx, which, s.ID, client.TestSystemRequest{Ticket: &ticket})
		if err != nil {
			return err
		}
		if err := t.result(cmd, got, func() string { return t.testSaid(got) }); err != nil {
			return err
		}
		if code := deref(got.Problem); code != "" {
			return errors.New(t.say("problem."+code, "message", deref(got.Message), "name", s.Name, "host", s.Name))
		}
		return nil
	}
	return errors.New(t.say("cmd.connector.unknown", "name", name))
}

func (t *terminal) testSaid(got *client.Test) string {
	var b strings.Builder
	pair := func(key, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s: %s\n", t.say(key), harmless(text))
		}
	}
	pair("ticket.account", strings.TrimSpace(deref(got.Account.Name)+" "+deref(got.Account.Email)+" "+deref(got.Account.NativeID)))
	if k := got.Ticket; k != nil {
		pair("ticket.of.id", k.ID)
		pair("ticket.of.title", k.Title)
		pair("ticket.of.state", k.State)
		pair("ticket.of.native", deref(k.NativeState))
		pair("ticket.of.requester", strings.TrimSpace(deref(k.Requester.Name)+" "+deref(k.Requester.NativeID)))
	}
	for line := range strings.SplitSeq(deref(got.Raw), "\n") {
		if line != "" {
			fmt.Fprintln(&b, harmless(line))
		}
	}
	for _, e := range got.Trace {
		status := "-"
		if e.Status != nil {
			status = strconv.FormatInt(*e.Status, 10)
		}
		fmt.Fprintln(&b, harmless(fmt.Sprintf("%s %s %s %d ms", e.Method, e.URL, status, e.Ms)))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
