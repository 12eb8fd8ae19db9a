package rota

import (
	"context"
	"embed"
	"encoding/json"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// Words are the room's sentences.
//
//go:embed words
var Words embed.FS

// Write is the permission to say who is on call; Read shows it.
const (
	Write = "rota.write"
	Read  = "rota.read"
)

// Permissions lists the permissions of the room.
func Permissions() []org.Permission {
	return []org.Permission{{Name: Write}, {Name: Read, Roles: []string{string(org.Auditor)}}}
}

// Room keeps rotas.
type Room struct {
	*paper.Drawer[Rota]
}

// New makes the room.
func New(o paper.Options) *Room {
	r := &Room{}
	r.Drawer = paper.New(o, paper.Kind[Rota]{
		Name: "rota", Manifest: "Rota", Decides: true, Permission: Write, Reads: Read, Check: check, Rename: rename, Changed: changed, Drawn: r.drawn(),
		Says: func(s Rota) map[string]string {
			return map[string]string{"time-zone": s.TimeZone, "handover": s.Handover, "starts": s.Starts}
		},
	})
	return r
}

func rename(s Rota, f func(path, named string) string) Rota {
	call := func(path, name string) string { return paper.Bare(f(path, paper.Person(name))) }
	people, overrides := make([]string, len(s.People)), make([]Override, len(s.Overrides))
	for i, one := range s.People {
		people[i] = call("people", one)
	}
	for i, o := range s.Overrides {
		o.Person = call("overrides", o.Person)
		overrides[i] = o
	}
	s.People, s.Overrides = people, overrides
	if len(overrides) == 0 {
		s.Overrides = nil
	}
	return s
}

// Now implements request.Rota.
func (r *Room) Now(ctx context.Context, in id.Org) (map[string][]id.Person, error) {
	all, err := r.List(ctx, in)
	on := map[string][]id.Person{}
	for _, p := range all {
		if who := p.Spec.At(r.Clock.Now()).Person; who != "" {
			on[p.Name] = []id.Person{id.Person(who)}
		}
	}
	return on, err
}

// TimerKind is of the timers that hand over.
const TimerKind = "rota.handover"

// handed is what a timer is about: a version of a rota.
type handed struct {
	Rota    string `json:"rota"`
	Version int64  `json:"version"`
}

// changed has the hall ask whoever is on call by now, and waits for the next
// handover.
func changed(tx *store.Tx, before, after *paper.Paper[Rota]) error {
	p := after
	if p == nil {
		p = before
	}
	if err := request.Reseat(tx, p.Org, tx.Now()); err != nil || after == nil {
		return err
	}
	next := *after
	next.Version++
	return wait(tx, next)
}

// wait sets the timer of the next handover.
func wait(tx *store.Tx, p paper.Paper[Rota]) error {
	now := p.Spec.At(tx.Now())
	if now.Until.IsZero() {
		return nil
	}
	payload, err := json.Marshal(handed{p.ID, p.Version})
	if err != nil {
		return err
	}
	return job.At(tx.Org(p.Org), job.Timer{ID: id.New[job.TimerID](tx.Now()), Org: p.Org, Kind: TimerKind, At: now.Until, Payload: payload})
}

// Handle makes the room's timers known.
func (r *Room) Handle(d *job.Desk) error { return d.Handle(TimerKind, r.handover) }

// keeper hands over.
var keeper = id.System("rota")

func (r *Room) handover(_ context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var about handed
	if err := json.Unmarshal(t.Payload, &about); err != nil {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		p, err := r.One(&in.View, t.Org, about.Rota)
		if f := fault.As(err); f != nil && f.Kind == fault.NotFound || err == nil && p.Version != about.Version {
			return store.Quietly(store.QuietClaim) // changed since: another timer waits
		}
		if err == nil {
			err = request.Reseat(in, t.Org, tx.Now())
		}
		if err == nil {
			err = wait(in, p)
		}
		if err != nil {
			return store.Abort(err)
		}
		now := p.Spec.At(tx.Now())
		return store.Done(store.Event{Name: "rota.handed-over", Org: t.Org, By: keeper, Target: "rota:" + p.ID, Fields: map[string]string{
			"name": p.Name, "person": now.Person, "until": now.Until.UTC().Format(time.RFC3339),
		}})
	}, nil
}
