package order

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// Wish is an order as somebody sends it.
type Wish struct {
	System   id.Connector
	Item     string
	Quantity int
	Values   map[string]string // by field of the item
	Key      string            // made by NewKey for one form: sent again it is the same order
	Digest   string            // of the item as it was shown
}

// Bounds of an order and of what is shown.
const (
	QuantityMost = 99
	textMost     = 4000
	lineMost     = 300
	optionsMost  = 500
)

// Offer is an item as it is shown to somebody, with what binds an order to it.
type Offer struct {
	Place  Place
	Item   connector.Item
	Digest string
}

// NewKey names a form, so that an order sent twice is one.
func (r *Room) NewKey() string { return string(id.New[id.Order](r.Clock.Now())) }

// place is one of a person's systems, connected and with a catalog.
//
//	order-system-unknown    NotFound: no system of theirs has a catalog by that id
//	order-needs-connection  Unmet: they are not connected to it
func (r *Room) place(ctx context.Context, who id.Person, system id.Connector) (Place, error) {
	all, err := r.Desk.Places(ctx, who)
	if err != nil {
		return Place{}, err
	}
	at := slices.IndexFunc(all, func(p Place) bool { return p.System == system && p.Catalog })
	switch {
	case at < 0:
		return Place{}, fault.New(fault.NotFound, "order-system-unknown")
	case !all[at].On:
		return all[at], fault.New(fault.Unmet, "order-needs-connection", "system", all[at].Title)
	}
	return all[at], nil
}

// said turns what a system refused into a fault that says so.
func said(err error) error {
	if f := connector.FaultOf(err); f != nil {
		return f
	}
	return err
}

// known refuses who has no account of their own at a system that one connection
// serves for all, or two: nobody orders there in another's name. Before an order
// is sent the system is asked anew.
func (p Place) known(ctx context.Context, session *connector.Session) error {
	if !p.Shared {
		return nil
	}
	_, err := session.Native(ctx)
	return said(err)
}

// Offers lists what the catalog of one of a person's systems has.
func (r *Room) Offers(ctx context.Context, who id.Person, system id.Connector, text, category string) (Place, []connector.Item, error) {
	at, err := r.place(ctx, who, system)
	if err != nil {
		return at, nil, err
	}
	session, err := r.Desk.As(ctx, at.Org, at.System, who)
	if err != nil {
		return at, nil, said(err)
	}
	if err := at.known(ctx, session); err != nil {
		return at, nil, err
	}
	all, err := session.Catalog(ctx, cut(text, 100), category)
	return at, all, said(err)
}

// Offer reads one item, with the fields of its form.
func (r *Room) Offer(ctx context.Context, who id.Person, system id.Connector, item string) (o Offer, err error) {
	if o.Place, err = r.place(ctx, who, system); err != nil {
		return o, err
	}
	session, err := r.Desk.As(ctx, o.Place.Org, o.Place.System, who)
	if err != nil {
		return o, said(err)
	}
	if err := o.Place.known(ctx, session); err != nil {
		return o, err
	}
	if o.Item, err = session.Item(ctx, item); err != nil {
		return o, said(err)
	}
	o.Digest = digest(who, system, o.Item)
	return o, nil
}

// digest binds an order to what was shown to one person.
func digest(who id.Person, system id.Connector, item connector.Item) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "sekisho order 1\x00%s\x00%s\x00", who, system)
	sum.Write([]byte(jsonOf(item)))
	return hex.EncodeToString(sum.Sum(nil))
}

// payload is what the effect of an order carries.
type payload struct {
	Order    id.Order          `json:"order"`
	Person   id.Person         `json:"person"`
	System   id.Connector      `json:"system"`
	Item     string            `json:"item"`
	Quantity int               `json:"quantity"`
	Values   map[string]string `json:"values,omitempty"`
}

