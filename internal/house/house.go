// Package house is the only one that knows every room: it opens the floors from
// the bottom up, plugs into each what it declares that it needs, registers the
// rooms' doors on the edges, and takes everything down in the opposite order.
//
// Read first: New, then Start.
package house

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/docs"
	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/approval"
	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/backup"
	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/change"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/passkey"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/handbook"
	"github.com/sekisho/sekisho/internal/hub"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/meter"
	"github.com/sekisho/sekisho/internal/notice"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/offer"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/order"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/people"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/review"
	"github.com/sekisho/sekisho/internal/rota"
	"github.com/sekisho/sekisho/internal/rule"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/sender"
	"github.com/sekisho/sekisho/internal/signet"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/ticket"
	"github.com/sekisho/sekisho/internal/token"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/welcome"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/wire/yaml"
	"github.com/sekisho/sekisho/internal/words"
)

// Options is what a house stands on besides its configuration.
type Options struct {
	Config  Config
	Clock   clock.Clock
	Log     *slog.Logger
	Version string
	// Lang is the language of whoever starts the house.
	Lang words.Lang
	// Say receives the few lines meant for whoever starts the house: the
	// set-up link, where the recovery kit is.
	Say io.Writer
	// Terminal says that Say is a terminal that somebody reads now: the
	// recovery kit is printed there instead of written into a file.
	Terminal bool
	// Demo makes no recovery kit: the house is thrown away.
	Demo bool
	// Alone refuses a PostgreSQL house that any server uses, and keeps servers
	// out until Stop.
	Alone bool
	// Rates are the limits of requests by class; nil is web.DefaultRates.
	Rates map[string]web.Rate
	// Systems are the outside systems that cards come from, in a test; nil are
	// those of the organizations.
	Systems card.Systems
	// Overrun is how long a write may hold the store; 0 is the store's own
	// limit.
	Overrun time.Duration
	// Call bounds a decision or a comment on its way to an outside system, Reach is
	// how much longer the system may go on with it, in a test; 0 are the rooms' own.
	Call, Reach time.Duration
}

// House is one process of Sekisho.
type House struct {
	options Options
	config  *Config
	node    id.Node

	book   *words.Book
	meter  *meter.Set
	store  *store.Store
	audit  *audit.Log
	ring   *seal.Ring
	desk   *job.Desk
	egress *egress.Client
	post   *notify.Post
	pager  *notify.Pager
	mux    *web.Mux
	kinds  *manifest.Set

	register *org.Register

	factors  *factor.Room
	signin   *signin.Room
	tokens   *token.Room
	welcome  *welcome.Room
	notice   *notice.Room
	folk     *people.Room
	ledger   *lease.Ledger
	hall     *request.Hall
	presence *presence.Desk
	approval *approval.Room
	rota     *rota.Room
	offers   *offer.Room
	reviews  *review.Room
	console  *console.Room
	backup   *backup.Room
	hub      *hub.Room
	cards    *card.Room
	changes  *change.Room
	orders   *order.Room

	systems *connector.Desk
	ticket  *ticket.Room
	signet  *signet.Case
	senders *sender.Room

	mapped sync.Once
	atlas  *atlas // of the pages; see opens

	server  *web.Server
	inner   *http.Server // for one command, see Work
	socket  *control
	lock    *folderLock
	release func()

	ctx     context.Context // ends with Stop
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	stopped sync.Once
	opening sync.Mutex  // of what needs the keys
	keyed   atomic.Bool // it was started
	peopled atomic.Bool // there is somebody who can sign in
}

// Schemas are the tables of every floor and room.
func Schemas() []fs.FS {
	return []fs.FS{
		audit.Schema, seal.Schema, once.Schema, job.Schema, manifest.Schema,
		org.Schema,
		notify.Schema, connector.Schema,
		lease.Schema, presence.Schema,
		paper.Schema,
		factor.Schema, request.Schema,
		signin.Schema, token.Schema, welcome.Schema, notice.Schema, console.Schema,
		card.Schema, review.Schema, order.Schema, signet.Schema, sender.Schema,
		change.Schema,
	}
}

// Sentences are the words of every floor and room.
func Sentences() []fs.FS {
	return []fs.FS{
		Words, yaml.Words, store.Words, audit.Words, seal.Words, once.Words, job.Words, egress.Words,
		rule.Words, manifest.Words, mailaddr.Words, org.Words, web.Words, notify.Words, admit.Words, factor.Words, passkey.Words, signin.Words, token.Words, welcome.Words, notice.Words,
		people.Words, lease.Words, presence.Words, paper.Words, request.Words, rota.Words, offer.Words, review.Words,
		console.Words, backup.Words, hub.Words, handbook.Words, ticket.Words,
		definition.Words, connector.Words, card.Words, order.Words, signet.Words, sender.Words,
		change.Words,
	}
}

