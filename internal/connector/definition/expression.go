package definition

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"
)

// stance is where an expression stands in a document: it decides which
// variables there are.
type stance int

const (
	inRequest  stance = iota // cfg arg steps it now
	inAnswer                 // these, and status body headers
	inUntil                  // cfg arg steps now out
	inAuth                   // cfg cred now: nothing that came from outside
	inDoorbell               // cfg body headers
)

// The caps on one expression, whatever a definition asks for.
const (
	longestExpr  = 4096
	mostCost     = 100_000
	longestEval  = 2 * time.Second
	mostElements = 200_000 // of a result
	deepest      = 64      // levels of an answer or a result
)

type code struct {
	program cel.Program
	native  *celast.AST
	out     *cel.Type
}

var environments = sync.OnceValues(func() (map[stance]*cel.Env, error) {
	own := append([]cel.EnvOption{
		cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true), cel.StrictTimestampParsing(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Bindings(),
		ext.Lists(ext.ListsMaxRangeSize(10_000)),
		cel.ParserExpressionSizeLimit(longestExpr), cel.ParserRecursionLimit(50), cel.ExpressionNodeLimit(4000),
		cel.RegexProgramSizeLimit(1000),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
		cel.Variable("cfg", table), cel.Variable("now", cel.TimestampType),
	}, quoting()...)
	base, err := cel.NewEnv(own...)
	if err != nil {
		return nil, err
	}
	headers := cel.Variable("headers", cel.MapType(cel.StringType, cel.StringType))
	outside := []cel.EnvOption{cel.Variable("arg", table), cel.Variable("steps", table)}
	element := cel.Variable("it", cel.DynType)
	answer := []cel.EnvOption{cel.Variable("status", cel.IntType), cel.Variable("body", cel.DynType), headers}
	more := map[stance][]cel.EnvOption{
		inRequest:  append([]cel.EnvOption{element}, outside...),
		inAnswer:   append(append([]cel.EnvOption{element}, outside...), answer...),
		inUntil:    append([]cel.EnvOption{cel.Variable("out", cel.DynType)}, outside...),
		inAuth:     {cel.Variable("cred", cel.MapType(cel.StringType, cel.StringType)), basic()},
		inDoorbell: {cel.Variable("body", cel.DynType), headers},
	}
	out := map[stance]*cel.Env{}
	for where, options := range more {
		if out[where], err = base.Extend(options...); err != nil {
			return nil, err
		}
	}
	return out, nil
})

var table = cel.MapType(cel.StringType, cel.DynType)

// compile checks the text. A mistake has the line and column within the text.
func compile(text string, where stance, cost int) (*code, []*cel.Error, error) {
	all, err := environments()
	if err != nil {
		return nil, nil, fmt.Errorf("connector: %w", err)
	}
	env := all[where]
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, issues.Errors(), nil
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(100),
		cel.CostLimit(uint64(cost))) // also of memory: cel's own measure of it stops at five levels of a value
	if err != nil {
		return nil, nil, err
	}
	return &code{program, ast.NativeRep(), ast.OutputType()}, nil, nil
}

// eval runs the expression and makes a plain value of what comes out: nil, bool,
// int64, float64, string, time.Time, []any, map[string]any.
func (x *expr) eval(ctx context.Context, vars map[string]any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, longestEval)
	defer cancel()
	out, _, err := x.code.program.ContextEval(ctx, vars)
	if err != nil {
		return nil, evalError(err)
	}
	left := mostElements
	return native(out, 0, &left)
}

// holds runs a condition.
func (x *expr) holds(ctx context.Context, vars map[string]any) (bool, error) {
	value, err := x.eval(ctx, vars)
	if err != nil {
		return false, err
	}
	b, ok := value.(bool)
	if !ok {
		return false, errors.New("the condition is neither true nor false")
	}
	return b, nil
}

func evalError(err error) error {
	var (
		bad       *refused
		cancelled interpreter.EvalCancelledError
	)
	switch {
	case errors.As(err, &bad):
		return bad
	case errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded:
		return errors.New("the expression costs too much")
	case errors.As(err, &cancelled), errors.Is(err, interpreter.InterruptError{}):
		return errors.New("the expression takes too long")
	}
	return errors.New(cut(err.Error()))
}

var errTooLarge = errors.New("the result is too large")

// native makes plain values of CEL's.
func native(value ref.Val, depth int, left *int) (any, error) {
	if *left--; *left < 0 || depth > deepest {
		return nil, errTooLarge
	}
	switch v := value.(type) {
	case types.Null:
		return nil, nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, nil
		}
		return native(v.GetValue(), depth+1, left)
	case types.Bool, types.String, types.Double, types.Int, types.Timestamp:
		return v.Value(), nil
	case types.Uint:
		return float64(v), nil
	case traits.Mapper:
		return nativeMap(v, depth, left)
	case traits.Lister:
		return nativeList(v, depth, left)
	}
	return nil, fmt.Errorf("a value of type %s has no place here", value.Type().TypeName())
}

func nativeList(list traits.Lister, depth int, left *int) (any, error) {
	out := []any{}
	for it := list.Iterator(); it.HasNext() == types.True; {
		item, err := native(it.Next(), depth+1, left)
		if err != nil {
			return nil, err
		}
		out = append(out, item)
	}
	return out, nil
}

func nativeMap(m traits.Mapper, depth int, left *int) (any, error) {
	out := map[string]any{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.Value().(string)
		if !ok {
			return nil, errors.New("the keys of a map must be texts")
		}
		value, err := native(m.Get(key), depth+1, left)
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}

// longestMessage is how much foreign text a problem carries.
const longestMessage = 300

func cut(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	if utf8.RuneCountInString(s) <= longestMessage {
		return s
	}
	return string([]rune(s)[:longestMessage]) + "…"
}

// build evaluates all of a tree.
func (t *tree) build(ctx context.Context, vars map[string]any) (any, error) {
	switch {
	case t == nil:
		return nil, nil
	case t.leaf != nil:
		value, err := t.leaf.eval(ctx, vars)
		if err != nil {
			return nil, &at{t.line, err}
		}
		return value, nil
	case len(t.items) > 0:
		out := make([]any, 0, len(t.items))
		for _, item := range t.items {
			value, err := item.build(ctx, vars)
			if err != nil {
				return nil, err
			}
			out = append(out, value)
		}
		return out, nil
	}
	out := make(map[string]any, len(t.fields))
	for _, f := range t.fields {
		value, err := f.value.build(ctx, vars)
		if err != nil {
			return nil, err
		}
		out[f.name] = value
	}
	return out, nil
}

// at is an error with the line of the definition.
type at struct {
	line int
	err  error
}

func (a *at) Error() string { return fmt.Sprintf("line %d: %v", a.line, a.err) }
func (a *at) Unwrap() error { return a.err }