// Order takes an order; it is on its way when Order returns. The same form sent
// again is what it was. It refuses with
//
//	order-key-malformed     the form is none of ours
//	order-key-taken         Conflict: the form was sent for another order before
//	order-changed           Conflict: the item is not what was shown (price, fields)
//	order-invalid           what was typed does not fit the item's fields
//
// and as Offer does.
func (r *Room) Order(ctx context.Context, who id.Person, w Wish) (Request, error) {
	if !id.Valid(w.Key) {
		return Request{}, fault.New(fault.Invalid, "order-key-malformed")
	}
	if q, err := r.ordered(ctx, who, w); err == nil || !errors.Is(err, store.ErrNoRow) {
		return q, err
	}
	offer, err := r.Offer(ctx, who, w.System, w.Item)
	if err != nil {
		return Request{}, err
	}
	if w.Digest != offer.Digest {
		return Request{}, fault.New(fault.Conflict, "order-changed")
	}
	if f := w.check(offer.Item); f != nil {
		return Request{}, f
	}
	now := r.Clock.Now()
	q := Request{
		ID: id.New[id.Order](now), Org: offer.Place.Org, Person: who, System: w.System, Label: cut(offer.Place.Title, lineMost), Key: w.Key,
		Item: w.Item, Quantity: w.Quantity, Filled: w.filled(offer.Item), Price: cut(priceOf(offer.Item), 80), Way: Sending, Effect: id.New[id.Effect](now),
		Title: cut(offer.Item.Title, lineMost), State: connector.Open, Opened: now,
	}
	q.step("ordered", "", now)
	return r.commit(ctx, q, w, offer.Place.line(who))
}

// commit writes the order, its record and its effect.
func (r *Room) commit(ctx context.Context, q Request, w Wish, line string) (Request, error) {
	who := q.Person
	body, err := json.Marshal(payload{Order: q.ID, Person: who, System: q.System, Item: w.Item, Quantity: w.Quantity, Values: w.Values})
	if err != nil {
		return q, err
	}
	twice := false
	err = r.Store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		ok, err := put(tx, q)
		if twice = err == nil && !ok; twice || err != nil {
			return store.Abort(errors.Join(err, errTwice))
		}
		err = job.Intend(tx, job.Effect{
			ID: q.Effect, Org: q.Org, Driver: r.driver, Target: string(q.System), Line: line, By: id.OfPerson(who), Payload: body,
		})
		if err := errors.Join(err, r.stir(tx)); err != nil {
			return store.Abort(err)
		}
		return store.Done(q.event("order.ordered", id.OfPerson(who), "quantity", strconv.Itoa(q.Quantity), "price", q.Price, "effect", string(q.Effect)))
	})
	if twice {
		return r.ordered(ctx, who, w)
	}
	q.Version = 1
	return q, err
}

var errTwice = errors.New("order: the form was sent before")

// ordered is what a form was sent for before; another order under its key is none.
func (r *Room) ordered(ctx context.Context, who id.Person, w Wish) (q Request, err error) {
	err = r.Store.Self(who).Read(ctx, func(v *store.View) error {
		q, err = byKey(v, w.Key)
		return err
	})
	if err == nil && (q.System != w.System || q.Item != w.Item || q.Quantity != w.Quantity) {
		return Request{}, fault.New(fault.Conflict, "order-key-taken", "title", q.Title)
	}
	return q, err
}

func (r *Room) stir(tx *store.Tx) error {
	if r.Stir == nil {
		return nil
	}
	return r.Stir(tx)
}

// priceOf is the price of one, as its system writes it.
func priceOf(item connector.Item) string {
	return strings.TrimSpace(item.Price.Value + " " + item.Price.Currency)
}

// check returns all that is wrong with what was typed.
func (w *Wish) check(item connector.Item) *fault.Fault {
	var bad fault.Checks
	if w.Quantity < 1 || w.Quantity > QuantityMost {
		bad.Add("quantity", "order-quantity", "limit", QuantityMost)
	}
	for _, field := range item.Fields {
		field.Max = most(field)
		field.Check(&bad, fieldPath(field.ID), w.Values[field.ID])
	}
	for name, value := range w.Values {
		switch {
		case !slices.ContainsFunc(item.Fields, func(f connector.Input) bool { return f.ID == name }):
			bad.Add(fieldPath(name), "field-unknown")
		case !utf8.ValidString(value):
			bad.Add(fieldPath(name), "text-not-utf8")
		case value == "":
			delete(w.Values, name) // left out is left out
		}
	}
	return bad.Fault("order-invalid")
}

func most(field connector.Input) int {
	if field.Max <= 0 || field.Max > textMost {
		return textMost
	}
	return field.Max
}

// fieldPath names a field of an item among those of the form.
func fieldPath(field string) string { return "value." + field }

// filled is what was typed, as people read it.
func (w Wish) filled(item connector.Item) (all []connector.Field) {
	for _, field := range item.Fields {
		value := w.Values[field.ID]
		for _, o := range field.Options {
			if o.Value == value && value != "" {
				value = o.Label
			}
		}
		if value != "" {
			all = append(all, connector.Field{Label: cut(field.Label, lineMost), Value: cut(value, lineMost)})
		}
	}
	return all
}