// New opens the floors and furnishes the rooms; nothing runs yet. It takes the
// lock of the data folder, so that no two processes keep one house on one
// machine.
func New(ctx context.Context, o Options) (*House, error) {
	h := &House{options: o, config: &o.Config, node: id.New[id.Node](o.Clock.Now()), meter: meter.New()}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if err := h.build(ctx); err != nil {
		return nil, errors.Join(err, h.Stop(ctx))
	}
	return h, nil
}

func (h *House) build(ctx context.Context) (err error) {
	if h.book, err = words.Load(Sentences()...); err != nil {
		return err
	}
	if err := errors.Join(h.config.settle(), h.config.prepareData()); err != nil {
		return err
	}
	if h.lock, err = lockFolder(h.config.Data); err != nil {
		return err
	}
	if err := h.openFloors(ctx); err != nil {
		return err
	}
	if err := h.openWeb(); err != nil {
		return err
	}
	return h.furnish()
}

// openFloors opens store, witness, keys, effects and the way out.
func (h *House) openFloors(ctx context.Context) (err error) {
	h.store, err = store.OpenAsIs(ctx, store.Options{
		URL: h.config.Database.Reveal(), Clock: h.options.Clock, Log: h.options.Log, Schemas: Schemas(),
		Overrun: h.options.Overrun,
	})
	if err != nil {
		return err
	}
	// Held before the schema is touched: a command that is refused because
	// servers run must not have migrated under them.
	if h.release, err = h.store.Hold(ctx, h.options.Alone); err != nil {
		return err
	}
	kept, err := h.store.SnapshotBefore(ctx)
	if err != nil {
		return err
	}
	if kept != "" {
		h.tell("house.snapshot", "path", kept)
	}
	if err := h.store.Migrate(ctx); err != nil {
		return err
	}
	if h.egress, err = h.config.Egress.client(); err != nil {
		return err
	}
	outside, err := h.config.Audit.places(h.egress)
	if err != nil {
		return err
	}
	h.ring = seal.New(seal.Options{Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Node: h.node}, holders()...)
	h.audit = audit.New(audit.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Node: h.node,
		Sealer: auditSealer{h.ring}, Outside: outside,
	})
	h.openSignet()
	h.desk = job.New(job.Options{Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Node: h.node})
	return h.openMail()
}

// openWeb makes the mux with what the edges need to ask.
func (h *House) openWeb() (err error) {
	h.mux, err = web.New(web.Options{
		BaseURL: h.config.BaseURL, TrustedProxies: h.config.TrustedProxies, Version: h.options.Version, Rates: h.options.Rates,
		Book: h.book, Clock: h.options.Clock, Log: h.options.Log, Meter: h.meter,
		Authenticator: doorman{h}, May: h.may, Alive: h.alive, Closed: h.closed, Refused: h.refused,
		Banners: func(_ context.Context, lang words.Lang) []webBanner { return h.notice.Banners(lang) },
		Links:   h.links, Account: h.account, Rail: h.rail, BannerTopic: notice.Topic, SignOut: signin.SignOutPath, Search: hub.SearchPath,
		About: h.about, Ending: h.ending,
		Entrance: h.entrance,
	})
	return err
}

