package connector

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Permissions to see systems and to add, change and remove them.
const (
	Read  = "connector.read"
	Write = "connector.write"
	// Reach is the permission to let a system stand in a private network: its
	// calls leave from the installation's own.
	Reach = "connector.reach"
)

// The names of the secrets that a system may have besides those that its
// definition asks for as settings.
const (
	ClientSecret = "client_secret"
	PasswordPart = "password"
	TokenPart    = "token"
)

// authSecrets are all of them in the order in which forms ask for them.
var authSecrets = []string{ClientSecret, PasswordPart, TokenPart}

// secretOfScheme is the one of them that a scheme works with.
var secretOfScheme = map[string]string{
	SchemeCode: ClientSecret, SchemeClient: ClientSecret, SchemeBasic: PasswordPart, SchemeHeaderToken: TokenPart,
}

// Bounds of what is said of a system, in characters or as counts.
const (
	NameMost     = 64
	TitleMost    = 80
	DocumentMost = 256 << 10 // bytes of a definition of one's own
	NetworksMost = 16
	valueMost    = 2000
)

// System is an outside system of an organization. What is empty of the two
// endpoints is as its definition says.
type System struct {
	ID         id.Connector
	Org        id.Org
	Name       string // unique in the organization
	Title      string // as people call it; "" is the definition's
	Definition string // its id
	Document   string // of a definition of one's own; "" for a built-in one
	Version    string // SHA-256 of the definition's text
	Settings   map[string]any

	Mode                  string // ModeUser, ModeService
	Scheme                string
	ClientID              string
	Username              string
	AuthorizationEndpoint string
	TokenEndpoint         string
	Scope                 string // may be empty

	Networks    []string // CIDRs besides public ones that it may stand in
	Authorities string   // PEM, trusted for it besides the machine's

	Enabled  bool
	Made     time.Time
	Changed  time.Time
	By       id.Principal // who wrote it last
	Revision int64        // raised by each change; 0 before the first

	sealed []byte
	marks  map[string]string // of each secret, by which two are told apart
}

// Wanted is a system as somebody writes it. Secrets that are not given stay as
// they are; an empty one is taken away.
type Wanted struct {
	System
	Secrets map[string]secret.Text
}

// Has reports whether a secret is there.
func (s System) Has(name string) bool { return s.marks[name] != "" }

func (s System) place() seal.Place {
	return seal.Place{Table: "connector_system", Column: "sealed", Row: string(s.ID), Org: s.Org}
}

// Topic changes whenever a system or a connection does.
const Topic = "connector"

var systemName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// check returns all that is wrong with a system, whatever its definition says.
func (s System) check() *fault.Fault {
	var bad fault.Checks
	if len(s.Name) > NameMost || !systemName.MatchString(s.Name) {
		bad.Add("name", "name-malformed", "limit", NameMost)
	}
	checkText(&bad, "title", s.Title, TitleMost)
	checkText(&bad, "auth.client_id", s.ClientID, valueMost)
	checkText(&bad, "auth.username", s.Username, valueMost)
	checkText(&bad, "auth.scope", s.Scope, valueMost)
	if s.Mode != ModeUser && s.Mode != ModeService {
		bad.Add("auth.mode", "connector-mode-unknown", "mode", s.Mode)
	}
	for path, text := range map[string]string{
		"auth.authorization_endpoint": s.AuthorizationEndpoint, "auth.token_endpoint": s.TokenEndpoint,
	} {
		if text != "" {
			if f := fault.As(definition.CheckAddress(text)); f != nil {
				bad.AddFault(path, f)
			}
		}
	}
	if len(s.Networks) > NetworksMost {
		bad.Add("networks", "connector-too-many-networks", "limit", NetworksMost)
	}
	for _, text := range s.Networks {
		if prefix, err := netip.ParsePrefix(text); err != nil || prefix.Bits() == 0 {
			bad.Add("networks", "connector-network-malformed", "network", text)
		}
	}
	if _, err := s.roots(); err != nil {
		bad.Add("authorities", "connector-authorities-malformed")
	}
	return bad.Fault("connector-invalid")
}

