package connector

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Words are the sentences of systems and connections, Schema their tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Notice is what a person is told of a connection.
type Notice struct {
	Connection Connection
	System     System
	Lost       bool // it must be made again; else it ends soon
}

// Crier tells people about their connections (← ticket).
type Crier interface {
	// Prepare makes the message before the write that it belongs to; what it
	// returns queues it there.
	Prepare(ctx context.Context, n Notice) (func(*store.Tx) error, error)
}

// Options is what a desk stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Ring     *seal.Ring
	Egress   *egress.Client
	Engine   *Engine
	Register *org.Register
	Signet   Signet // nil: no adapters of the card protocol
	BaseURL  string // of the house; callbacks begin with it
}

// Desk keeps systems and connections, and acts with them.
type Desk struct {
	store    *store.Store
	clock    clock.Clock
	log      *slog.Logger
	ring     *seal.Ring
	egress   *egress.Client
	engine   *Engine
	register *org.Register
	signet   Signet
	baseURL  string
	crier    Crier
	holder   Holder // nil: nothing is held

	flights flights

	mu      sync.Mutex
	outs    map[id.Connector]out
	books   map[string]*Definition // of one's own, by the SHA-256 of the text
	budgets map[string]*Budget     // by connection
}

// out is the way to one system, as it was when its revision counted.
type out struct {
	revision int64
	client   *egress.Client
}

// New makes the desk. Meet gives it its crier.
func New(o Options) *Desk {
	return &Desk{
		store: o.Store, clock: o.Clock, log: o.Log, ring: o.Ring, egress: o.Egress, engine: o.Engine, register: o.Register, signet: o.Signet, baseURL: o.BaseURL,
		outs: map[id.Connector]out{}, books: map[string]*Definition{}, budgets: map[string]*Budget{},
	}
}

// Meet gives the desk who tells people about their connections.
func (d *Desk) Meet(c Crier) { d.crier = c }

func (d *Desk) prepare(ctx context.Context, n Notice) (func(*store.Tx) error, error) {
	if d.crier == nil {
		return func(*store.Tx) error { return nil }, nil
	}
	return d.crier.Prepare(ctx, n)
}

// Close waits for what is under way, and ends kept connections.
func (d *Desk) Close() {
	d.flights.wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.outs {
		o.client.Close()
	}
	clear(d.outs)
}

// out returns the way out to a system's authorization server.
func (d *Desk) out(s System) (*egress.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept, ok := d.outs[s.ID]
	if ok && kept.revision == s.Revision {
		return kept.client, nil
	}
	client, err := d.egress.For(s.Use())
	if err != nil {
		return nil, err
	}
	if ok {
		kept.client.Close()
	}
	d.outs[s.ID] = out{s.Revision, client}
	return client, nil
}

// Definition returns the document by which a system is spoken to. A built-in one
// is the one of this binary.
func (d *Desk) Definition(s System) (*Definition, error) {
	if s.Document == "" {
		return builtIn(s.Definition)
	}
	d.mu.Lock()
	kept := d.books[s.Version]
	d.mu.Unlock()
	if kept != nil {
		return kept, nil
	}
	def, err := Parse(s.Definition+".yaml", []byte(s.Document))
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.books) >= mostBooks {
		clear(d.books)
	}
	d.books[s.Version] = def
	return def, nil
}

// mostBooks bounds what is kept of compiled definitions.
const mostBooks = 64

func builtIn(which string) (*Definition, error) {
	for _, def := range BuiltIn() {
		if def.ID == which {
			return def, nil
		}
	}
	return nil, fault.New(fault.Invalid, "connector-definition-unknown", "definition", which)
}

// fit brings a system into the form that its definition asks for, and refuses
// what does not fit it. given are the secrets that come along.
func fit(s *System, given map[string]secret.Text) error {
	def, err := bound(s)
	if err != nil {
		return err
	}
	var bad fault.Checks
	settings, err := def.Configure(s.Settings)
	if f := fault.As(err); f != nil && len(f.Fields) > 0 {
		for _, field := range f.Fields {
			bad.AddFault(field.Path, &fault.Fault{Code: field.Code, Args: field.Args})
		}
	} else if f != nil {
		bad.AddFault("settings", f)
	} else if err != nil {
		return err
	} else {
		s.Settings = settings
	}
	s.Mode, s.Scheme = cmp.Or(s.Mode, first(def.Modes)), cmp.Or(s.Scheme, first(def.Schemes()))
	for _, setting := range def.Settings() {
		if text, ok := s.Settings[setting.Name].(string); ok && setting.Type == definition.SettingURL && text != "" {
			if f := fault.As(definition.CheckAddress(text)); f != nil {
				bad.AddFault(setting.Name, f)
			}
		}
	}
	if !slices.Contains(def.Modes, s.Mode) {
		bad.Add("auth.mode", "connector-mode-unknown", "mode", s.Mode)
	}
	if !slices.Contains(def.Schemes(), s.Scheme) {
		bad.Add("auth.scheme", "connector-scheme-unknown", "name", s.Scheme)
	}
	known := secretsOf(def)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			bad.Add(secretPath(name), "connector-secret-unknown", "name", name)
		}
	}
	if f := bad.Fault("connector-invalid"); f != nil {
		return f
	}
	return fitAuth(s, def, given)
}

// bound finds the definition that a system names or brings.
func bound(s *System) (*Definition, error) {
	if s.Document == "" {
		def, err := builtIn(s.Definition)
		if err == nil {
			s.Version = def.Version
		}
		return def, err
	}
	if len(s.Document) > DocumentMost {
		return nil, fault.New(fault.Invalid, "connector-document-too-large", "limit", DocumentMost)
	}
	def, err := Parse(cmp.Or(s.Definition, s.Name)+".yaml", []byte(s.Document))
	if err != nil {
		return nil, err
	}
	s.Definition, s.Version = def.ID, def.Version
	return def, nil
}

