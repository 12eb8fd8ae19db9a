package manifest

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Secret is a secret in a spec. A document gives it as a literal, {env: NAME},
// {file: PATH} or {keep: true}; what is there already is made by SecretOf,
// SecretMatching or SecretOnce; an export always reads {keep: true}. The zero
// value is no secret.
type Secret struct {
	text    secret.Text
	keep    bool
	there   bool                   // made by one of the constructors: it is in the house
	hidden  bool                   // left out of an export
	matches func(secret.Text) bool // nil: applied at creation only
	source  *source
}

// source is where a client finds the value, until Resolve.
type source struct {
	env, file string
	node      *yaml.Node
}

// SecretOf is a secret that is there and can be read back.
func SecretOf(value secret.Text) Secret {
	return Secret{text: value, there: true, matches: value.Equal}
}

// SecretMatching is a secret of which only a hash is there.
func SecretMatching(matches func(secret.Text) bool) Secret {
	return Secret{there: true, matches: matches}
}

// SecretOnce is a secret that is there and that documents cannot change: a
// password that its owner has chosen since.
func SecretOnce() Secret { return Secret{there: true} }

// SecretAtBirth is like SecretOnce, but an export leaves it out: the object is
// whole without it. It says nothing about whether there is one.
func SecretAtBirth() Secret { return Secret{there: true, hidden: true} }

// Given returns the value that a document gives; false for none and for keep.
func (s Secret) Given() (secret.Text, bool) { return s.text, !s.keep && !s.text.Empty() }

// Keep reports whether the present value stays: the document says so, or gives
// the value that is there.
func (s Secret) Keep() bool { return s.keep }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool {
	return s.text.Empty() && !s.keep && !s.there && s.source == nil
}

// String returns the redaction.
func (Secret) String() string { return secret.Redacted }

// GoString returns the redaction.
func (Secret) GoString() string { return secret.Redacted }

// MarshalNode writes {keep: true}, or null for no secret.
func (s Secret) MarshalNode() (*yaml.Node, error) {
	if s.IsZero() || s.hidden {
		return &yaml.Node{}, nil
	}
	keep := &yaml.Node{Kind: yaml.Bool, Text: "true"}
	return &yaml.Node{Kind: yaml.Map, Fields: []yaml.Field{{Name: "keep", Value: keep}}}, nil
}

// UnmarshalNode reads the four forms.
func (s *Secret) UnmarshalNode(n *yaml.Node) error {
	*s = Secret{}
	if n.Kind == yaml.Null {
		return nil
	}
	if n.Kind != yaml.Map {
		return yaml.Decode(n, &s.text)
	}
	var in struct {
		Env  string `yaml:"env"`
		File string `yaml:"file"`
		Keep bool   `yaml:"keep"`
	}
	if err := yaml.Decode(n, &in); err != nil {
		return err
	}
	if len(n.Fields) != 1 || in.Env == "" && in.File == "" && !in.Keep {
		return fault.New(fault.Invalid, "manifest-secret-form")
	}
	s.keep = in.Keep
	if !in.Keep {
		s.source = &source{env: in.Env, file: in.File, node: n}
	}
	return nil
}

// Sources is where a client finds the values of secrets.
type Sources struct {
	Env func(name string) (string, bool) // os.LookupEnv
}

// Resolve puts the values of {env} and {file} into the documents: on the
// machine of whoever applies them, never on a server that is sent them. A path
// is relative to the file of its document; one newline at a file's end is not
// part of the secret.
func (s *Set) Resolve(docs []Document, from Sources) error {
	var problems yaml.Problems
	for _, doc := range docs {
		k := s.kind(text(doc.Root.Get("kind")))
		spec := doc.Root.Get("spec")
		if k == nil || spec == nil {
			continue // Plan says it, with all else
		}
		for path, field := range k.secrets(spec) {
			if field.source == nil {
				continue
			}
			value, code := field.source.read(doc.File, from)
			if code != "" {
				problems = append(problems, spec.Problem("spec."+path, code, "name", field.source.env+field.source.file))
				problems[len(problems)-1].Line = field.source.node.Line
				continue
			}
			*field.source.node = yaml.Node{Kind: yaml.String, File: doc.File, Line: field.source.node.Line, Text: value}
		}
	}
	return invalid(problems)
}

// maxSecret is the longest secret that a file may hold: a chain of keys.
const maxSecret = 256 << 10

func (s *source) read(document string, from Sources) (value, code string) {
	if s.env != "" {
		value, ok := from.Env(s.env)
		if !ok || value == "" {
			return "", codeSecretEnv
		}
		return value, ""
	}
	path := s.file
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(document), path)
	}
	if regular(path) != nil {
		return "", codeSecretFile
	}
	content, err := readFile(path, maxSecret)
	if errors.Is(err, errTooLarge) {
		return "", codeSecretTooLarge
	}
	value = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if err != nil || value == "" {
		return "", codeSecretFile
	}
	return value, ""
}

// differs compares what a document says with what is there. Both are zero if
// there is none; code is a problem.
func (s Secret) differs(present Secret) (changed bool, code string) {
	switch {
	case s.source != nil:
		return false, codeSecretUnresolved
	case s.keep && present.IsZero():
		return false, codeSecretNotThere
	case s.keep:
		return false, ""
	case s.IsZero() || present.IsZero():
		return s.IsZero() != present.IsZero(), ""
	case present.matches == nil:
		return false, ""
	}
	return !present.matches(s.text), ""
}
