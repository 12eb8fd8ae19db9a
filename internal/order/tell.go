package order

import (
	"context"
	"errors"
	"strconv"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
)

// word prepares what somebody is told of requests that moved: one nudge and one
// mail, however many they are. What it returns queues it.
func (r *Room) word(ctx context.Context, changes []change) (func(*store.Tx) error, error) {
	var moved []Request
	for _, c := range changes {
		if c.tells {
			moved = append(moved, c.now)
		}
	}
	if len(moved) == 0 || r.Register == nil {
		return func(*store.Tx) error { return nil }, nil
	}
	p, err := r.Register.Person(ctx, moved[0].Person)
	if err != nil {
		return nil, err
	}
	nudges, err := r.nudge(ctx, p, moved)
	if err != nil {
		return nil, err
	}
	to, bad := mailaddr.Parse(p.Email)
	if bad != nil || !p.Verified || p.State != org.Active || r.Post == nil || !r.Post.Enabled() {
		return nudges.Queue, nil
	}
	if r.Quiet != nil {
		if quiet, err := r.Quiet(ctx, p.ID); err != nil || quiet {
			return nudges.Queue, err
		}
	}
	envelope, err := r.Post.Seal(r.letter(p, to, moved))
	return func(tx *store.Tx) error { return errors.Join(nudges.Queue(tx), envelope.Queue(tx)) }, err
}

func (r *Room) nudge(ctx context.Context, p org.Person, moved []Request) (notify.Nudges, error) {
	if r.Pager == nil {
		return notify.Nudges{}, nil
	}
	n := notify.Nudge{
		To: p.ID, Kind: "order.tell", Path: PathOf(moved[0].ID), Topic: "orders", Badge: -1, By: keeper,
		Args: map[string]string{"count": strconv.Itoa(len(moved))},
	}
	if len(moved) > 1 {
		n.Path = ListPath
	}
	return r.Pager.Prepare(ctx, n)
}

// letter is the mail about requests that moved.
func (r *Room) letter(p org.Person, to mailaddr.Address, moved []Request) notify.Message {
	q := moved[0]
	m := notify.Message{
		To: to, Lang: factor.LangOf(p), Kind: "order.mail.one", Org: q.Org, Ref: "person:" + string(p.ID), By: keeper,
		Link: secret.Of(r.BaseURL + PathOf(q.ID)),
		Args: map[string]string{"name": p.DisplayName, "title": q.Title, "number": q.Number, "system": q.Label, "state": r.Book.Say(factor.LangOf(p), "order.state."+string(q.State), nil)},
	}
	if len(moved) > 1 {
		m.Kind, m.Link = "order.mail.many", secret.Of(r.BaseURL+ListPath)
		m.Args = map[string]string{"name": p.DisplayName, "count": strconv.Itoa(len(moved))}
	}
	return m
}
