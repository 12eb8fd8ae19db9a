package definition

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// The types of settings.
const (
	SettingURL     = "url"
	SettingText    = "text"
	SettingNumber  = "number"
	SettingBoolean = "boolean"
	SettingList    = "list"   // of texts
	SettingMap     = "map"    // of texts
	SettingSecret  = "secret" // sealed by who keeps it, and never seen by an expression
)

var settingTypes = []string{SettingURL, SettingText, SettingNumber, SettingBoolean, SettingList, SettingMap, SettingSecret}

// Setting is a value that an administrator gives a connector; forms are made of
// these, in their order.
type Setting struct {
	Name     string            `yaml:"-"`
	Type     string            `yaml:"type,required"`
	Required bool              `yaml:"required"`
	Default  any               `yaml:"default"` // string, float64, bool, []any or map[string]any
	Label    map[string]string `yaml:"label"`   // by language
	Help     map[string]string `yaml:"help"`

	line int
}

type settings []*Setting

// UnmarshalNode reads a map in its order.
func (ss *settings) UnmarshalNode(n *yaml.Node) error {
	return eachField(n, func(f yaml.Field) error {
		s := &Setting{Name: f.Name, line: f.Line}
		err := yaml.Decode(f.Value, s)
		*ss = append(*ss, s)
		return err
	})
}

// Settings lists what the definition wants to be told, in its order.
func (d *Definition) Settings() []Setting {
	out := make([]Setting, len(d.doc.Settings))
	for i, s := range d.doc.Settings {
		out[i] = *s
	}
	return out
}

// Configure checks the values of settings and fills in defaults. Secrets are
// left out. The error is an Invalid fault connector-settings-invalid with a field
// for each bad value.
func (d *Definition) Configure(values map[string]any) (map[string]any, error) {
	var bad fault.Checks
	out := map[string]any{}
	for name := range values {
		if !slices.ContainsFunc(d.doc.Settings, func(s *Setting) bool { return s.Name == name }) {
			bad.Add(name, "connector-setting-unknown", "name", name)
		}
	}
	for _, s := range d.doc.Settings {
		value, given := values[s.Name]
		if s.Type == SettingSecret {
			continue
		}
		if !given || value == nil || value == "" {
			value = s.Default
		}
		if value == nil && s.Required {
			bad.Add(s.Name, "connector-setting-missing", "name", s.Name)
			continue
		}
		plain, f := s.fit(value)
		if f != nil {
			bad.AddFault(s.Name, f)
			continue
		}
		out[s.Name] = plain
	}
	if f := bad.Fault("connector-settings-invalid"); f != nil {
		return nil, f
	}
	if _, err := d.Origins(out); err != nil {
		return nil, err
	}
	return out, nil
}

// fit gives the value the setting's type; nothing is the type's empty value.
func (s *Setting) fit(value any) (any, *fault.Fault) {
	wrong := fault.New(fault.Invalid, "connector-setting-type", "name", s.Name, "type", s.Type)
	switch s.Type {
	case SettingURL:
		return s.fitURL(value, wrong)
	case SettingNumber:
		return fitNumber(value, wrong)
	case SettingBoolean:
		if value == nil {
			return false, nil
		}
		b, ok := value.(bool)
		return b, unless(ok, wrong)
	case SettingList:
		return fitList(value, wrong)
	case SettingMap:
		return fitMap(value, wrong)
	}
	if value == nil {
		return "", nil
	}
	text, ok := value.(string)
	return text, unless(ok, wrong)
}

func unless(ok bool, f *fault.Fault) *fault.Fault {
	if ok {
		return nil
	}
	return f
}

func (s *Setting) fitURL(value any, wrong *fault.Fault) (any, *fault.Fault) {
	text, ok := value.(string)
	if value == nil || text == "" {
		return "", unless(ok || value == nil, wrong)
	}
	u, err := egress.ParseURL(text)
	if err != nil {
		return nil, fault.As(err)
	}
	if parsed := u.Parsed(); parsed.RawQuery != "" || strings.Contains(parsed.EscapedPath(), "..") {
		return nil, wrong
	}
	return strings.TrimRight(text, "/"), nil
}

func fitNumber(value any, wrong *fault.Fault) (any, *fault.Fault) {
	switch n := value.(type) {
	case nil:
		return float64(0), nil
	case int64:
		return float64(n), nil
	case int:
		return float64(n), nil
	case float64:
		return n, nil
	}
	return nil, wrong
}

func fitList(value any, wrong *fault.Fault) (any, *fault.Fault) {
	out := []any{}
	switch list := value.(type) {
	case nil:
	case []string:
		for _, item := range list {
			out = append(out, item)
		}
	case []any:
		for _, item := range list {
			if _, ok := item.(string); !ok {
				return nil, wrong
			}
			out = append(out, item)
		}
	default:
		return nil, wrong
	}
	return out, nil
}

func fitMap(value any, wrong *fault.Fault) (any, *fault.Fault) {
	out := map[string]any{}
	switch m := value.(type) {
	case nil:
	case map[string]string:
		for name, inner := range m {
			out[name] = inner
		}
	case map[string]any:
		for name, inner := range m {
			if _, ok := inner.(string); !ok {
				return nil, wrong
			}
			out[name] = inner
		}
	default:
		return nil, wrong
	}
	return out, nil
}

