package house

import (
	"context"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/passkey"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/token"
	"github.com/sekisho/sekisho/internal/welcome"
)

// people opens what knows people: the register, what they sign in with, and the
// rooms in which they sign in, keep tokens, and follow links.
func (h *House) people() (err error) {
	h.register = org.New(org.Options{Store: h.store, Clock: h.options.Clock, Permissions: Permissions()})
	h.register.WhenDeleted(func(tx *store.Tx, who id.Person) error { return manifest.Forget(tx, string(who)) })
	if h.factors, err = h.newFactors(); err != nil {
		return err
	}
	if err := h.openPush(); err != nil {
		return err
	}
	h.signin = signin.New(signin.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Ring: h.ring, Register: h.register, Factors: h.factors,
		Post: h.post, Refused: h.refusedFor, Told: h.pager,
		Tokens: func(ctx context.Context, who id.Person) (int, error) { return h.tokens.Standing(ctx, who) },
	})
	h.tokens = token.New(token.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Register: h.register, Factors: h.factors, Gate: h.signin.Gate(),
	})
	h.welcome = welcome.New(welcome.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Register: h.register, Factors: h.factors, Gate: h.signin.Gate(),
		Sessions: linkSessions{h.signin}, Tokens: h.tokens, Post: h.post, BaseURL: h.mux.BaseURL(), MostWrong: signin.MostFailures,
		WishIn: func(ctx context.Context, in id.Org) (factor.PasskeyWish, error) {
			d, err := h.signin.Strictest(ctx, in)
			return d.Wish, err
		},
		Join: func(tx *store.Tx, invited, who id.Person) ([]store.Event, error) {
			return h.folk.Join(tx, invited, who)
		},
	})
	return nil
}

func (h *House) newFactors() (*factor.Room, error) {
	o := factor.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Ring: h.ring, Register: h.register, Post: h.post, BaseURL: h.mux.BaseURL(),
	}
	driver, err := passkey.New(passkey.Config{BaseURL: h.mux.BaseURL(), Name: "Sekisho", Clock: h.options.Clock})
	if off := fault.As(err); off != nil {
		o.PasskeysOff = off // the house runs without them
	} else if err != nil {
		return nil, err
	} else {
		o.Passkeys = driver
	}
	return factor.New(o), nil
}

// linkSessions are the sessions that links begin and end.
type linkSessions struct{ *signin.Room }

// Prepare implements welcome.Sessions.
func (s linkSessions) Prepare(ctx context.Context, b welcome.Beginning) (welcome.Opening, error) {
	o, err := s.Room.Prepare(ctx, signin.Beginning(b))
	return welcome.Opening{
		Cookie: o.Cookie, Life: o.Session.Ends.Sub(o.Session.Begun),
		Open: func(tx *store.Tx, path admit.Path) (store.Event, error) { return s.Open(tx, path, o, true, "") },
	}, err
}

// endSessions ends what a backup may bring back besides tokens: everybody's
// sessions, the browsers that were trusted, and the links of invitations (A160).
// Passwords and passkeys are what they were then.
func endSessions(tx *store.Tx) (int64, error) {
	if err := welcome.EndInvitations(tx); err != nil {
		return 0, err
	}
	return signin.EndAllSessions(tx)
}

// Factors is what keeps what people sign in with.
func (h *House) Factors() *factor.Room { return h.factors }

// Tokens is the room of API tokens.
func (h *House) Tokens() *token.Room { return h.tokens }

// Welcome is the room in which links lead.
func (h *House) Welcome() *welcome.Room { return h.welcome }