var unshown = regexp.MustCompile(`[\x00-\x1f\x7f-\x9f\x{061c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)

func checkText(bad *fault.Checks, path, text string, most int) {
	switch {
	case !utf8.ValidString(text):
		bad.Add(path, "text-not-utf8")
	case utf8.RuneCountInString(text) > most:
		bad.Add(path, "field-too-long", "limit", most)
	case unshown.MatchString(text):
		bad.Add(path, "text-has-controls")
	}
}

// roots are the authorities that the system is trusted by.
func (s System) roots() (all []*x509.Certificate, err error) {
	for block, rest := pem.Decode([]byte(s.Authorities)); ; block, rest = pem.Decode(rest) {
		if block == nil {
			if strings.TrimSpace(string(rest)) != "" {
				return nil, fault.New(fault.Invalid, "connector-authorities-malformed")
			}
			return all, nil
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil, fault.New(fault.Invalid, "connector-authorities-malformed")
		}
		all = append(all, cert)
	}
}

// Use is the way out that the system's calls take.
func (s System) Use() egress.Use {
	use := egress.Use{Name: "connector " + s.Name, Limits: egress.Limits{Total: callMost, Body: 4 << 20, Redirects: -1}}
	for _, text := range s.Networks {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			use.Allow = append(use.Allow, prefix)
		}
	}
	use.Roots, _ = s.roots() // checked when it was written
	if base, ok := s.Settings["base_url"].(string); ok {
		if u, err := url.Parse(base); err == nil && u.Hostname() != "" {
			if _, err := netip.ParseAddr(u.Hostname()); err != nil {
				use.Hosts = append(use.Hosts, u.Hostname())
			}
		}
	}
	return use
}

// callMost is how long one call to a system may take.
const callMost = 15 * time.Second

// Systems lists the systems of an organization by name.
func (d *Desk) Systems(ctx context.Context, org id.Org) (all []System, err error) {
	err = d.store.Org(org).Read(ctx, func(v *store.View) error {
		all, err = systemsOf(v)
		return err
	})
	return all, err
}

// System returns one; NotFound connector-unknown also for one of another
// organization.
func (d *Desk) System(ctx context.Context, org id.Org, which id.Connector) (s System, err error) {
	err = d.store.Org(org).Read(ctx, func(v *store.View) error {
		s, err = systemOf(v, which)
		return err
	})
	return s, err
}

// Named returns the system of a name.
func (d *Desk) Named(ctx context.Context, org id.Org, name string) (s System, err error) {
	err = d.store.Org(org).Read(ctx, func(v *store.View) error {
		s, err = systemNamed(v, name)
		return err
	})
	return s, err
}

// Find returns a system by the identifier that stands in addresses of the
// house, whatever organization it belongs to. The caller shows it to nobody
// before who asks was found to belong there.
func (d *Desk) Find(ctx context.Context, which id.Connector) (s System, err error) {
	err = d.store.House().Read(ctx, func(v *store.View) error {
		s, err = systemAnywhere(v, which)
		return err
	})
	return s, err
}

// Put writes a system: a new one if Revision is 0, else the one with that ID,
// which must still have that Revision (connector-changed otherwise). A new one
// may bring the ID along that its callback address was shown with. All bad
// fields are said at once.
func (d *Desk) Put(ctx context.Context, by id.Principal, w Wanted) (System, error) {
	var now System
	fresh := w.Revision == 0
	if !fresh {
		var err error
		if now, err = d.System(ctx, w.Org, w.ID); err != nil {
			return System{}, err
		}
		w.Made = now.Made
	}
	if fresh && !id.Valid(string(w.ID)) {
		w.ID = id.New[id.Connector](d.clock.Now())
	}
	s, err := d.settle(ctx, w, now)
	if err != nil {
		return s, err
	}
	if d.holds(s, now) {
		return s, d.holder.HoldSystem(ctx, by, w, s, now)
	}
	err = d.store.Org(w.Org).Write(ctx, func(tx *store.Tx) store.End {
		event, err := d.save(tx, by, &s, now, fresh)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	return s, err
}

// settle brings what is wanted into the form in which it is kept, and seals its
// secrets. now is what is there, the zero System if nothing is.
func (d *Desk) settle(ctx context.Context, w Wanted, now System) (System, error) {
	s := w.System
	s.Networks, s.Changed = slices.Sorted(slices.Values(s.Networks)), d.clock.Now()
	if s.Settings == nil {
		s.Settings = map[string]any{}
	}
	s.sealed, s.marks = now.sealed, maps.Clone(now.marks)
	if s.marks == nil {
		s.marks = map[string]string{}
	}
	f := s.check()
	for _, name := range slices.Sorted(maps.Keys(w.Secrets)) {
		if text := w.Secrets[name].Reveal(); len(text) > 8<<10 || unshown.MatchString(text) {
			if f == nil {
				f = fault.New(fault.Invalid, "connector-invalid")
			}
			f.Fields = append(f.Fields, fault.Field{Path: secretPath(name), Code: "connector-secret-malformed"})
		}
	}
	if f != nil {
		return s, f
	}
	if err := fit(&s, w.Secrets); err != nil {
		return s, err
	}
	given, err := s.givenFor(now, w.Secrets)
	if err != nil {
		return s, err
	}
	if s.Document != now.Document && s.Document != "" {
		if err := prove(ctx, s); err != nil {
			return s, err
		}
	}
	return s, d.sealSecrets(&s, given)
}

// PutIn is Put in a write of the system's organization, for what was looked at
// by Check: it asks whether by may write systems there.
func (d *Desk) PutIn(tx *store.Tx, by id.Principal, w Wanted) (store.Event, error) {
	if err := d.register.Need(&tx.View, by, w.Org, Write); err != nil {
		return store.Event{}, err
	}
	var now System
	var err error
	if w.Revision > 0 {
		if now, err = systemOf(&tx.View, w.ID); err != nil {
			return store.Event{}, err
		}
		w.Made = now.Made
	}
	s, err := d.settle(context.Background(), w, now)
	if err != nil {
		return store.Event{}, err
	}
	return d.save(tx, by, &s, now, w.Revision == 0)
}

// EndIn is End for who may write systems there.
func (d *Desk) EndIn(tx *store.Tx, by id.Principal, org id.Org, which id.Connector) (store.Event, error) {
	if err := d.register.Need(&tx.View, by, org, Write); err != nil {
		return store.Event{}, err
	}
	return d.End(tx, by, which)
}

// Loaded are the systems of an organization in the caller's view, which is its.
func Loaded(v *store.View) ([]System, error) { return systemsOf(v) }

// save writes a settled system under a name that is free.
func (d *Desk) save(tx *store.Tx, by id.Principal, s *System, now System, fresh bool) (store.Event, error) {
	if d.holds(*s, now) && !tx.Lifted("connector:"+string(s.ID)) {
		return store.Event{}, store.ErrHeld
	}
	if !slices.Equal(s.Networks, now.Networks) {
		if err := d.register.Need(&tx.View, by, s.Org, Reach); err != nil {
			return store.Event{}, err
		}
	}
	if len(s.sealed) > 0 {
		if err := d.ring.Live(tx.House(), s.sealed); err != nil {
			return store.Event{}, err
		}
	}
	s.By = by
	write, name := changeSystem, "connector.changed"
	if fresh {
		s.Made, s.Revision = s.Changed, 0
		write, name = insertSystem, "connector.added"
	}
	if err := putSystem(tx, *s, write); err != nil {
		return store.Event{}, err
	}
	s.Revision++
	event := s.event(name, by)
	if !fresh && elsewhere(now, *s) {
		ended, err := unseat(tx, s.ID)
		if err != nil {
			return store.Event{}, err
		}
		event.Fields["connections-ended"] = strconv.FormatInt(ended, 10)
	}
	for field, value := range Differences(now, *s) {
		event.Fields["changed."+field] = value
	}
	return event, tx.Touch(Topic)
}

// elsewhere reports whether a system would be called at other hosts than before:
// what people let one host have, nobody hands to another in their place.
func elsewhere(before, after System) bool {
	return !slices.Equal(origins(before), origins(after))
}

func origins(s System) []string {
	def, err := bound(&s)
	if err != nil {
		return nil
	}
	return def.Hosts(s.Settings)
}

// event says what the witness keeps of a system: never a secret.
func (s System) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, Org: s.Org, By: by, Target: "connector:" + string(s.ID), Fields: map[string]string{
		"name": s.Name, "definition": s.Definition, "version": s.Version, "mode": s.Mode, "scheme": s.Scheme,
	}}
}

// Differences are the fields in which two systems differ; of a secret, that it
// did.
func Differences(before, after System) map[string]string {
	changed := map[string]string{}
	add := func(name, a, b string) {
		if a != b {
			changed[name] = b
		}
	}
	add("title", before.Title, after.Title)
	add("mode", before.Mode, after.Mode)
	add("scheme", before.Scheme, after.Scheme)
	add("client_id", before.ClientID, after.ClientID)
	add("username", before.Username, after.Username)
	add("authorization_endpoint", before.AuthorizationEndpoint, after.AuthorizationEndpoint)
	add("token_endpoint", before.TokenEndpoint, after.TokenEndpoint)
	add("scope", before.Scope, after.Scope)
	add("networks", strings.Join(before.Networks, " "), strings.Join(after.Networks, " "))
	add("settings", jsonText(before.Settings), jsonText(after.Settings))
	if before.Authorities != after.Authorities {
		changed["authorities"] = hex.EncodeToString(digest(after.Authorities))
	}
	if before.Enabled != after.Enabled {
		changed["enabled"] = map[bool]string{true: "true", false: "false"}[after.Enabled]
	}
	for _, marks := range []map[string]string{before.marks, after.marks} {
		for name := range marks {
			if before.marks[name] != after.marks[name] {
				changed[name] = secret.Redacted
			}
		}
	}
	return changed
}

// Drop removes a system with every connection to it.
func (d *Desk) Drop(ctx context.Context, by id.Principal, org id.Org, which id.Connector) error {
	err := d.store.Org(org).Write(ctx, func(tx *store.Tx) store.End {
		event, err := d.End(tx, by, which)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	return err
}

// End is Drop in the caller's write, which is of the system's organization.
func (d *Desk) End(tx *store.Tx, by id.Principal, which id.Connector) (store.Event, error) {
	s, err := systemOf(&tx.View, which)
	if err != nil {
		return store.Event{}, err
	}
	if err := removeSystem(tx, which); err != nil {
		return store.Event{}, err
	}
	return s.event("connector.removed", by), tx.Touch(Topic)
}

// Sweep removes what is left of organizations that were deleted, and says how
// many systems there were.
func (d *Desk) Sweep(ctx context.Context) (n int, err error) {
	var all []id.Org
	err = d.store.House().Read(ctx, func(v *store.View) error {
		all, err = owners(v)
		return err
	})
	for _, org := range all {
		_, gone := d.register.Organization(ctx, org)
		if f := fault.As(gone); f == nil || f.Kind != fault.NotFound {
			err = errors.Join(err, gone)
			continue
		}
		left, errLeft := d.Systems(ctx, org)
		err = errors.Join(err, errLeft)
		for _, s := range left {
			err = errors.Join(err, d.Drop(ctx, id.System("connector"), org, s.ID))
			n++
		}
	}
	return n, err
}

// Shown is how people call the system.
func (s System) Shown() string { return cmp.Or(s.Title, s.Name) }
