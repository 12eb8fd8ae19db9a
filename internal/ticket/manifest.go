package ticket

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// systemSpec is a system as a manifest says it. The settings of its definition
// stand beside the other keys.
type systemSpec struct {
	Stated   `yaml:",inline"`
	Settings map[string]any `yaml:"-"`
}

// Stated are the keys that every system has.
type Stated struct {
	Definition  definitionSpec `yaml:"definition,required"`
	Title       string         `yaml:"title,omitempty"`
	Auth        authSpec       `yaml:"auth,omitempty"`
	Networks    []string       `yaml:"networks,omitempty"`
	Authorities string         `yaml:"authorities,omitempty"`
	Enabled     bool           `yaml:"enabled"`
}

type authSpec struct {
	Mode                  string          `yaml:"mode,omitempty"`
	Scheme                string          `yaml:"scheme,omitempty"`
	ClientID              string          `yaml:"client_id,omitempty"`
	ClientSecret          manifest.Secret `yaml:"client_secret,omitempty"`
	AuthorizationEndpoint string          `yaml:"authorization_endpoint,omitempty"`
	TokenEndpoint         string          `yaml:"token_endpoint,omitempty"`
	Scope                 *string         `yaml:"scope,omitempty"`
	Username              string          `yaml:"username,omitempty"`
	Password              manifest.Secret `yaml:"password,omitempty"`
	Token                 manifest.Secret `yaml:"token,omitempty"`
	WebhookSecret         manifest.Secret `yaml:"webhook_secret,omitempty"`
}

// webhookSecret is the one secret setting that manifests know.
const webhookSecret = "webhook_secret"

func (a *authSpec) secrets() map[string]*manifest.Secret {
	return map[string]*manifest.Secret{
		connector.ClientSecret: &a.ClientSecret, connector.PasswordPart: &a.Password, connector.TokenPart: &a.Token, webhookSecret: &a.WebhookSecret,
	}
}

// definitionSpec is the identifier of a built-in definition, {file: PATH} of
// one's own, or its text: what Resolve makes of the file, and an export writes.
type definitionSpec struct {
	ID     string
	Text   string
	Source manifest.Secret `yaml:"source,omitempty"` // a file, until Resolve
}

// UnmarshalNode reads the three forms.
func (d *definitionSpec) UnmarshalNode(n *yaml.Node) error {
	*d = definitionSpec{}
	if n.Kind == yaml.Map {
		if len(n.Fields) != 1 || n.Fields[0].Name != "file" {
			return fault.New(fault.Invalid, "connector-definition-form")
		}
		return d.Source.UnmarshalNode(n)
	}
	var text string
	if err := yaml.Decode(n, &text); err != nil {
		return err
	}
	if strings.Contains(text, "\n") {
		d.Text = strings.TrimRight(text, "\n") + "\n"
		return nil
	}
	d.ID = text
	return nil
}

// MarshalNode writes the identifier or the text.
func (d definitionSpec) MarshalNode() (*yaml.Node, error) {
	text := d.ID
	if d.Text != "" {
		text = d.Text
	}
	return &yaml.Node{Kind: yaml.String, Text: text}, nil
}

// UnmarshalNode reads the known keys, and takes all others for settings.
func (s *systemSpec) UnmarshalNode(n *yaml.Node) error {
	if n.Kind != yaml.Map {
		return yaml.Problems{n.Problem("", yaml.CodeType, "want", "map", "got", n.Kind.String())}
	}
	s.Settings = map[string]any{}
	if n.Get("definition") == nil {
		return yaml.Decode(n, &s.Stated) // nothing says what else could stand here
	}
	known := *n
	known.Fields = nil
	for _, f := range n.Fields {
		if slices.Contains(specKeys, f.Name) {
			known.Fields = append(known.Fields, f)
			continue
		}
		var value any
		if err := yaml.DecodeAt(f.Value, f.Name, &value); err != nil {
			return err
		}
		s.Settings[f.Name] = value
	}
	return yaml.Decode(&known, &s.Stated)
}

var specKeys = []string{"definition", "title", "auth", "networks", "authorities", "enabled"}

// MarshalNode writes the settings between the definition and the rest.
func (s systemSpec) MarshalNode() (*yaml.Node, error) {
	n, err := yaml.ToNode(s.Stated)
	if err != nil {
		return nil, err
	}
	settings, err := yaml.ToNode(s.Settings)
	if err != nil {
		return nil, err
	}
	n.Fields = slices.Concat(n.Fields[:1], settings.Fields, n.Fields[1:])
	return n, nil
}