// fitAuth refuses a system that nobody could connect to.
func fitAuth(s *System, def *Definition, given map[string]secret.Text) error {
	var bad fault.Checks
	need := func(yes bool, path string) {
		if !yes {
			bad.Add(path, "field-required")
		}
	}
	has := func(name string) bool {
		value, ok := given[name]
		return ok && !value.Empty() || !ok && s.Has(name)
	}
	switch s.Scheme {
	case SchemeCode:
		need(s.ClientID != "", "auth.client_id")
	case SchemeClient:
		need(s.ClientID != "", "auth.client_id")
		need(has(ClientSecret), "auth."+ClientSecret)
		if s.Mode == ModeUser {
			bad.Add("auth.mode", "connector-mode-needs-person", "scheme", s.Scheme)
		}
	case SchemeBasic:
		need(s.Mode == ModeUser || s.Username != "", "auth.username")
		need(s.Mode == ModeUser || has(PasswordPart), "auth."+PasswordPart)
	case SchemeHeaderToken:
		need(s.Mode == ModeUser || has(TokenPart), "auth."+TokenPart)
	}
	if s.Scheme == SchemeCode || s.Scheme == SchemeClient {
		if w, err := wayWith(*s, def, secret.Text{}); err != nil {
			if f := fault.As(err); f != nil {
				bad.AddFault("auth.token_endpoint", f)
			} else {
				return err
			}
		} else if s.Scheme == SchemeCode {
			need(w.authorize != "", "auth.authorization_endpoint")
			need(w.token != "", "auth.token_endpoint")
		}
	}
	if f := bad.Fault("connector-invalid"); f != nil {
		return f
	}
	return nil
}

// secretsOf are the secrets that a definition knows: those of its schemes, and
// its settings that are secret.
func secretsOf(def *Definition) []string {
	all := slices.Clone(authSecrets)
	for _, s := range def.Settings() {
		if s.Type == definition.SettingSecret {
			all = append(all, s.Name)
		}
	}
	return all
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// way is how tokens of a system are fetched.
func (d *Desk) way(s System) (way, error) {
	def, err := d.Definition(s)
	if err != nil {
		return way{}, err
	}
	held, err := d.secrets(s)
	if err != nil {
		return way{}, err
	}
	return wayWith(s, def, held[ClientSecret])
}

func wayWith(s System, def *Definition, client secret.Text) (way, error) {
	scheme, err := def.Scheme(s.Scheme, s.Settings)
	if err != nil {
		return way{}, err
	}
	w := way{
		scheme: s.Scheme, authorize: cmp.Or(s.AuthorizationEndpoint, scheme.Authorize), token: cmp.Or(s.TokenEndpoint, scheme.Token), revoke: scheme.Revoke,
		clientID: s.ClientID, secret: client, scope: s.Scope, pkce: scheme.PKCE != "none", basic: scheme.TokenAuth == "basic", json: scheme.TokenBody == "json",
		extra: scheme.Extra, life: time.Duration(scheme.ExpiresIn) * time.Second, lifetime: time.Duration(scheme.Refresh.Absolute),
	}
	for _, text := range []string{s.AuthorizationEndpoint, s.TokenEndpoint} {
		if text == "" {
			continue
		}
		u, err := egress.ParseURL(text)
		if err != nil {
			return w, err
		}
		if in, err := def.Reaches(s.Settings, u); err != nil || !in {
			return w, fault.New(fault.Invalid, "connector-host-invalid", "host", text)
		}
	}
	return w, nil
}

// CallbackURL is where the other side sends people back to; it is registered
// there.
func (d *Desk) CallbackURL(which id.Connector) string {
	return d.baseURL + "/connect/" + string(which) + "/callback"
}

// DoorbellURL is where the other side says that something changed.
func (d *Desk) DoorbellURL(which id.Connector) string { return d.baseURL + "/hooks/" + string(which) }

// budget is what one connection may spend, shared by all who act with it in
// this process; connections that are only being made spend their system's.
func (d *Desk) budget(def *Definition, whose string) *Budget {
	d.mu.Lock()
	defer d.mu.Unlock()
	if b := d.budgets[whose]; b != nil {
		return b
	}
	if len(d.budgets) >= mostBudgets {
		clear(d.budgets)
	}
	b := NewBudget(def.Limits, d.clock)
	d.budgets[whose] = b
	return b
}

const mostBudgets = 1 << 14

// jsonOf marshals what cannot fail.
func jsonOf(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return []byte("{}")
	}
	return text
}

// DefinitionOf returns the definition that a system would have: one that is built in, or
// its document once it was found whole.
func DefinitionOf(s System) (*Definition, error) { return bound(&s) }

// Check brings a system into the form in which it is kept, and refuses what does
// not fit, before it is known what is there already. Secrets with any value say
// that there is one.
func Check(ctx context.Context, w *Wanted) error {
	w.Networks = slices.Sorted(slices.Values(w.Networks))
	if f := w.check(); f != nil {
		return f
	}
	if err := fit(&w.System, w.Secrets); err != nil || w.Document == "" {
		return err
	}
	return prove(ctx, w.System)
}

// prove refuses a definition of one's own whose tests fail.
func prove(ctx context.Context, s System) error {
	def, err := bound(&s)
	if err != nil {
		return err
	}
	var bad fault.Checks
	for _, one := range Examples(ctx, def) {
		if one.Why != "" {
			bad.Add("tests", "connector-example-failed", "name", clip(one.Name), "reason", clip(one.Why), "line", one.Line)
		}
	}
	if f := bad.Fault("connector-examples-failed"); f != nil {
		return f
	}
	return nil
}
