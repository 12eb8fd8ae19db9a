package definition

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"regexp"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Words are the sentences of what can be wrong in a definition.
//
//go:embed words
var Words embed.FS

// Schema is the JSON Schema of definitions, for editors. Parse knows more than
// a schema can say.
//
//go:embed schema.json
var Schema []byte

// APIVersion is the version of the form that Parse reads.
const APIVersion = "sekisho/connector/v1"

// The kinds of connectors: one that a definition describes whole, and one whose
// adapter speaks the card protocol.
const (
	KindREST = "rest"
	KindCard = "card-http"
)

// The modes of credentials: each person connects, or one connection serves all.
const (
	ModeUser    = "user"
	ModeService = "service"
)

// Limits cap what one operation may cost. Parse fills what a definition leaves
// out and refuses more than the house allows.
type Limits struct {
	RPS         float64       `yaml:"rps"`         // requests a second of one connection; 2
	Burst       int           `yaml:"burst"`       // 5
	Concurrency int           `yaml:"concurrency"` // requests at once of one connection; 2
	Timeout     time.Duration `yaml:"timeout"`     // of one request; 15s
	Total       time.Duration `yaml:"total"`       // of an operation with all its requests; 60s
	MaxBody     size          `yaml:"maxBody"`     // of one answer; 4MiB
	MaxSteps    int           `yaml:"maxSteps"`    // executed by an operation, each page again; 20
	MaxForeach  int           `yaml:"maxForeach"`  // elements of a foreach; 200
	CELCost     int           `yaml:"celCost"`     // of one expression; 100000
}

// Poll says how often a system is asked.
type Poll struct {
	Interval    time.Duration `yaml:"interval"`    // 60s
	Jitter      percent       `yaml:"jitter"`      // 20%
	PerUser     *bool         `yaml:"perUser"`     // each connection by itself; true
	MaxInterval time.Duration `yaml:"maxInterval"` // while nobody is there; 15m
}

// Definition is an outside system as a document describes it. It never changes,
// and is safe for use at once.
type Definition struct {
	ID      string            // stable key
	Kind    string            // KindREST or KindCard
	Title   map[string]string // by language; "en" is always there
	Docs    map[string]string // how to register at the other side, by language
	Version string            // SHA-256 of the text, in hexadecimal digits
	Source  []byte            // the text
	Modes   []string
	Limits  Limits
	Poll    Poll

	doc *document
}

// Probe says how somebody can find out whether a write was done: by reading the
// record itself, by reading for a marker, or not at all.
type Probe struct {
	By string `yaml:"by,required"` // "natural", "marker" or "none"
	Op string `yaml:"op"`          // the operation that reads; for "natural" and "marker"
}

// document is the form of a definition.
type document struct {
	APIVersion string            `yaml:"apiVersion,required"`
	ID         string            `yaml:"id,required"`
	Kind       string            `yaml:"kind"`
	Title      map[string]string `yaml:"title,required"`
	Icon       string            `yaml:"icon"`
	Docs       map[string]string `yaml:"docs"`
	Zone       string            `yaml:"zone"` // of times without one: "UTC" or "+09:00"
	Settings   settings          `yaml:"settings"`
	Hosts      []string          `yaml:"hosts,required"`
	Auth       auth              `yaml:"auth,required"`
	Errors     []*rule           `yaml:"errors"`
	Operations operations        `yaml:"operations"`
	Poll       Poll              `yaml:"poll"`
	Webhook    *Webhook          `yaml:"webhook"`
	Limits     Limits            `yaml:"limits"`
	Tests      []*Example        `yaml:"tests"`

	node *yaml.Node
	zone *time.Location
}

type auth struct {
	Modes       []string     `yaml:"modes,required"`
	Schemes     schemes      `yaml:"schemes,required"`
	Headers     pairs        `yaml:"headers"`
	Impersonate *impersonate `yaml:"impersonate"`
}

type impersonate struct {
	Header string `yaml:"header,required"`
	Value  expr   `yaml:"value,required"`
}

type rule struct {
	When       expr `yaml:"when,required"`
	As         Kind `yaml:"as,required"`
	Message    expr `yaml:"message"`
	RetryAfter expr `yaml:"retryAfter"`
}

type operation struct {
	Modes  []string          `yaml:"modes"` // in which it can be used; all that auth knows if empty
	Args   map[string]string `yaml:"args"`  // a pattern for the whole of an argument
	Steps  []*step           `yaml:"steps,required"`
	Each   expr              `yaml:"each"` // of a list: the elements
	With   expr              `yaml:"with"` // what map calls it: of one record, or of each element
	Map    *tree             `yaml:"map"`
	Page   *pager            `yaml:"page"`
	Verify *verify           `yaml:"verify"`
	Probe  *Probe            `yaml:"probe"`
	Alone  bool              `yaml:"alone"`  // of an order: two of one account would meet
	Behalf string            `yaml:"behalf"` // of an order: the setting that lets people order through a connection for all

	name     string
	line     int
	patterns map[string]*regexp.Regexp
	whole    bool // a probe reads it: what a cut list does not have may be there
}

