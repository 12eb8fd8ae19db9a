package house

import (
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/audit/outside"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Config is sekisho.yaml. Every key can also be given in the environment, as
// SEKISHO_ and its path in capitals with _ between (SEKISHO_LOG_LEVEL); the
// environment wins, and lists are separated by commas there. An unknown key
// and an unknown SEKISHO_ variable are errors. Everything else that can be set
// lives in the database.
type Config struct {
	Listen         string       `yaml:"listen,omitempty"`          // host:port
	BaseURL        string       `yaml:"base_url,omitempty"`        // of links and issuer
	Data           string       `yaml:"data,omitempty"`            // folder of everything that is kept
	Database       secret.Text  `yaml:"database,omitempty"`        // sqlite:PATH or postgres://…
	TLS            TLSConfig    `yaml:"tls,omitempty"`             // certificates of the listener
	TrustedProxies []string     `yaml:"trusted_proxies,omitempty"` // CIDRs whose forwarding headers count
	Unseal         UnsealConfig `yaml:"unseal,omitempty"`          // where the unseal key is
	Log            LogConfig    `yaml:"log,omitempty"`             // what is logged and how
	Metrics        MetricConfig `yaml:"metrics,omitempty"`         // Prometheus, off by default
	Mail           MailConfig   `yaml:"mail,omitempty"`            // how mails leave; none without it
	Push           PushConfig   `yaml:"push,omitempty"`            // how browsers are told
	Egress         EgressConfig `yaml:"egress,omitempty"`          // where the house may connect to
	Audit          AuditConfig  `yaml:"audit,omitempty"`           // where checkpoints go
	// FourEyes holds applies, roles, definitions of outside systems and resets of
	// other people's factors until somebody else has approved them.
	FourEyes bool `yaml:"four_eyes,omitempty"`
	// Drain is how long a stopping process goes on answering while /readyz
	// already says no, so that whoever spreads the requests looks elsewhere.
	Drain time.Duration `yaml:"drain,omitempty"`
}

// TLSConfig names the listener's certificate files, or ACME.
type TLSConfig struct {
	Cert     string     `yaml:"cert,omitempty"`      // PEM, reloaded when it changes
	Key      string     `yaml:"key,omitempty"`       // PEM
	ClientCA string     `yaml:"client_ca,omitempty"` // PEM of CAs whose client certificates are read
	ACME     ACMEConfig `yaml:"acme,omitempty"`
}

// ACMEConfig gets certificates for the host of base_url from an authority.
type ACMEConfig struct {
	Directory string `yaml:"directory,omitempty"` // URL of the authority's directory
	Email     string `yaml:"email,omitempty"`     // where the authority writes to
}

// UnsealConfig says where the unseal key is; at most one is given. None means
// the file unseal.key in the data folder.
type UnsealConfig struct {
	File       string      `yaml:"file,omitempty"`
	Passphrase secret.Text `yaml:"passphrase,omitempty"`
	Age        string      `yaml:"age,omitempty"` // file with an age identity
}

// LogConfig is the log on standard error.
type LogConfig struct {
	Level  string `yaml:"level,omitempty"`  // debug, info, warn or error
	Format string `yaml:"format,omitempty"` // text or json
}

// MetricConfig is the listener of /metrics.
type MetricConfig struct {
	Listen string `yaml:"listen,omitempty"` // host:port; "" is off
}

// EgressConfig bounds where the house connects to.
type EgressConfig struct {
	Allow []string `yaml:"allow,omitempty"` // CIDRs of private targets
	Proxy string   `yaml:"proxy,omitempty"` // URL of the way out
	Hosts []string `yaml:"hosts,omitempty"` // with a proxy: the only targets
}

// AuditConfig says where checkpoints are pushed.
type AuditConfig struct {
	CheckpointTo []string `yaml:"checkpoint_to,omitempty"` // syslog+tls://HOST:PORT, https://…
}

// EnvPrefix is how the environment variables of the house begin.
const EnvPrefix = "SEKISHO_"

// LoadConfig reads the file (none if path is "") and the environment, as
// os.Environ gives it, and fills in the defaults. All problems are said at
// once, each with its place.
func LoadConfig(path string, environ []string) (Config, error) {
	var config Config
	root := &yaml.Node{Kind: yaml.Map, File: path, Line: 1}
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return config, fmt.Errorf("configuration: %w", err)
		}
		docs, err := yaml.Parse(path, text, yaml.Limits{})
		if err != nil {
			return config, err
		}
		switch {
		case len(docs) > 1:
			return config, fmt.Errorf("%s: want one document, there are %d", path, len(docs))
		case len(docs) == 1 && docs[0].Kind != yaml.Map:
			return config, fmt.Errorf("%s: want keys and values (listen: …)", path)
		case len(docs) == 1:
			root = docs[0]
		}
	}
	if err := errors.Join(fromEnviron(root, environ), yaml.Decode(root, &config)); err != nil {
		return config, err
	}
	config.defaults()
	return config, config.check()
}

