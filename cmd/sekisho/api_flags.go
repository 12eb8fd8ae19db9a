package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// apiFlag is a parameter or a member of the body as a flag.
type apiFlag struct {
	name     string   // on the command line
	param    string   // "": it is a member of the body
	path     bool     // of the address, else of the query
	member   []string // where it stands in the body
	required bool
	doc      string
	schema   *apiSchema
	values   *[]string
	literal  bool // it stood on the command line as it is
}

// ownFlags belong to the command itself; an operation's own of that name ends
// in -id.
var ownFlags = []string{"server", "token", "offline", "output", "file", "all", "config", "help"}

// deepest is how many levels of a body become flags; what is deeper is JSON.
const deepest = 3

// flagsOf are all flags that an operation has of its own.
func (d *apiDoc) flagsOf(o *apiOperation) []*apiFlag {
	var all []*apiFlag
	for _, p := range o.Parameters {
		all = append(all, &apiFlag{name: p.Name, param: p.Name, path: p.In == "path", required: p.Required, doc: p.Description, schema: d.real(p.Schema)})
	}
	if body := d.takes(o); body != nil {
		all = append(all, d.members(body, nil, true)...)
	}
	for i, f := range all {
		f.name = strings.ReplaceAll(f.name, "_", "-")
		taken := slices.ContainsFunc(all[:i], func(g *apiFlag) bool { return g.name == f.name })
		if taken || slices.Contains(ownFlags, f.name) {
			f.name += "-id"
		}
	}
	return all
}

func (d *apiDoc) members(s *apiSchema, before []string, required bool) (all []*apiFlag) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		member := s.Properties[name]
		inner, where := d.real(member), append(slices.Clone(before), name)
		must := required && slices.Contains(s.Required, name)
		if len(inner.Properties) > 0 && len(where) < deepest {
			all = append(all, d.members(inner, where, must)...)
			continue
		}
		doc := member.Description
		if doc == "" {
			doc = inner.Description
		}
		all = append(all, &apiFlag{name: strings.Join(where, "."), member: where, required: must, doc: doc, schema: inner})
	}
	return all
}

// Set implements pflag.Value: what is no such value is found before any work.
func (f *apiFlag) Set(text string) error {
	f.literal = !strings.HasPrefix(text, "@")
	text, err := fromFile(text)
	if err != nil {
		return err
	}
	if f.list() {
		if text == "" { // --roles "" says: none
			*f.values = []string{}
			return nil
		}
		*f.values = append(*f.values, text)
		return nil
	}
	if _, err := f.value(text); err != nil {
		return err
	}
	*f.values = []string{text}
	return nil
}

// String implements pflag.Value.
func (f *apiFlag) String() string {
	if f.values == nil {
		return ""
	}
	return strings.Join(*f.values, ",")
}

// Type implements pflag.Value; it stands in the help.
func (f *apiFlag) Type() string {
	switch {
	case len(f.schema.Enum) > 0:
		return strings.Join(f.offered(), "|")
	case f.list():
		return "LIST"
	case f.schema.Type == "string" && f.schema.Format == "date-time":
		return "TIME"
	case f.schema.Type == "string":
		return "TEXT"
	case f.schema.Type == "integer" || f.schema.Type == "number":
		return "NUMBER"
	case f.schema.Type == "boolean":
		return "true|false"
	}
	return "JSON"
}

func (f *apiFlag) list() bool {
	return f.schema.Type == "array" && f.schema.Items != nil && f.schema.Items.Type == "string"
}

func (f *apiFlag) offered() (all []string) {
	for _, one := range f.schema.Enum {
		all = append(all, fmt.Sprint(one))
	}
	return all
}

// value is the text as JSON has it.
func (f *apiFlag) value(text string) (any, error) {
	switch f.schema.Type {
	case "string":
		if offered := f.offered(); len(offered) > 0 && !slices.Contains(offered, text) {
			return nil, errors.New(strings.Join(offered, "|"))
		}
		if f.schema.Format == "date-time" {
			if _, err := time.Parse(time.RFC3339, text); err != nil {
				return nil, errors.New("2026-04-01T09:00:00Z")
			}
		}
		return text, nil
	case "integer":
		return strconv.ParseInt(text, 10, 64)
	case "number":
		return strconv.ParseFloat(text, 64)
	case "boolean":
		return strconv.ParseBool(text)
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, fmt.Errorf("JSON: %w", err)
	}
	return v, nil
}

// fromFile reads @FILE: long texts, and what other processes must not see on a
// command line (A169). @@ is an @ as it is.
func fromFile(text string) (string, error) {
	path, file := strings.CutPrefix(text, "@")
	if !file || strings.HasPrefix(path, "@") {
		return path, nil
	}
	content, err := readWhole(path)
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), err
}

// most is how many bytes of a file are read: more than the API takes.
const most = 64 << 20

func readWhole(path string) ([]byte, error) {
	in := io.Reader(os.Stdin)
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close() //nolint:errcheck // only read
		in = file
	}
	return io.ReadAll(io.LimitReader(in, most))
}

// call is a request to an operation, as the flags say it.
type call struct {
	path  string
	query url.Values
	body  map[string]any // nil: the operation takes none
}

// callOf puts the flags together. A file is the body; flags count more.
func (t *terminal) callOf(cmd *cobra.Command, d *apiDoc, o *apiOperation, flags []*apiFlag, file string) (call, error) {
	c := call{path: o.path, query: url.Values{}}
	if d.takes(o) != nil {
		c.body = map[string]any{}
	}
	if file != "" {
		text, err := readWhole(file)
		if err == nil {
			err = json.Unmarshal(text, &c.body)
		}
		if err != nil {
			return c, errors.New(t.say("cmd.api.file.unreadable", "path", file, "reason", err.Error()))
		}
	}
	var missing []string
	for _, f := range flags {
		given := cmd.Flags().Changed(f.name)
		switch {
		case given && f.literal && f.schema.Format == "password":
			return c, usage{errors.New(t.say("cmd.secret.literal", "flag", "--"+f.name))}
		case given:
			if err := c.put(f); err != nil {
				return c, err
			}
		case f.required && (f.param != "" || !stands(c.body, f.member)):
			missing = append(missing, "--"+f.name)
		}
	}
	if len(missing) > 0 {
		return c, usage{errors.New(t.say("cmd.api.missing", "name", o.ID, "flags", strings.Join(missing, ", ")))}
	}
	return c, nil
}

// put writes the value of one flag to where it belongs.
func (c *call) put(f *apiFlag) error {
	if f.path {
		c.path = strings.ReplaceAll(c.path, "{"+f.param+"}", url.PathEscape((*f.values)[0]))
		return nil
	}
	if f.param != "" {
		c.query.Set(f.param, (*f.values)[0])
		return nil
	}
	var value any = *f.values
	if !f.list() {
		var err error
		if value, err = f.value((*f.values)[0]); err != nil {
			return err
		}
	}
	node := c.body
	for _, name := range f.member[:len(f.member)-1] {
		next, ok := node[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			node[name] = next
		}
		node = next
	}
	node[f.member[len(f.member)-1]] = value
	return nil
}

func stands(body map[string]any, member []string) bool {
	var node any = body
	for _, name := range member {
		inner, ok := node.(map[string]any)
		if !ok {
			return false
		}
		if node, ok = inner[name]; !ok {
			return false
		}
	}
	return true
}
