package house

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/notice"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// starter is who acts while the house starts.
var starter = id.System("start")

// Start opens the ring if it can, then the listeners, and returns once the
// house answers. A house whose ring stays shut answers health and unseal only.
func (h *House) Start(ctx context.Context) error {
	shut, err := h.unsealOrFound(ctx)
	if err != nil {
		return err
	}
	h.server, err = web.Listen(h.mux, web.Listening{
		Listen: h.config.Listen, TLS: h.config.TLS.files(h.config.Data, h.egress.HTTP()), Metrics: h.config.Metrics.Listen, Scrape: h.meter.Handler(),
	})
	if err != nil {
		return err
	}
	if h.socket, err = openControl(h.config.Data); err != nil {
		return err
	}
	h.run(h.ringRun)
	h.server.StartLocal(h.socket.listener)
	if shut != nil {
		h.server.Start()
		h.options.Log.Error("the house is sealed; it answers health and unseal only", "err", shut)
		h.tell("house.sealed", "why", h.sentence(shut))
		h.run(h.knock)
		return nil
	}
	if err := h.unsealed(ctx); err != nil {
		return err
	}
	h.server.Start()
	return nil
}

// unsealOrFound opens the ring with the configured key, or makes it in an
// empty house. shut says why the ring stays shut; err why the house cannot
// start at all, such as a recovery kit that could not be handed out.
func (h *House) unsealOrFound(ctx context.Context) (shut, err error) {
	founded, err := h.ring.Founded(ctx)
	if err != nil {
		return nil, err
	}
	provider := h.config.Unseal.provider()
	if founded {
		return sealedOr(h.ring.Unseal(ctx, starter, provider))
	}
	kit, err := h.ring.Found(ctx, starter, provider)
	if fault.Code(err) == "seal-founded" { // another node was faster
		return sealedOr(h.ring.Unseal(ctx, starter, provider))
	}
	if err != nil {
		return sealedOr(err)
	}
	defer kit.Wipe()
	if h.options.Demo {
		return nil, nil
	}
	return nil, h.handOut(ctx, kit)
}

// sealedOr tells a key that does not open, which an operator can bring, from
// everything else.
func sealedOr(err error) (shut, other error) {
	if fault.As(err) != nil {
		return err, nil
	}
	return nil, err
}

// handOut prints the recovery kit once to a terminal, or writes it into a file.
func (h *House) handOut(ctx context.Context, kit *seal.Kit) error {
	key, err := h.audit.PublicKey(ctx)
	if err != nil {
		return err
	}
	if h.options.Terminal {
		return kit.Render(h.options.Say, h.book, key)
	}
	path := filepath.Join(h.config.Data, KitFile)
	if err := kit.Save(path, h.book, key); err != nil {
		return err
	}
	h.tell("house.kit", "path", path)
	return nil
}

// NewUnsealKey makes an unseal key in a file of mode 0600. It never replaces one.
func NewUnsealKey(path string) error { return seal.MakeKeyFile(path) }

// KitFile is where the recovery kit stands in the data folder until somebody
// moves it.
const KitFile = "recovery-kit.txt"

// provider is the configured unseal key.
func (c UnsealConfig) provider() seal.Provider {
	switch {
	case !c.Passphrase.Empty():
		return seal.Passphrase(c.Passphrase)
	case c.Age != "":
		return seal.AgeFile(c.Age)
	}
	return seal.KeyFile(c.File)
}

// files says where the listener's certificates come from.
func (c TLSConfig) files(data string, out *http.Client) web.TLS {
	return web.TLS{
		Cert: c.Cert, Key: c.Key, ClientCA: c.ClientCA,
		ACME: web.ACME{Directory: c.ACME.Directory, Email: c.ACME.Email, Cache: filepath.Join(data, "acme"), HTTP: out},
	}
}

// ringRun keeps the ring in step with other nodes.
func (h *House) ringRun(ctx context.Context) {
	if err := h.ring.Run(ctx); err != nil && ctx.Err() == nil {
		h.options.Log.Error("the ring is not kept in step any more", "err", err)
	}
}

