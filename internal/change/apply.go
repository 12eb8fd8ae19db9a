package change

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// applies are applies of manifests.
type applies struct{ room *Room }

type keptApply struct {
	Documents json.RawMessage
	Prune     bool
	Door      string
	Digest    string
	Most      int
}

// HoldApply implements manifest.Holder. It is bound to the plan that was shown:
// the apply itself refuses any other.
func (r *Room) HoldApply(ctx context.Context, docs []manifest.Document, o manifest.Options, plan *manifest.Plan) error {
	in, err := r.Register.ProviderFor(ctx, o.By, r.Manifest)
	if err == nil && in == "" {
		err = fault.New(fault.Unmet, "change-nobody")
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(docs)
	if err != nil {
		return err
	}
	defer clear(text)
	c := request.Change{Sort: Apply, By: o.By, Thing: "manifest", Base: plan.Digest, Title: filesOf(docs), Lines: linesOf(plan)}
	n := plan.Counts()
	c.Facts = fact(nil, "counts", fmt.Sprintf("+%d ~%d >%d -%d", n[manifest.Create], n[manifest.Update], n[manifest.Rename], n[manifest.Delete]))
	c.Facts = fact(c.Facts, "digest", plan.Digest)
	if o.Prune {
		c.Facts = fact(c.Facts, "prune", "--prune")
	}
	return r.hold(ctx, in, Apply, c, keptApply{Documents: text, Prune: o.Prune, Door: o.Door, Digest: plan.Digest, Most: o.Most})
}

// filesMost is how many files a title names.
const filesMost = 3

func filesOf(docs []manifest.Document) string {
	var names []string
	for _, doc := range docs {
		if name := filepath.Base(doc.File); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > filesMost {
		names = append(names[:filesMost], "…")
	}
	return strings.Join(names, ", ")
}

// linesOf are those of a plan, as a terminal shows it.
func linesOf(p *manifest.Plan) (lines []request.Line) {
	for _, s := range p.Steps {
		if s.Action == manifest.None {
			continue
		}
		name := strings.TrimPrefix(s.Org+"/"+s.Name, "/")
		if s.From != "" {
			name = s.From + " → " + name
		}
		lines = append(lines, request.Line{Sign: s.Action.Sign(), Text: s.Kind + " " + name})
		for _, d := range s.Differences {
			if s.Action == manifest.Delete {
				break
			}
			text := "    " + d.Path + ": " + d.After
			if d.Before != "" {
				text = "    " + d.Path + ": " + d.Before + " → " + d.After
			}
			lines = append(lines, request.Line{Text: text})
		}
	}
	return lines
}

func (s applies) needs() string { return s.room.Manifest }

func (applies) base(*store.View, id.Org, []byte) (string, error) { return "", nil }

func (s applies) ready(ctx context.Context, by id.Principal, _ id.Org, kept []byte) (made, error) {
	var k keptApply
	if err := json.Unmarshal(kept, &k); err != nil {
		return nil, err
	}
	docs, err := manifest.FromJSON(k.Documents)
	if err != nil {
		return nil, err
	}
	ready, err := s.room.kinds.Prepare(ctx, s.room.Store, docs, manifest.Options{
		By: by, Door: k.Door, Prune: k.Prune, Digest: k.Digest, Most: k.Most, Clock: s.room.Clock,
	})
	return madeApply{ready}, err
}

type madeApply struct{ *manifest.Ready }

func (madeApply) things() []string { return nil } // whatever its documents say

func (m madeApply) do(tx *store.Tx, by id.Principal) ([]store.Event, error) { return m.Apply(tx, by) }

func (m madeApply) done() { m.Applied() }
