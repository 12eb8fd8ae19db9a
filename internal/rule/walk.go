package rule

import (
	"slices"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// path is what a condition reads: a variable and the constant names after it,
// {"ticket", "state"} for ticket.state, ticket["state"] and ticket.?state.
type path []string

// String returns the path as it would be written in CEL.
func (p path) String() string { return strings.Join(p, ".") }

type walker struct {
	vars     map[string]Var
	hidden   []string // loop variables that hide variables of the same name
	reads    []path
	patterns []int64 // ids of patterns that are not literals
}

func walk(e celast.Expr, vars map[string]Var) *walker {
	w := &walker{vars: vars}
	w.expr(e)
	return w
}

func (w *walker) expr(e celast.Expr) {
	if read := w.chain(e); read != nil {
		if !slices.ContainsFunc(w.reads, func(p path) bool { return slices.Equal(p, read) }) {
			w.reads = append(w.reads, read)
		}
		return
	}
	switch e.Kind() {
	case celast.SelectKind:
		w.expr(e.AsSelect().Operand())
	case celast.CallKind:
		w.call(e.AsCall())
	case celast.ListKind:
		for _, item := range e.AsList().Elements() {
			w.expr(item)
		}
	case celast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.expr(entry.AsMapEntry().Key())
			w.expr(entry.AsMapEntry().Value())
		}
	case celast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			w.expr(field.AsStructField().Value())
		}
	case celast.ComprehensionKind:
		w.comprehension(e.AsComprehension())
	}
}

func (w *walker) call(c celast.CallExpr) {
	args := c.Args()
	if c.IsMemberFunction() {
		w.expr(c.Target())
	}
	if c.FunctionName() == "matches" && len(args) > 0 {
		if pattern := args[len(args)-1]; pattern.Kind() != celast.LiteralKind {
			w.patterns = append(w.patterns, pattern.ID())
		}
	}
	for _, arg := range args {
		w.expr(arg)
	}
}

func (w *walker) comprehension(c celast.ComprehensionExpr) {
	w.expr(c.IterRange())
	w.expr(c.AccuInit())
	before := len(w.hidden)
	w.hidden = append(w.hidden, c.IterVar(), c.IterVar2(), c.AccuVar())
	w.expr(c.LoopCondition())
	w.expr(c.LoopStep())
	w.expr(c.Result())
	w.hidden = w.hidden[:before]
}

// chain returns the path that e is, or nil if it is anything else.
func (w *walker) chain(e celast.Expr) path {
	switch e.Kind() {
	case celast.IdentKind:
		name := e.AsIdent()
		if _, known := w.vars[name]; known && !slices.Contains(w.hidden, name) {
			return path{name}
		}
	case celast.SelectKind:
		if before := w.chain(e.AsSelect().Operand()); before != nil {
			return append(before, e.AsSelect().FieldName())
		}
	case celast.CallKind:
		return w.chainCall(e.AsCall())
	}
	return nil
}

func (w *walker) chainCall(c celast.CallExpr) path {
	if name := c.FunctionName(); name != operators.Index && name != operators.OptIndex && name != operators.OptSelect {
		return nil
	}
	args := c.Args()
	if len(args) != 2 || args[1].Kind() != celast.LiteralKind {
		return nil
	}
	key, ok := args[1].AsLiteral().Value().(string)
	if before := w.chain(args[0]); ok && before != nil {
		return append(before, key)
	}
	return nil
}
