package house

import (
	"slices"

	"github.com/sekisho/sekisho/internal/approval"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/notice"
	"github.com/sekisho/sekisho/internal/people"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/review"
	"github.com/sekisho/sekisho/internal/sender"
	"github.com/sekisho/sekisho/internal/ticket"
)

// kinds are those of every room's manifests.
func kinds(n *notice.Room, p *people.Room, s *demand.Rules, r *approval.Room, t *ticket.Room, papers []manifest.Kind, c *presence.Desk, a *sender.Room) (*manifest.Set, error) {
	return manifest.NewSet(slices.Concat(p.Kinds(), r.Kinds(), papers, []manifest.Kind{n.Kind(), s.Kind(), t.Kind(), c.Kind(), a.Kind()})...)
}

// Kinds are the kinds of manifests, to read documents without a house.
func Kinds() (*manifest.Set, error) {
	blank := &House{}
	blank.layOut()
	blank.reviews = review.New(review.Options{})
	return kinds(notice.New(nil, clock.System()), people.New(people.Options{Clock: clock.System()}), demand.New(nil, clock.System(), nil, nil), approval.New(nil, approval.Options{}), ticket.New(ticket.Options{}), blank.papers(), nil, sender.New(sender.Options{}))
}