// Origins are the only places that the definition is ever allowed to call with
// these settings, as absolute URLs; the first is where its paths begin.
func (d *Definition) Origins(cfg map[string]any) ([]egress.URL, error) {
	out := make([]egress.URL, 0, len(d.doc.Hosts))
	for _, host := range d.doc.Hosts {
		u, err := place(host, cfg)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

// Hosts are the origins as the web compares them; none of settings that do not
// fit.
func (d *Definition) Hosts(values map[string]any) (all []string) {
	cfg, err := d.Configure(values)
	if err != nil {
		return nil
	}
	list, err := d.Origins(cfg)
	if err != nil {
		return nil
	}
	for _, o := range list {
		all = append(all, origin(o.Parsed()))
	}
	return all
}

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// place fills the settings into a template of a URL.
func place(template string, cfg map[string]any) (egress.URL, error) {
	text := placeholder.ReplaceAllStringFunc(template, func(name string) string {
		value, _ := cfg[strings.Trim(name, "{}")].(string)
		return value
	})
	u, err := egress.ParseURL(strings.TrimRight(text, "/"))
	if err != nil {
		return u, fault.New(fault.Invalid, "connector-host-invalid", "host", template).Because(err)
	}
	return u, nil
}

// origin is scheme, host and port as the web compares them.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := strings.ToLower(u.Hostname())
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
	}
	return u.Scheme + "://" + host + ":" + port
}

func within(origins []egress.URL, u *url.URL) bool {
	return slices.ContainsFunc(origins, func(o egress.URL) bool { return origin(o.Parsed()) == origin(u) })
}

// Refresh says what becomes of a refresh token.
type Refresh struct {
	Rotates  bool `yaml:"rotates"`          // each refresh gives a new one and kills the old
	Absolute days `yaml:"absoluteLifetime"` // after which the person connects again
}

// Scheme is a way of proving who calls. For OAuth it carries the endpoints and
// the ways in which this provider differs.
type Scheme struct {
	Kind       string            `yaml:"-"` // one of the Scheme… constants
	Authorize  string            `yaml:"authorizationEndpoint"`
	Token      string            `yaml:"tokenEndpoint"`
	Revoke     string            `yaml:"revocationEndpoint"`
	Scope      string            `yaml:"scope"`
	Separator  string            `yaml:"scopeSeparator"` // " "
	PKCE       string            `yaml:"pkce"`           // "S256" or "none"; S256
	TokenAuth  string            `yaml:"tokenAuth"`      // client id and secret in the "body" or as "basic"; body
	TokenBody  string            `yaml:"tokenBody"`      // "form" or "json"; form
	Extra      map[string]string `yaml:"extraAuthParams"`
	Refresh    Refresh           `yaml:"refresh"`
	ExpiresIn  int               `yaml:"expiresInDefault"` // seconds, if the answer does not say
	UserInText string            `yaml:"tokenUser"`        // of header_token: a pattern whose group is the account within the token

	headers pairs
	account *regexp.Regexp
	line    int
}

// The kinds of schemes.
const (
	SchemeCode        = "oauth2_code"
	SchemeClient      = "client_credentials"
	SchemeBasic       = "basic"
	SchemeHeaderToken = "header_token"
)

var schemeKinds = []string{SchemeCode, SchemeClient, SchemeBasic, SchemeHeaderToken}

type schemes []*Scheme

// UnmarshalNode reads a map in its order.
func (ss *schemes) UnmarshalNode(n *yaml.Node) error {
	type scheme struct {
		Scheme  `yaml:",inline"`
		Headers pairs `yaml:"headers"`
	}
	return eachField(n, func(f yaml.Field) error {
		read := scheme{}
		err := yaml.Decode(f.Value, &read)
		s := &read.Scheme
		s.Kind, s.line, s.headers = f.Name, f.Line, read.Headers
		*ss = append(*ss, s)
		return err
	})
}

func (ss schemes) get(kind string) *Scheme {
	i := slices.IndexFunc(ss, func(s *Scheme) bool { return s.Kind == kind })
	if i < 0 {
		return nil
	}
	return ss[i]
}

// Schemes lists the kinds of schemes that the definition knows, the recommended
// one first.
func (d *Definition) Schemes() []string {
	var out []string
	for _, s := range d.doc.Auth.Schemes {
		out = append(out, s.Kind)
	}
	return out
}

// Scheme returns the named scheme with the settings filled into its endpoints. A
// token endpoint outside of the definition's hosts is refused.
func (d *Definition) Scheme(kind string, cfg map[string]any) (Scheme, error) {
	s := d.doc.Auth.Schemes.get(kind)
	if s == nil {
		return Scheme{}, fault.New(fault.Invalid, "connector-scheme-unknown", "name", kind)
	}
	origins, err := d.Origins(cfg)
	if err != nil {
		return Scheme{}, err
	}
	out := *s
	for _, endpoint := range []*string{&out.Authorize, &out.Token, &out.Revoke} {
		if *endpoint == "" {
			continue
		}
		u, err := place(*endpoint, cfg)
		if err != nil {
			return Scheme{}, err
		}
		if !within(origins, u.Parsed()) {
			return Scheme{}, fault.New(fault.Invalid, "connector-host-invalid", "host", u.String())
		}
		*endpoint = u.String()
	}
	return out, nil
}

// Account is the account within a pasted token, where the scheme says how to find
// it; "" elsewhere.
func (d *Definition) Account(scheme string, token secret.Text) string {
	for _, s := range d.doc.Auth.Schemes {
		if s.account != nil && (scheme == "" || scheme == s.Kind) {
			if m := s.account.FindStringSubmatch(token.Reveal()); len(m) == 2 {
				return m[1]
			}
		}
	}
	return ""
}

// days is a span that may be written in days: "365d".
type days time.Duration

// UnmarshalText reads a duration of Go or a number of days.
func (d *days) UnmarshalText(text []byte) error {
	if n, ok := strings.CutSuffix(string(text), "d"); ok {
		hours, err := time.ParseDuration(n + "h")
		*d = days(24 * hours)
		return err
	}
	span, err := time.ParseDuration(string(text))
	*d = days(span)
	return err
}
