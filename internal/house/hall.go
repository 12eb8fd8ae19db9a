package house

import (
	"context"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/approval"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/seat"
	"github.com/sekisho/sekisho/internal/store"
)

// openHall makes what is asked for in the house, and what keeps what is out.
func (h *House) openHall() error {
	h.openChanges()
	h.layOut()
	groups, roles := seat.Groups{Register: h.register}, seat.Roles{Register: h.register, Book: h.book}
	h.presence = &presence.Desk{Store: h.store, Clock: h.options.Clock, Register: h.register}
	h.ledger = lease.New(lease.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log,
		Ended: func(tx *store.Tx, l lease.Lease) ([]store.Event, error) { return h.hall.Ended(tx, l) },
	}, groups, roles)
	h.hall = request.New(request.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Book: h.book, Register: h.register, Ledger: h.ledger, Post: h.post,
		Askers: []request.Asker{cardAsker{h}, h.changes}, Tellers: []request.Teller{hallTeller{h}},
		Rota: h.rota, About: h.offers, Presence: h.presence,
		Pace: func(ctx context.Context, who id.Person, decides, loud bool) (time.Time, error) {
			return h.cards.Pace(ctx, who, decides, loud)
		}, Desk: hallTickets{h},
	}, groups, roles, h.changes)
	h.register.WhenDeleted(func(tx *store.Tx, who id.Person) error {
		return errors.Join(h.ledger.Forget(tx, who), h.hall.Forget(tx, who), h.presence.Forget(tx, who))
	})
	h.register.WhenLeft(func(tx *store.Tx, by id.Principal, m org.Member) error {
		return h.ledger.Leave(tx, m.Org, m.Person, by)
	})
	h.approval = approval.New(h.hall, approval.Options{Topics: waitingTopics, Templates: h.offers})
	h.approval.API(h.mux)
	h.approval.Pages(h.mux)
	h.presence.API(h.mux)
	h.presence.Pages(h.mux)
	return errors.Join(h.furnishPapers(), h.desk.Handle(lease.TimerKind, h.ledger.Expire), h.hall.Handle(h.desk))
}

// Hall opens the hall to tests.
func (h *House) Hall() *request.Hall { return h.hall }

// Ledger opens what is out to tests.
func (h *House) Ledger() *lease.Ledger { return h.ledger }
