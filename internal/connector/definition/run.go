package definition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
)

// scope is what the expressions of one execution see.
type scope struct {
	op    *operation
	arg   map[string]any
	steps map[string]any
	now   time.Time
}

func (s *scope) vars(cfg map[string]any, it any) map[string]any {
	return map[string]any{"cfg": cfg, "arg": s.arg, "steps": s.steps, "now": s.now, "it": it}
}

// operation executes the named operation with all its pages and its read-back.
func (r *run) operation(ctx context.Context, name string, arg map[string]any) (any, *Problem) {
	op := r.d.doc.Operations.get(name)
	s := &scope{op: op, steps: map[string]any{}, now: r.e.clock.Now()}
	var p *Problem
	if s.arg, p = r.arguments(op, arg); p != nil {
		return nil, p
	}
	out, p := r.pages(ctx, s)
	if p == nil && op.Verify != nil {
		out, p = r.verify(ctx, s)
	}
	if p != nil {
		p.Sent = p.Sent || r.wrote
		p.Message = r.mask.Replace(p.Message) // a system may repeat what it was sent
		return nil, p
	}
	return r.masked(out), nil
}

// empties are the arguments that are no text.
var empties = map[string]any{"public": false, "fields": map[string]any{}, "values": map[string]any{}, "quantity": int64(1)}

// arguments fills in what was left out and checks the definition's patterns.
func (r *run) arguments(op *operation, given map[string]any) (map[string]any, *Problem) {
	arg := map[string]any{}
	for _, name := range argNames(op.name) {
		arg[name] = ""
		if empty, ok := empties[name]; ok {
			arg[name] = empty
		}
	}
	arg["nativeUser"], arg["actAs"] = r.c.NativeUser, r.c.ActAs
	for name, value := range given {
		if _, known := arg[name]; !known {
			return nil, &Problem{Kind: Invalid, Message: "the operation " + op.name + " takes no " + name}
		}
		arg[name] = value
	}
	for name, form := range op.patterns {
		if text, ok := arg[name].(string); !ok || !form.MatchString(text) {
			return nil, &Problem{Kind: Invalid, Message: "the argument " + name + " has not the form that the system uses"}
		}
	}
	return arg, nil
}

// steps executes steps in their order and keeps their answers in the scope.
func (r *run) steps(ctx context.Context, s *scope, list []*step, turn *turn) *Problem {
	for _, st := range list {
		if p := r.step(ctx, s, st, turn); p != nil {
			if p.Step == "" {
				p.Step = st.ID
			}
			return p
		}
	}
	return nil
}

func (r *run) step(ctx context.Context, s *scope, st *step, turn *turn) *Problem {
	if r.done++; r.done > r.d.Limits.MaxSteps {
		return &Problem{Kind: Failed, Message: fmt.Sprintf("the operation needs more than %d steps", r.d.Limits.MaxSteps)}
	}
	vars := s.vars(r.cfg, nil)
	if st.If.given() {
		if yes, err := st.If.holds(ctx, vars); err != nil {
			return describe("if", &at{st.If.line, err})
		} else if !yes {
			return nil
		}
	}
	if st.Page != nil {
		return r.everyPage(ctx, s, st)
	}
	if !st.Foreach.given() {
		got, p := r.send(ctx, s, st, nil, turn)
		if p == nil {
			s.steps[st.ID] = got
		}
		return p
	}
	return r.foreach(ctx, s, st, vars)
}

// foreach sends the request for each element, one after another; the answers
// stand in the order of the elements.
func (r *run) foreach(ctx context.Context, s *scope, st *step, vars map[string]any) *Problem {
	value, err := st.Foreach.eval(ctx, vars)
	if err != nil {
		return describe("foreach", &at{st.Foreach.line, err})
	}
	list, ok := value.([]any)
	switch {
	case !ok && value != nil:
		return &Problem{Kind: Invalid, Message: "foreach wants a list"}
	case len(list) > r.d.Limits.MaxForeach:
		return &Problem{Kind: Failed, Message: fmt.Sprintf("foreach over %d elements, at most %d", len(list), r.d.Limits.MaxForeach)}
	}
	answers := make([]any, 0, len(list))
	for _, it := range list {
		got, p := r.send(ctx, s, st, it, nil)
		if p != nil {
			return p
		}
		answers = append(answers, got)
	}
	s.steps[st.ID] = answers
	return nil
}

// mapped evaluates each and map: what the operation answers.
func (r *run) mapped(ctx context.Context, s *scope) (any, *Problem) {
	op := s.op
	if op.Map == nil {
		return nil, nil
	}
	if !op.Each.given() {
		return r.one(ctx, s)
	}
	value, err := op.Each.eval(ctx, s.vars(r.cfg, nil))
	if err != nil {
		return nil, describe("each", &at{op.Each.line, err})
	}
	list, ok := value.([]any)
	if !ok && value != nil {
		return nil, &Problem{Kind: Invalid, Message: "each wants a list"}
	}
	out := make([]any, 0, len(list))
	for _, it := range list {
		element, p := r.element(ctx, s, it)
		if p != nil {
			return nil, p
		}
		out = append(out, element)
	}
	return out, nil
}

// element maps one element. With joins what belongs to it here rather than in
// each, so that the limits of an expression are those of one element.
func (r *run) element(ctx context.Context, s *scope, it any) (any, *Problem) {
	if s.op.With.given() {
		joined, err := s.op.With.eval(ctx, s.vars(r.cfg, it))
		if err != nil {
			return nil, describe("with", &at{s.op.With.line, err})
		}
		it = joined
	}
	out, err := s.op.Map.build(ctx, s.vars(r.cfg, it))
	if err != nil {
		return nil, describe("map", err)
	}
	return out, nil
}

// one maps without each. Of a list operation the map is the one element, or an
// expression that gives the whole list.
func (r *run) one(ctx context.Context, s *scope) (any, *Problem) {
	out, p := r.element(ctx, s, nil)
	if p != nil {
		return nil, p
	}
	if _, list := out.([]any); contracts[s.op.name].list && !list {
		return []any{out}, nil
	}
	return out, nil
}

// verify reads back until the system shows what was written. The read itself may
// fail on the way; what counts is the last word.
func (r *run) verify(ctx context.Context, s *scope) (any, *Problem) {
	v := s.op.Verify
	in, err := v.In.build(ctx, s.vars(r.cfg, nil))
	arg, ok := in.(map[string]any)
	if err != nil || !ok && in != nil {
		return nil, describe("verify", errors.Join(err, errors.New("verify.in wants a map")))
	}
	var last *Problem
	for attempt := range v.Attempts {
		if attempt > 0 {
			if clock.Sleep(ctx, r.e.clock, v.Every) != nil {
				break
			}
		}
		r.done = 0 // a read-back has the steps of an operation
		out, p := r.operation(ctx, v.Op, arg)
		if p != nil {
			last = p
			continue
		}
		yes, err := v.Until.holds(ctx, map[string]any{"cfg": r.cfg, "arg": s.arg, "steps": s.steps, "now": s.now, "out": out})
		if err != nil {
			return nil, describe("until", &at{v.Until.line, err})
		}
		if yes {
			return out, nil
		}
		last = &Problem{Kind: NotApplied, Message: "the system answered success but the state is " + stateOf(out), Step: v.Op}
	}
	if last == nil {
		last = &Problem{Kind: Unavailable, Message: "no time was left to read back", Err: ctx.Err()}
	}
	return nil, last
}

func stateOf(out any) string {
	m, _ := out.(map[string]any)
	if text := Text(m["state"]); text != "" {
		return cut(text)
	}
	return "unknown"
}