// Kind is the manifest kind Connector.
func (r *Room) Kind() manifest.Kind {
	return manifest.Define(manifest.Definition[systemSpec]{
		Name: "Connector", Thing: "connector", InOrg: true, Default: func(s *systemSpec) { s.Enabled = true },
		Check: checkSystem, Load: r.loadSystems, Apply: r.applySystem,
	})
}

// wanted is the system that a spec describes; secrets say only that they are
// there.
func (s *systemSpec) wanted(name string) connector.Wanted {
	w := connector.Wanted{
		System: connector.System{
			Name: name, Title: s.Title, Definition: s.Definition.ID, Document: s.Definition.Text, Settings: maps.Clone(s.Settings), Mode: s.Auth.Mode, Scheme: s.Auth.Scheme,
			ClientID: s.Auth.ClientID, Username: s.Auth.Username, AuthorizationEndpoint: s.Auth.AuthorizationEndpoint, TokenEndpoint: s.Auth.TokenEndpoint,
			Networks: s.Networks, Authorities: s.Authorities, Enabled: s.Enabled,
		},
		Secrets: map[string]secret.Text{},
	}
	if s.Auth.Scope != nil {
		w.Scope = *s.Auth.Scope
	}
	return w
}

// checkSystem holds a document to what its definition asks for, and fills in
// what it leaves to it.
func checkSystem(name string, s *systemSpec) error {
	if !s.Definition.Source.IsZero() {
		return nil // a file that is read where the document is applied from
	}
	w := s.wanted(name)
	for key, one := range s.Auth.secrets() {
		if !one.IsZero() {
			w.Secrets[key] = secret.Of("there")
		}
	}
	def, err := connector.DefinitionOf(w.System)
	if err != nil {
		return err
	}
	if w.Mode == "" {
		w.Mode = def.Modes[0]
	}
	if w.Scheme == "" {
		w.Scheme = def.Schemes()[0]
	}
	if s.Auth.Scope == nil {
		w.Scope = def.ScopeOf(w.Scheme)
	}
	if err := connector.Check(context.Background(), &w); err != nil {
		return err
	}
	s.Settings, s.Networks, s.Auth.Mode, s.Auth.Scheme, s.Auth.Scope = w.Settings, w.Networks, w.Mode, w.Scheme, &w.Scope
	return nil
}

func (r *Room) loadSystems(v *store.View, which id.Org) (objects []manifest.Object[systemSpec], err error) {
	all, err := connector.Loaded(v.Org(which))
	for _, s := range all {
		scope := s.Scope
		spec := systemSpec{Settings: s.Settings, Stated: Stated{
			Definition: definitionSpec{ID: s.Definition, Text: s.Document}, Title: s.Title, Networks: s.Networks, Authorities: s.Authorities, Enabled: s.Enabled,
			Auth: authSpec{
				Mode: s.Mode, Scheme: s.Scheme, ClientID: s.ClientID, Username: s.Username, AuthorizationEndpoint: s.AuthorizationEndpoint,
				TokenEndpoint: s.TokenEndpoint, Scope: &scope,
			},
		}}
		for key, one := range spec.Auth.secrets() {
			if s.Has(key) {
				*one = manifest.SecretMatching(func(value secret.Text) bool { return r.desk.Same(s, key, value) })
			}
		}
		objects = append(objects, manifest.Object[systemSpec]{ID: string(s.ID), Name: s.Name, Version: s.Revision, Spec: spec})
	}
	return objects, err
}

func (r *Room) applySystem(tx *store.Tx, c manifest.Change[systemSpec]) (store.Event, error) {
	in := tx.Org(c.Org)
	if c.Action == manifest.Delete {
		return r.desk.EndIn(in, c.By, c.Org, id.Connector(c.ID))
	}
	w := c.After.wanted(c.Name)
	w.ID, w.Org, w.Revision = id.Connector(c.ID), c.Org, c.Version
	for key, one := range c.After.Auth.secrets() {
		if value, given := one.Given(); given {
			w.Secrets[key] = value
		} else if before := c.Before.Auth.secrets()[key]; one.IsZero() && !before.IsZero() {
			w.Secrets[key] = secret.Text{} // no longer said: taken away
		}
	}
	return r.desk.PutIn(in, c.By, w)
}
