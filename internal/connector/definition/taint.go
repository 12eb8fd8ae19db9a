package definition

import (
	"slices"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// taint follows what came from outside (arg, it, steps) through an expression
// and finds the places where it is put together with other text unquoted. It
// errs on the safe side: what it does not know carries the taint on.
type taint struct {
	ast     *celast.AST
	helpers []string          // that make a value harmless where the expression stands
	scope   []map[string]bool // variables of comprehensions, innermost last
	found   []int64           // ids of the nodes that put together
}

var outsiders = []string{"arg", "it", "steps"}

// unquoted returns the ids of the nodes in which foreign text is put together
// unquoted. With whole, the expression may not be foreign text as a whole either.
func (c *code) unquoted(whole bool, helpers ...string) []int64 {
	t := &taint{ast: c.native, helpers: helpers}
	if t.expr(c.native.Expr()) && whole && len(t.found) == 0 {
		t.found = append(t.found, c.native.Expr().ID())
	}
	return t.found
}

func (t *taint) expr(e celast.Expr) bool {
	carries := t.shape(e)
	return carries && !t.harmless(e)
}

// harmless are the types that hold no text.
func (t *taint) harmless(e celast.Expr) bool {
	kind := t.ast.GetType(e.ID())
	return kind != nil && slices.ContainsFunc([]*cel.Type{cel.BoolType, cel.IntType, cel.UintType, cel.DoubleType, cel.TimestampType, cel.DurationType}, kind.IsExactType)
}

func (t *taint) shape(e celast.Expr) bool {
	switch e.Kind() {
	case celast.IdentKind:
		return t.ident(e.AsIdent())
	case celast.SelectKind:
		return t.expr(e.AsSelect().Operand()) && !e.AsSelect().IsTestOnly()
	case celast.CallKind:
		return t.call(e)
	case celast.ListKind:
		return t.any(e.AsList().Elements()...)
	case celast.MapKind:
		carries := false
		for _, entry := range e.AsMap().Entries() {
			t.expr(entry.AsMapEntry().Key())
			carries = t.expr(entry.AsMapEntry().Value()) || carries
		}
		return carries
	case celast.ComprehensionKind:
		return t.comprehension(e.AsComprehension())
	}
	return false
}

func (t *taint) any(all ...celast.Expr) bool {
	carries := false
	for _, e := range all {
		carries = t.expr(e) || carries
	}
	return carries
}

func (t *taint) ident(name string) bool {
	for _, scope := range slices.Backward(t.scope) {
		if carries, own := scope[name]; own {
			return carries
		}
	}
	return slices.Contains(outsiders, name)
}

// picks are calls whose outcome is their first operand, or a part of it: what
// chooses the part does not show in it.
var picks = []string{operators.Index, operators.OptIndex, operators.OptSelect, "value", "hasValue", "slice", "first", "last", "distinct", "sort", "flatten"}

func (t *taint) call(e celast.Expr) bool {
	c := e.AsCall()
	operands := c.Args()
	if c.IsMemberFunction() {
		operands = append([]celast.Expr{c.Target()}, operands...)
	}
	switch name := c.FunctionName(); {
	case slices.Contains(t.helpers, name):
		return false // whatever stands inside is quoted as a whole
	case slices.Contains([]string{"snq", "rtq", "jqlq", "urlpath"}, name):
		return true // quoted for another place
	case name == operators.Conditional:
		t.expr(operands[0])
		return t.any(operands[1:]...)
	case name == "or" || name == "orValue":
		return t.any(operands...)
	case slices.Contains(picks, name):
		t.any(operands[1:]...)
		return t.expr(operands[0])
	case name == operators.Add && slices.ContainsFunc(operands, t.isList):
		return t.any(operands...)
	}
	carries := t.any(operands...)
	if carries && t.composes(c.FunctionName()) {
		t.found = append(t.found, e.ID())
		return false // said once
	}
	return carries
}

// composers put texts together or cut them, so that what comes out is neither a
// value of the system's nor a constant.
var composers = []string{operators.Add, "join", "format", "replace"}

func (t *taint) composes(name string) bool { return slices.Contains(composers, name) }

func (t *taint) isList(e celast.Expr) bool {
	kind := t.ast.GetType(e.ID())
	return e.Kind() == celast.ListKind || kind != nil && kind.TypeName() == "list"
}

func (t *taint) comprehension(c celast.ComprehensionExpr) bool {
	ranged, start := t.expr(c.IterRange()), t.expr(c.AccuInit())
	scope := map[string]bool{c.AccuVar(): start}
	if c.IterVar() != "" {
		scope[c.IterVar()] = ranged
	}
	if c.HasIterVar2() {
		scope[c.IterVar2()] = ranged
	}
	t.scope = append(t.scope, scope)
	t.expr(c.LoopCondition())
	scope[c.AccuVar()] = t.expr(c.LoopStep()) || start
	result := t.expr(c.Result())
	t.scope = t.scope[:len(t.scope)-1]
	return result
}

// member is a name that an expression takes out of one of our variables:
// cfg.base_url, steps["a"], arg.?id.
type member struct{ root, name string }

// members lists them; a variable that is used whole, or with a name that is not
// written out, has the name "".
func (c *code) members() []member {
	var out []member
	var visit func(e celast.Expr, named string)
	visit = func(e celast.Expr, named string) {
		if e.Kind() == celast.IdentKind {
			out = append(out, member{e.AsIdent(), named})
			return
		}
		for _, child := range children(e) {
			visit(child.expr, child.named)
		}
	}
	visit(c.native.Expr(), "")
	return out
}

type child struct {
	expr  celast.Expr
	named string
}

func children(e celast.Expr) []child {
	switch e.Kind() {
	case celast.SelectKind:
		return []child{{e.AsSelect().Operand(), e.AsSelect().FieldName()}}
	case celast.CallKind:
		return callChildren(e.AsCall())
	case celast.ListKind:
		return plain(e.AsList().Elements()...)
	case celast.MapKind:
		var out []child
		for _, entry := range e.AsMap().Entries() {
			out = append(out, plain(entry.AsMapEntry().Key(), entry.AsMapEntry().Value())...)
		}
		return out
	case celast.ComprehensionKind:
		c := e.AsComprehension()
		return plain(c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result())
	}
	return nil
}

func callChildren(c celast.CallExpr) []child {
	operands := plain(c.Args()...)
	if c.IsMemberFunction() {
		operands = append(plain(c.Target()), operands...)
	}
	chooses := []string{operators.Index, operators.OptIndex, operators.OptSelect}
	if slices.Contains(chooses, c.FunctionName()) && len(operands) == 2 && operands[1].expr.Kind() == celast.LiteralKind {
		operands[0].named, _ = operands[1].expr.AsLiteral().Value().(string)
	}
	return operands
}

func plain(all ...celast.Expr) []child {
	out := make([]child, len(all))
	for i, e := range all {
		out[i].expr = e
	}
	return out
}
