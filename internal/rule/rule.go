// Package rule decides by conditions that an administrator wrote in CEL. A
// Scope says which variables there are; a Set is some named conditions compiled
// against it; evaluating a Set gives true, false or a failure for each of them,
// with the values that it read, so that a refusal can be explained. Nothing in
// here can change anything, loop for long, or match a pattern that is not RE2
// and written out (A154). A failure is never true.
package rule

import (
	"cmp"
	"embed"
	"fmt"
	"regexp"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"

	"github.com/sekisho/sekisho/internal/fault"
)

// Words are the sentences of this package's problems.
//
//go:embed words
var Words embed.FS

// Var is a variable that conditions may read.
type Var struct {
	Name   string
	Type   *cel.Type
	Secret bool // its values are not shown in explanations
}

// Limits cap the evaluation of a set. A zero field stands for its default.
type Limits struct {
	Cost   uint64        // of each condition, in CEL's own unit of about one operation; 100,000
	Memory uint32        // of each condition, in elements and characters; 1,000,000
	Budget time.Duration // of the whole set; 10 ms
}

// Caps on the text of one condition.
const (
	maxLength  = 4096 // characters
	maxNesting = 50
	maxNodes   = 2000 // after macros are expanded
	maxPattern = 1000 // instructions of a compiled regular expression
)

// Scope is what conditions of one purpose may speak about. It is safe for use
// at once.
type Scope struct {
	env    *cel.Env
	vars   map[string]Var
	limits Limits
}

// NewScope declares the variables. An error is a mistake of the programmer.
func NewScope(limits Limits, vars ...Var) (*Scope, error) {
	s := &Scope{vars: map[string]Var{}, limits: Limits{
		Cost:   cmp.Or(limits.Cost, 100_000),
		Memory: cmp.Or(limits.Memory, 1_000_000),
		Budget: cmp.Or(limits.Budget, 10*time.Millisecond),
	}}
	options := []cel.EnvOption{
		cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true), cel.StrictTimestampParsing(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(),
		cel.ParserExpressionSizeLimit(maxLength), cel.ParserRecursionLimit(maxNesting),
		cel.ExpressionNodeLimit(maxNodes), cel.RegexProgramSizeLimit(maxPattern),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
	}
	for _, v := range vars {
		if _, twice := s.vars[v.Name]; twice {
			return nil, fmt.Errorf("rule: variable %q is declared twice", v.Name)
		}
		if !varForm.MatchString(v.Name) || v.Type == nil {
			return nil, fmt.Errorf("rule: variable %q needs a plain name and a type", v.Name)
		}
		s.vars[v.Name] = v
		options = append(options, cel.Variable(v.Name, v.Type))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("rule: %w", err)
	}
	s.env = env
	return s, nil
}

// Condition is a named sentence about a scope's variables, true or false.
type Condition struct {
	Name string `yaml:"name,required"`
	When string `yaml:"when,required"` // CEL
}

// Set is conditions that were compiled together. It never changes, and is safe
// for use at once; whoever reads conditions often keeps their Set.
type Set struct {
	scope *Scope
	rules []compiled
}

type compiled struct {
	Condition
	program cel.Program
	reads   []path
}

var (
	nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$`)
	varForm  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// Compile checks the conditions. The error is an Invalid fault rule-invalid
// with a field for everything that is wrong in any of them; Path is the
// condition's name, and the arguments line and column count from 1 within its
// text.
func (s *Scope) Compile(conditions ...Condition) (*Set, error) {
	var bad fault.Checks
	set := &Set{scope: s}
	seen := map[string]bool{}
	for _, c := range conditions {
		if !nameForm.MatchString(c.Name) || seen[c.Name] {
			bad.Add(c.Name, "rule-name", "name", c.Name)
			continue
		}
		seen[c.Name] = true
		if rule, ok := s.compile(c, &bad); ok {
			set.rules = append(set.rules, rule)
		}
	}
	if f := bad.Fault("rule-invalid"); f != nil {
		return nil, f
	}
	return set, nil
}

func (s *Scope) compile(c Condition, bad *fault.Checks) (compiled, bool) {
	ast, issues := s.env.Compile(c.When)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			bad.Add(c.Name, "rule-expression", "line", max(e.Location.Line(), 1), "column", max(e.Location.Column()+1, 1), "reason", e.Message)
		}
		return compiled{}, false
	}
	native := ast.NativeRep()
	w := walk(native.Expr(), s.vars)
	for _, pattern := range w.patterns {
		at := native.SourceInfo().GetStartLocation(pattern)
		bad.Add(c.Name, "rule-pattern-not-literal", "line", at.Line(), "column", at.Column()+1)
	}
	if out := ast.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		bad.Add(c.Name, "rule-not-bool", "type", cel.FormatCELType(out))
		return compiled{}, false
	}
	program, err := s.env.Program(ast,
		cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(64),
		cel.CostLimit(s.limits.Cost), cel.MemoryLimit(s.limits.Memory))
	if err != nil {
		bad.Add(c.Name, "rule-expression", "line", 1, "column", 1, "reason", err.Error())
		return compiled{}, false
	}
	return compiled{c, program, w.reads}, len(w.patterns) == 0
}

// Names returns the conditions' names in their order.
func (s *Set) Names() []string {
	out := make([]string, len(s.rules))
	for i, r := range s.rules {
		out[i] = r.Name
	}
	return out
}