// unsealed starts what needs the keys, once; what failed on the way can be
// tried again.
func (h *House) unsealed(ctx context.Context) error {
	h.opening.Lock()
	defer h.opening.Unlock()
	if h.keyed.Load() {
		return nil
	}
	if _, err := h.audit.PublicKey(ctx); err != nil {
		return err
	}
	if err := h.desk.Start(); err != nil {
		return err
	}
	h.audit.Start()
	if h.config.FourEyes {
		if err := h.changes.TurnOn(ctx, starter); err != nil {
			return err
		}
	}
	h.keyed.Store(true)
	h.run(h.notice.Run)
	h.run(h.ledger.Run)
	h.run(h.console.Watch)
	h.run(h.signin.Run)
	h.run(h.tokens.Run)
	h.run(h.welcome.Run)
	h.run(h.ticket.Run)
	h.run(h.sweep)
	h.run(h.bridge)
	h.runCards()
	h.runHall()
	h.runSender()
	return h.invite(ctx)
}

// invite prints the set-up link of a house without people.
func (h *House) invite(ctx context.Context) error {
	link, empty, err := h.welcome.NewSetupLink(ctx)
	if err != nil || !empty {
		return err
	}
	h.tell("house.setup", "link", link.Reveal())
	return nil
}

// sweep forgets single-use values that are over, and effects and mails that
// ended long ago.
func (h *House) sweep(ctx context.Context) {
	for {
		_, values := once.Sweep(ctx, h.store, h.options.Clock)
		_, effects := job.Sweep(ctx, h.store, h.options.Clock, effectsKept)
		_, mails := h.post.Sweep(ctx, effectsKept)
		if err := errors.Join(values, effects, mails); err != nil && ctx.Err() == nil {
			h.options.Log.Warn("what is over could not be swept", "err", err)
		}
		select {
		case <-time.After(10 * time.Minute):
		case <-ctx.Done():
			return
		}
	}
}

// effectsKept is how long an effect that is done or skipped can be looked up;
// what it did stays in the audit log.
const effectsKept = 90 * 24 * time.Hour

// liveTopics are the topics that open pages can follow.
var liveTopics = []string{notice.Topic, notify.Topic, connector.Topic}

// bridge tells open pages what changed on any node.
func (h *House) bridge(ctx context.Context) {
	for _, topic := range liveTopics {
		h.run(func(ctx context.Context) {
			h.store.Follow(ctx, topic, time.Second, func(ctx context.Context) error {
				if topic == notice.Topic { // what pages fetch again must be there first
					if err := h.notice.Refresh(ctx); err != nil {
						return err
					}
				}
				versions, err := h.store.Versions(ctx, topic)
				h.mux.Hub().Publish(topic, versions[topic])
				return err
			})
		})
	}
	<-ctx.Done()
}

// tell says a sentence to whoever started the house.
func (h *House) tell(key string, pairs ...any) {
	if h.options.Say != nil {
		_, _ = fmt.Fprintln(h.options.Say, h.book.Say(h.options.Lang, key, fault.Pairs(pairs...)))
	}
}

// sentence says an error in the language of whoever started the house.
func (h *House) sentence(err error) string { return Sentence(h.book, h.options.Lang, err) }

// Leave makes a house that was told to stop unready and goes on answering for
// the drain time of the configuration, or until hurry ends.
func (h *House) Leave(hurry context.Context) {
	if h.server == nil || h.config.Drain == 0 {
		return
	}
	h.server.Leave()
	h.options.Log.Info("leaving: not ready any more, still answering", "for", h.config.Drain.String())
	select {
	case <-h.options.Clock.After(h.config.Drain):
	case <-hurry.Done():
	}
}

// URL is where people find the house.
func (h *House) URL() string { return h.mux.BaseURL() }

// Failed receives when a listener died by itself.
func (h *House) Failed() <-chan error { return h.server.Failed() }

// Store opens the doors of the floors to benchmarks and tests.
func (h *House) Store() *store.Store { return h.store }

// Post opens the way of mails to tests.
func (h *House) Post() *notify.Post { return h.post }

// Pager tells people in their browsers.
func (h *House) Pager() *notify.Pager { return h.pager }

// Records are those of the log since a time, oldest first, for the demo's ticks.
func (h *House) Records(ctx context.Context, from time.Time) ([]audit.Record, error) {
	return h.audit.Since(ctx, from)
}

// PublicKey checks the signatures of the log.
func (h *House) PublicKey(ctx context.Context) (string, error) { return h.audit.PublicKey(ctx) }

// Routes lists the router, for the tests that walk it.
func (h *House) Routes() []web.Route { return h.mux.Routes() }

// closed says that the keys are not there.
func (h *House) closed() *fault.Fault {
	if h.ring.State() == seal.Opened {
		return nil
	}
	return fault.New(fault.Busy, "sealed")
}

// Lag is how long the oldest record has been waiting for its place in the log.
func (h *House) Lag(ctx context.Context) (time.Duration, error) { return h.audit.Lag(ctx) }
