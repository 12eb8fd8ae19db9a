package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// newAPI has a command for each operation of the API, made from its
// description: what the house can do, the command line can do.
func newAPI(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "api OPERATION", Short: t.say("cmd.api"), Long: t.say("cmd.api.long"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage{errors.New(t.say("cmd.api.unknown", "name", args[0]))}
			}
			return cmd.Help()
		},
	}
	d := described()
	for _, o := range d.operations() {
		if tag := o.tag(); !cmd.ContainsGroup(tag) {
			cmd.AddGroup(&cobra.Group{ID: tag, Title: tag + ":"})
		}
		cmd.AddCommand(t.operation(d, o))
	}
	return cmd
}

func (t *terminal) operation(d *apiDoc, o *apiOperation) *cobra.Command {
	var a afar
	var file string
	var all bool
	flags := d.flagsOf(o)
	cmd := &cobra.Command{
		Use: o.ID, Short: o.Summary, Long: o.Summary + "\n\n" + o.Description + "\n\n" + o.method + " " + o.path,
		GroupID: o.tag(), Args: cobra.NoArgs,
	}
	cmd.Flags().SetNormalizeFunc(dashed)
	for _, f := range flags {
		f.values = new([]string)
		doc := f.doc
		if f.required {
			doc = t.say("cmd.api.required") + doc
		}
		cmd.Flags().Var(f, f.name, strings.ReplaceAll(doc, "`", "'"))
		if f.schema.Type == "boolean" {
			cmd.Flags().Lookup(f.name).NoOptDefVal = "true"
		}
		if len(f.schema.Enum) > 0 {
			_ = cmd.RegisterFlagCompletionFunc(f.name, cobra.FixedCompletions(f.offered(), cobra.ShellCompDirectiveNoFileComp))
		}
	}
	if d.takes(o) != nil {
		cmd.Flags().StringVar(&file, "file", "", t.say("cmd.api.file"))
	}
	if o.paged() {
		cmd.Flags().BoolVar(&all, "all", false, t.say("cmd.api.all"))
	}
	if d.gives(o) != nil {
		how := tableForm("table")
		cmd.Flags().Var(&how, "output", t.say("cmd.api.output"))
	}
	a.flags(t, cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := t.callOf(cmd, d, o, flags, file)
		if err != nil {
			return err
		}
		return t.with(cmd.Context(), a, func(r *reach) error {
			if all {
				return t.everyPage(cmd, r, d, o, c)
			}
			return t.once(cmd, r, d, o, c)
		})
	}
	return cmd
}

// dashed lets a flag be spelled as the API spells it.
func dashed[F any, N ~string](_ F, name string) N { return N(strings.ReplaceAll(name, "_", "-")) }

// tableForm is how an answer is printed.
type tableForm string

// String implements pflag.Value.
func (f *tableForm) String() string { return string(*f) }

// Type implements pflag.Value.
func (*tableForm) Type() string { return "table|json" }

// Set implements pflag.Value.
func (f *tableForm) Set(text string) error {
	if text != "table" && text != "json" {
		return errors.New("table|json")
	}
	*f = tableForm(text)
	return nil
}

// ask sends the call and returns the answer's body.
func (r *reach) ask(ctx context.Context, o *apiOperation, c call) (io.ReadCloser, error) {
	var body io.Reader
	if c.body != nil {
		text, err := json.Marshal(c.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	return r.Send(ctx, o.method, c.path, c.query, body)
}

// once calls an operation and prints what it answers.
func (t *terminal) once(cmd *cobra.Command, r *reach, d *apiDoc, o *apiOperation, c call) error {
	answer, err := r.ask(cmd.Context(), o, c)
	if err != nil {
		return err
	}
	defer answer.Close() //nolint:errcheck // read to the end
	if d.gives(o) == nil {
		n, err := io.Copy(cmd.OutOrStdout(), answer)
		if err == nil && n == 0 {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), t.say("cmd.api.done"))
		}
		return err
	}
	var value any
	decoder := json.NewDecoder(answer)
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return err
	}
	return t.show(cmd, d, o, value)
}

// everyPage calls a list until its last page and prints it as one.
func (t *terminal) everyPage(cmd *cobra.Command, r *reach, d *apiDoc, o *apiOperation, c call) error {
	items := []any{}
	for {
		answer, err := r.ask(cmd.Context(), o, c)
		if err != nil {
			return err
		}
		var page struct {
			Items []any  `json:"items"`
			Next  string `json:"next"`
		}
		decoder := json.NewDecoder(answer)
		decoder.UseNumber()
		if err := errors.Join(decoder.Decode(&page), answer.Close()); err != nil {
			return err
		}
		items = append(items, page.Items...)
		if page.Next == "" {
			return t.show(cmd, d, o, map[string]any{"items": items})
		}
		c.query.Set("cursor", page.Next)
	}
}

// show prints an answer as the flag says.
func (t *terminal) show(cmd *cobra.Command, d *apiDoc, o *apiOperation, value any) error {
	if cmd.Flag("output").Value.String() == "json" {
		text, err := json.MarshalIndent(value, "", "  ")
		if err == nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), string(text))
		}
		return err
	}
	item := d.item(o)
	if item == nil {
		return writePairs(cmd.OutOrStdout(), value)
	}
	object, _ := value.(map[string]any)
	items, _ := object["items"].([]any)
	if err := writeTable(cmd.OutOrStdout(), columns(item), items); err != nil {
		return err
	}
	if next, _ := object["next"].(string); next != "" {
		_, err := fmt.Fprintln(cmd.ErrOrStderr(), t.say("cmd.api.more", "cursor", next))
		return err
	}
	return nil
}

// first are the members that a table shows before others.
var first = []string{
	"id", "person", "name", "login", "action", "kind", "title", "display_name", "email", "type", "state", "account", "at", "by", "target",
	"driver", "roles", "permissions", "members", "created", "ends", "seen", "browser", "source",
}

// columns are the members of an item that a line has place for.
func columns(item *apiSchema) (all []string) {
	const place = 7
	for name, member := range item.Properties {
		if member.Ref == "" && member.Type != "object" && member.Type != "" {
			all = append(all, name)
		}
	}
	rank := func(name string) int {
		if i := slices.Index(first, name); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortFunc(all, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return all[:min(place, len(all))]
}