// ConfigKeys are the keys of sekisho.yaml at its top, in order.
func ConfigKeys() []string {
	var keys []string
	for field := range reflect.TypeFor[Config]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		keys = append(keys, name)
	}
	return keys
}

// fromEnviron puts the variables of the house into the tree of the file.
func fromEnviron(root *yaml.Node, environ []string) error {
	leaves := map[string]leaf{}
	findLeaves(reflect.TypeFor[Config](), nil, leaves)
	var unknown []error
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, EnvPrefix) {
			continue
		}
		leaf, ok := leaves[name]
		if !ok {
			unknown = append(unknown, fmt.Errorf("environment: %s is not a setting of sekisho", name))
			continue
		}
		set(root, leaf.path, leaf.node("environment "+name, value))
	}
	slices.SortFunc(unknown, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(unknown...)
}

// leaf is a key that has a value of its own.
type leaf struct {
	path []string
	list bool
	flag bool
}

func (l leaf) node(place, value string) *yaml.Node {
	if l.flag && (value == "true" || value == "false") {
		return &yaml.Node{Kind: yaml.Bool, File: place, Text: value}
	}
	if !l.list {
		return &yaml.Node{Kind: yaml.String, File: place, Text: value}
	}
	list := &yaml.Node{Kind: yaml.List, File: place}
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list.Items = append(list.Items, &yaml.Node{Kind: yaml.String, File: place, Text: item})
		}
	}
	return list
}

func findLeaves(t reflect.Type, path []string, into map[string]leaf) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		here := append(slices.Clone(path), name)
		if field.Type.Kind() == reflect.Struct && !leafType(field.Type) {
			findLeaves(field.Type, here, into)
			continue
		}
		env := EnvPrefix + strings.ToUpper(strings.Join(here, "_"))
		into[env] = leaf{path: here, list: field.Type.Kind() == reflect.Slice, flag: field.Type.Kind() == reflect.Bool}
	}
}