type step struct {
	ID      string  `yaml:"id,required"`
	If      expr    `yaml:"if"`
	Foreach expr    `yaml:"foreach"`
	Request request `yaml:"request,required"`
	Expect  expr    `yaml:"expect"`
	Allow   expr    `yaml:"allow"` // an answer that is no problem, whatever its status
	Errors  []*rule `yaml:"errors"`
	Save    expr    `yaml:"save"` // what is kept of the body
	Page    *pager  `yaml:"page"` // all pages, whose answers are a list

	line int
}

type request struct {
	Method  string `yaml:"method,required"`
	Path    expr   `yaml:"path"`
	URL     expr   `yaml:"url"` // a link out of an answer, instead of path
	Query   pairs  `yaml:"query"`
	Headers pairs  `yaml:"headers"`
	JSON    *tree  `yaml:"json"`
	Form    pairs  `yaml:"form"`

	node *yaml.Node
}

func (q *request) writes() bool { return q.Method != "GET" && q.Method != "HEAD" }

type verify struct {
	Op       string        `yaml:"op,required"`
	In       *tree         `yaml:"in"`
	Until    expr          `yaml:"until,required"`
	Attempts int           `yaml:"attempts"`
	Every    time.Duration `yaml:"every"`

	line int
}

type pager struct {
	Type  string `yaml:"type,required"`
	Step  string `yaml:"step"`
	Start string `yaml:"start"`  // name of the parameter: how many to skip
	Page  string `yaml:"page"`   // name of the parameter: number of the page
	Token string `yaml:"cursor"` // name of the parameter: where to go on
	Size  string `yaml:"size"`   // name of the parameter: how many are wanted
	First int    `yaml:"first"`  // number of the first page; 1
	Items expr   `yaml:"items"`  // the page's elements, over status, body, headers
	Total expr   `yaml:"total"`
	Last  expr   `yaml:"last"`
	Next  expr   `yaml:"next"` // cursor or link of the next page
	Max   int    `yaml:"max"`  // elements in all; 200

	line int
}

// Operations lists the names of what the definition can do, in its order.
func (d *Definition) Operations() []string {
	names := make([]string, len(d.doc.Operations))
	for i, op := range d.doc.Operations {
		names[i] = op.name
	}
	return names
}

// Can reports whether the operation can be used in the mode. Deciding for others
// with one credential needs to know who is asked: approval operations of a
// service need a mapped approver.
func (d *Definition) Can(op, mode string) bool {
	if d.Kind == KindCard {
		return mode == ModeUser && slices.Contains(cardOperations, op)
	}
	o := d.doc.Operations.get(op)
	if o == nil || !slices.Contains(d.Modes, mode) || len(o.Modes) > 0 && !slices.Contains(o.Modes, mode) {
		return false
	}
	return mode != ModeService || !isApproval(op) || d.approverMapped()
}

// Impersonates reports whether a service's credential acts as the person, so that
// the system itself writes down who decided.
func (d *Definition) Impersonates() bool { return d.doc.Auth.Impersonate != nil }

// Probe says how a write of the operation is found again.
func (d *Definition) Probe(op string) Probe {
	o := d.doc.Operations.get(op)
	switch {
	case o != nil && o.Probe != nil:
		return *o.Probe
	case o != nil && o.Verify != nil:
		return Probe{By: "natural", Op: o.Verify.Op}
	}
	return Probe{By: "none"}
}

func (d *Definition) approverMapped() bool {
	for _, name := range []string{"approval.list", "approval.get"} {
		if op := d.doc.Operations.get(name); op != nil && (op.Map == nil || op.Map.get("approver") == nil) {
			return false
		}
	}
	return true
}

// Parse reads a definition. The error is an Invalid fault definition-invalid with
// everything that is wrong, each with its file and line.
func Parse(file string, text []byte) (*Definition, error) {
	nodes, err := yaml.Parse(file, text, yaml.Limits{Bytes: 512 << 10, Depth: 24, Nodes: 20_000, Aliases: 200})
	if err != nil {
		return nil, invalid(err)
	}
	if len(nodes) != 1 {
		return nil, invalid(yaml.Problems{{File: file, Line: 1, Code: codeOneDocument}})
	}
	doc := &document{node: nodes[0]}
	p := &parser{file: file, doc: doc, compiled: map[string]*code{}}
	p.take(yaml.Decode(nodes[0], doc))
	p.check()
	if err := p.problems.Err(); err != nil {
		return nil, invalid(err)
	}
	sum := sha256.Sum256(text)
	return &Definition{
		ID: doc.ID, Kind: doc.Kind, Title: doc.Title, Docs: doc.Docs,
		Version: hex.EncodeToString(sum[:]), Source: slices.Clone(text),
		Modes: doc.Auth.Modes, Limits: doc.Limits, Poll: doc.Poll, doc: doc,
	}, nil
}

// cardOperations are what an adapter of the card protocol can do.
var cardOperations = []string{OpWhoami, OpApprovals, OpApproval}

// Zone is where times without a zone are read.
func (d *Definition) Zone() *time.Location { return d.doc.zone }
