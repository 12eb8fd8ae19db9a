package ticket

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Words are the room's sentences.
//
//go:embed words
var Words embed.FS

// Permissions lists the permissions of outside systems.
func Permissions() []org.Permission {
	return []org.Permission{
		{Name: connector.Read, Roles: []string{string(org.Auditor)}},
		{Name: connector.Write},
		{Name: connector.Reach, House: true},
	}
}

// Options is what the room stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Desk     *connector.Desk
	Register *org.Register
	Post     *notify.Post
	BaseURL  string
	// Rung is told which records of a system changed (← card); nil: nobody
	// waits for it.
	Rung func(ctx context.Context, org id.Org, system id.Connector, records []string)
	// Timeout bounds the writing of one comment, Reach is how much longer a system
	// may let it land and show it; 0 are 90 s each.
	Timeout, Reach time.Duration
}

// Room is the door of outside systems.
type Room struct {
	store    *store.Store
	clock    clock.Clock
	log      *slog.Logger
	desk     *connector.Desk
	register *org.Register
	post     *notify.Post
	baseURL  string
	rung     func(ctx context.Context, org id.Org, system id.Connector, records []string)
	timeout  time.Duration
	reach    time.Duration
}

// New makes the room.
func New(o Options) *Room {
	r := &Room{
		store: o.Store, clock: o.Clock, log: o.Log, desk: o.Desk, register: o.Register, post: o.Post, baseURL: o.BaseURL, rung: o.Rung,
		timeout: cmp.Or(o.Timeout, commentTimeout), reach: cmp.Or(o.Reach, commentReach),
	}
	if o.Desk != nil { // kinds of manifests are read without a house
		o.Desk.Meet(r)
		o.Register.WhenDeleted(connector.ForgetPerson)
	}
	return r
}

// Rung lets somebody hear which records of a system changed. Call it before the
// house starts.
func (r *Room) Rung(hear func(ctx context.Context, org id.Org, system id.Connector, records []string)) {
	r.rung = hear
}

// Doors registers the room's pages and operations.
func (r *Room) Doors(m *web.Mux) {
	r.pages(m)
	r.integrationPages(m)
	r.connectPages(m)
	r.bell(m)
	r.api(m)
	r.apiMine(m)
}

// lookEvery is how often connections that end soon are looked for.
const lookEvery = time.Hour

// Run warns people of connections that end soon, and sweeps up after deleted
// organizations, until ctx ends.
func (r *Room) Run(ctx context.Context) {
	connector.BuiltIn() // a tenth of a second once, before the first page asks for them
	for {
		_, warned := r.desk.Warn(ctx)
		_, swept := r.desk.Sweep(ctx)
		if err := errors.Join(warned, swept); err != nil && ctx.Err() == nil {
			r.log.Warn("outside systems were not looked after", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.clock.After(lookEvery):
		}
	}
}