// leafType reports whether a struct is written as one text.
func leafType(t reflect.Type) bool {
	return t == reflect.TypeFor[secret.Text]() || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// set puts node at path, making maps on the way.
func set(root *yaml.Node, path []string, node *yaml.Node) {
	for i, name := range path {
		at := slices.IndexFunc(root.Fields, func(f yaml.Field) bool { return f.Name == name })
		if at < 0 {
			root.Fields = append(root.Fields, yaml.Field{Name: name, Value: &yaml.Node{Kind: yaml.Map, File: node.File}})
			at = len(root.Fields) - 1
		}
		if i == len(path)-1 {
			root.Fields[at].Value = node
			return
		}
		if root.Fields[at].Value.Kind != yaml.Map {
			root.Fields[at].Value = &yaml.Node{Kind: yaml.Map, File: node.File}
		}
		root = root.Fields[at].Value
	}
}

func (c *Config) defaults() {
	fallback(&c.Listen, "localhost:8080")
	fallback(&c.Data, "sekisho-data")
	fallback(&c.Log.Level, "info")
	fallback(&c.Log.Format, "text")
	if c.Database.Empty() {
		c.Database = secret.Of("sqlite:" + filepath.Join(c.Data, "house.db"))
	}
	if c.Unseal == (UnsealConfig{}) {
		c.Unseal.File = filepath.Join(c.Data, "unseal.key")
	}
}

// settle gives listen its port and base_url its default, once both are known.
func (c *Config) settle() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("configuration: listen: %q is not HOST:PORT", c.Listen)
	}
	if port == "0" {
		free, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			return err
		}
		_, port, _ = net.SplitHostPort(free.Addr().String())
		c.Listen = net.JoinHostPort(host, port)
		if err := free.Close(); err != nil {
			return err
		}
	}
	if c.BaseURL != "" {
		return nil
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("configuration: base_url: say under which address people reach %s", c.Listen)
	}
	scheme := "http"
	if c.TLS.Cert != "" {
		scheme = "https"
	}
	c.BaseURL = scheme + "://" + net.JoinHostPort("localhost", port)
	return nil
}

func fallback(value *string, otherwise string) {
	if *value == "" {
		*value = otherwise
	}
}

// check says what no type can say.
func (c *Config) check() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("configuration: %s: %s", key, fmt.Sprintf(format, args...)))
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		bad("log.level", "%q is none of debug, info, warn, error", c.Log.Level)
	}
	if !slices.Contains([]string{"text", "json"}, c.Log.Format) {
		bad("log.format", "%q is none of text, json", c.Log.Format)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls", "cert and key go together")
	}
	if c.TLS.Cert != "" && c.TLS.ACME.Directory != "" {
		bad("tls", "either cert and key or acme, not both")
	}
	given := 0
	for _, one := range []bool{c.Unseal.File != "", !c.Unseal.Passphrase.Empty(), c.Unseal.Age != ""} {
		if one {
			given++
		}
	}
	if given > 1 {
		bad("unseal", "give one of file, passphrase and age")
	}
	for _, to := range c.Audit.CheckpointTo {
		if _, err := outside.Parse(to, outside.Options{}); err != nil {
			bad("audit.checkpoint_to", "want syslog+tls://HOST:PORT or https://…: %v", err)
		}
	}
	if directory := c.TLS.ACME.Directory; directory != "" {
		if u, err := egress.ParseURL(directory); err != nil || u.Parsed().Scheme != "https" {
			bad("tls.acme.directory", "want https://…: %v", err)
		}
	}
	if c.Egress.Proxy != "" {
		if _, err := egress.ParseURL(c.Egress.Proxy); err != nil {
			bad("egress.proxy", "want http://HOST:PORT: %v", err)
		}
	}
	if c.Drain < 0 || c.Drain > drainMost {
		bad("drain", "%s is not between 0s and %s", c.Drain, drainMost)
	}
	c.Mail.check(bad)
	c.Push.check(bad)
	return errors.Join(errs...)
}

// prepareData makes the data folder, for us alone.
func (c *Config) prepareData() error {
	info, err := os.Stat(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(c.Data, 0o700); err == nil {
			return nil
		}
	}
	if err != nil {
		return fault.New(fault.Unmet, "house-folder-unusable", "path", c.Data).Because(err)
	}
	if !info.IsDir() {
		return fmt.Errorf("data: %s is not a folder", c.Data)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("data: %s can be read by others (mode %04o): chmod 700 %s", c.Data, mode, c.Data)
	}
	return nil
}

// drainMost bounds how long a process that was told to stop may go on.
const drainMost = 5 * time.Minute

// patience bounds how long a stop waits for requests that are under way.
const patience = 10 * time.Second