// furnish makes the rooms and registers their doors.
func (h *House) furnish() (err error) {
	if err := h.people(); err != nil {
		return err
	}
	if err := h.openSystems(); err != nil {
		return err
	}
	h.notice = notice.New(h.store, h.options.Clock)
	h.folk = people.New(people.Options{
		Store: h.store, Clock: h.options.Clock, Book: h.book, Org: h.register,
		Inviter: h.welcome, Verifier: h.welcome, Passwords: factor.Imports{Room: h.factors}, Panels: []web.Panel{h.welcome.PersonPanel, h.heldPanel}, Held: h.held,
		Asked: h.signin.SayGroups,
	})
	if err := h.openHall(); err != nil {
		return err
	}
	h.openSender()
	if h.kinds, err = kinds(h.notice, h.folk, h.signin.Rules, h.approval, h.ticket, h.papers(), h.presence, h.senders); err != nil {
		return err
	}
	if err := h.holdChanges(h.ctx); err != nil {
		return err
	}
	h.console = console.New(console.Options{
		Store: h.store, Clock: h.options.Clock, Book: h.book, Audit: h.audit, Ring: h.ring, Desk: h.desk, Kinds: h.kinds, Data: h.config.Data, Alone: h.options.Alone,
		Unsealed: h.unsealed, Guide: guide{h}, Register: census{h}, SignIn: signInRefusals, Drawings: drawings, Targets: h.targets,
		Premises: premises{h}, Log: h.options.Log, Node: h.node, Version: h.options.Version,
	})
	h.backup = backup.New(backup.Options{
		Store: h.store, Clock: h.options.Clock, Audit: h.audit, Ring: h.ring, Version: h.options.Version,
	})
	h.factors.Doors(h.mux)
	h.signin.Doors(h.mux)
	h.tokens.Doors(h.mux)
	h.welcome.Doors(h.mux)
	h.notice.Pages(h.mux)
	h.notice.API(h.mux)
	h.folk.Pages(h.mux)
	h.folk.API(h.mux)
	h.console.Pages(h.mux)
	h.console.API(h.mux)
	h.backup.Doors(h.mux)
	h.ticket.Doors(h.mux)
	if err := h.furnishCards(); err != nil {
		return err
	}
	if err := h.furnishOrders(); err != nil {
		return err
	}
	if err := h.furnishSender(); err != nil {
		return err
	}
	help, err := handbook.New(docs.Handbook)
	if err != nil {
		return err
	}
	help.Pages(h.mux)
	h.furnishHub()
	h.gauges()
	h.mux.Check("database", h.store.Ping)
	h.mux.Check("seal", func(context.Context) error { return orNil(h.closed()) })
	return nil
}

// Permissions are those of the whole house.
func Permissions() []org.Permission {
	return slices.Concat(
		org.Permissions(),
		lease.Permissions(), presence.Permissions(),
		factor.Permissions(), request.Permissions(),
		signin.Permissions(), token.Permissions(), notice.Permissions(), console.Permissions(), backup.Permissions(),
		ticket.Permissions(), rota.Permissions(), review.Permissions(), sender.Permissions(),
	)
}

// orNil keeps a nil fault from becoming an error that is not nil.
func orNil(f *fault.Fault) error {
	if f == nil {
		return nil
	}
	return f
}

// run starts something that ends with the house.
func (h *House) run(f func(context.Context)) { h.wg.Go(func() { f(h.ctx) }) }

// client makes the one way out.
func (c EgressConfig) client() (*egress.Client, error) {
	config := egress.Config{Hosts: c.Hosts}
	for _, text := range c.Allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("configuration: egress.allow: %q is not a network such as 10.0.0.0/8", text)
		}
		config.Allow = append(config.Allow, prefix)
	}
	if c.Proxy != "" {
		proxy, err := egress.ParseURL(c.Proxy)
		if err != nil {
			return nil, fmt.Errorf("configuration: egress.proxy: %w", err)
		}
		config.Proxy = proxy
	}
	return egress.New(config)
}

// Stop takes everything down: no new requests, what runs may end, then the
// rooms, the floors from the top, and the lock. A second call does nothing.
func (h *House) Stop(ctx context.Context) (err error) {
	h.stopped.Do(func() { err = h.stop(ctx) })
	return err
}

func (h *House) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	var errs []error
	if h.server != nil {
		errs = append(errs, h.server.Stop(ctx))
	}
	if h.inner != nil {
		errs = append(errs, h.inner.Shutdown(ctx))
	}
	if h.socket != nil {
		errs = append(errs, h.socket.close())
	}
	if h.desk != nil && h.keyed.Load() {
		errs = append(errs, h.desk.Stop(ctx))
	}
	h.cancel()
	h.wg.Wait()
	if h.systems != nil { // what is being refreshed is written down first
		h.systems.Close()
	}
	if h.audit != nil && (h.keyed.Load() || h.inner != nil) {
		errs = append(errs, h.audit.Stop(ctx))
	}
	if h.ring != nil {
		h.ring.Close()
	}
	if h.post != nil {
		h.post.Close()
	}
	if h.egress != nil {
		h.egress.Close()
	}
	if h.release != nil {
		h.release()
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	if h.lock != nil {
		errs = append(errs, h.lock.unlock())
	}
	return errors.Join(errs...)
}

// Register opens people and organizations to tests.
func (h *House) Register() *org.Register { return h.register }

// Handler opens the front door to tests that knock without a network.
func (h *House) Handler() http.Handler { return h.mux }

// SignIn opens the room in which people sign in to tests.
func (h *House) SignIn() *signin.Room { return h.signin }
