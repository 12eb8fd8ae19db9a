package console

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// reasonMost is how many characters the reason for giving an effect up has.
const reasonMost = 500

// scope is whose effects an actor sees: everybody's for who runs the house, and
// those of the organization they act in for who looks after its effects there.
type scope struct {
	all bool
	org id.Org
}

func (r *Room) scope(ctx context.Context) (scope, error) {
	actor := web.ActorOf(ctx)
	if r.guide.May(ctx, actor, Operate) == nil {
		return scope{all: true}, nil
	}
	return scope{org: actor.Org}, r.guide.May(ctx, actor, Effects)
}

// filter restricts what was asked for to what the actor sees. An organization
// that they do not see has no effects.
func (s scope) filter(f job.Filter) (job.Filter, bool) {
	if s.all {
		f.Everywhere = f.Org == ""
		return f, true
	}
	if f.Org != "" && f.Org != s.org {
		return f, false
	}
	f.Org, f.Everywhere = s.org, false
	return f, s.org != ""
}

// search returns effects that the actor sees.
func (r *Room) search(ctx context.Context, f job.Filter) ([]job.Status, error) {
	s, err := r.scope(ctx)
	if err != nil {
		return nil, err
	}
	f, some := s.filter(f)
	if !some {
		return nil, nil
	}
	return job.Search(ctx, r.store, f)
}

// counts are the open effects that the actor sees, by driver, target and state.
func (r *Room) counts(ctx context.Context) (all []job.Count, err error) {
	s, err := r.scope(ctx)
	if err != nil {
		return nil, err
	}
	found, err := job.Counts(ctx, r.store)
	for _, c := range found {
		if s.all || c.Org == s.org {
			all = append(all, c)
		}
	}
	return all, err
}

// effect returns one that the actor sees; any other is not there.
func (r *Room) effect(ctx context.Context, which id.Effect) (found job.Status, err error) {
	s, err := r.scope(ctx)
	if err != nil {
		return found, err
	}
	err = r.store.House().Read(ctx, func(v *store.View) error {
		owner, err := s.owner(v, which)
		if err == nil {
			found, err = job.Look(v, owner, which)
		}
		return err
	})
	return found, err
}

// owner is whose an effect is, if the actor sees it.
func (s scope) owner(v *store.View, which id.Effect) (id.Org, error) {
	if !s.all {
		return s.org, nil
	}
	return job.OrgOf(v, which)
}

// Retry lets a parked effect be tried again.
func (r *Room) Retry(ctx context.Context, which id.Effect) error {
	return r.settle(ctx, which, func(tx *store.Tx, owner id.Org, by id.Principal) (store.Event, error) {
		return job.Retry(tx, owner, which, by)
	})
}

// Skip gives an effect up, for a reason that the log keeps.
func (r *Room) Skip(ctx context.Context, which id.Effect, reason string) error {
	reason = strings.TrimSpace(reason)
	switch n := utf8.RuneCountInString(reason); {
	case n == 0:
		return reasonFault("field-required")
	case n > reasonMost:
		return reasonFault("field-too-long", "limit", reasonMost)
	}
	return r.settle(ctx, which, func(tx *store.Tx, owner id.Org, by id.Principal) (store.Event, error) {
		return job.Skip(tx, owner, which, by, reason)
	})
}

func reasonFault(code string, pairs ...any) error {
	var bad fault.Checks
	bad.Add("reason", code, pairs...)
	return bad.Fault("effect-skip-invalid")
}

func (r *Room) settle(ctx context.Context, which id.Effect, f func(*store.Tx, id.Org, id.Principal) (store.Event, error)) error {
	s, err := r.scope(ctx)
	if err != nil {
		return err
	}
	by := web.ActorOf(ctx).Principal
	return r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		owner, err := s.owner(&tx.View, which)
		if err != nil {
			return store.Abort(err)
		}
		event, err := f(tx, owner, by)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
}

// secretly are the names of values that nobody is shown, should a driver's
// payload have them against the rule.
var secretly = regexp.MustCompile(`(?i)secret|passw|token|authori[sz]ation|cookie|credential|private|api.?key|bearer`)

const masked = "•••"

// shown is a payload without what looks like a secret.
func shown(payload json.RawMessage) json.RawMessage {
	var value any
	if len(payload) == 0 || json.Unmarshal(payload, &value) != nil {
		return nil
	}
	text, err := json.MarshalIndent(mask(value), "", "  ")
	if err != nil {
		return nil
	}
	return text
}

func mask(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name := range value {
			if secretly.MatchString(name) {
				value[name] = masked
			} else {
				value[name] = mask(value[name])
			}
		}
	case []any:
		for i := range value {
			value[i] = mask(value[i])
		}
	}
	return value
}

// called is what effects are shown as: what is done, and to which system.
type called struct{ targets map[string]string }

// callings asks for the names of targets.
func (r *Room) callings(ctx context.Context, targets ...string) (called, error) {
	if r.targets == nil || len(targets) == 0 {
		return called{}, nil
	}
	names, err := r.targets(ctx, targets)
	return called{names}, err
}
