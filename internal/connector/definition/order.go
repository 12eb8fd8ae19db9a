package definition

import (
	"slices"
	"strings"
)

// OrdersAlone reports whether two orders of one account would meet, as in a cart
// that it has once: they go out one after the other.
func (d *Definition) OrdersAlone() bool {
	op := d.doc.Operations.get(OpOrder)
	return op != nil && op.Alone
}

// OrdersFor reports whether people order through a connection that serves all:
// the definition says for whom it orders, and an administrator has switched it
// on.
func (d *Definition) OrdersFor(settings map[string]any) bool {
	op := d.doc.Operations.get(OpOrder)
	if op == nil || op.Behalf == "" || !d.Can(OpOrder, ModeService) {
		return false
	}
	on, _ := settings[op.Behalf].(bool)
	return on
}

// ordering checks what is said of orders alone.
func (p *parser) ordering(path string, op *operation) {
	if op.name != OpOrder && (op.Alone || op.Behalf != "") {
		p.add(op.line, path, codeOrdering, "name", op.name)
		return
	}
	if op.Behalf == "" {
		return
	}
	var known []string
	for _, s := range p.doc.Settings {
		if s.Type == SettingBoolean {
			known = append(known, s.Name)
		}
	}
	if !slices.Contains(known, op.Behalf) {
		p.add(op.line, path+".behalf", codeUnknownName, "name", op.Behalf, "known", strings.Join(known, ", "))
	}
	if !op.saysForWhom() {
		p.add(op.line, path+".behalf", codeBehalf, "name", op.name)
	}
}

// saysForWhom reports whether a request of the operation that writes names the
// person that it is for.
func (o *operation) saysForWhom() bool {
	named := false
	look := func(x *expr) {
		if x != nil && x.code != nil {
			named = named || slices.Contains(x.code.members(), member{"arg", "requestedFor"})
		}
	}
	for _, s := range o.Steps {
		if q := &s.Request; q.writes() {
			q.JSON.each(look)
			for _, all := range []pairs{q.Query, q.Form} {
				for i := range all {
					look(&all[i].value)
				}
			}
		}
	}
	return named
}

// each calls f with every expression of a tree.
func (t *tree) each(f func(*expr)) {
	if t == nil {
		return
	}
	f(t.leaf)
	for _, item := range t.items {
		item.each(f)
	}
	for _, b := range t.fields {
		b.value.each(f)
	}
}
