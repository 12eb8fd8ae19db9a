package factor

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor/password"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Words are the sentences of the package, Schema its part of the tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Reset is the permission to change how others sign in: to take their factors
// back, end their sessions, unlock them.
const Reset = "signin.reset"

// Permissions lists the permissions of the package.
func Permissions() []org.Permission {
	return []org.Permission{{Name: Reset, Roles: []string{string(org.Accounts)}}}
}

// Method is a way to prove who one is.
type Method string

// The methods, in the order in which they are offered.
const (
	ByPasskey  Method = "passkey"
	ByPassword Method = "password"
	ByTOTP     Method = "totp"
	ByRecovery Method = "recovery"
	ByMail     Method = "mail"   // a code or link sent to the address: no assurance (A056)
	BySetup    Method = "setup"  // the set-up link
	ByInvite   Method = "invite" // the link of an invitation
	// ByRecoverLink is the link that lets a person choose a first factor anew.
	ByRecoverLink Method = "recover"
)

// Proof is a method that was used, and when.
type Proof struct {
	Method Method    `json:"method"`
	At     time.Time `json:"at"`
}

// Shown is what a session of a person has shown so far.
type Shown struct {
	Proofs  []Proof
	Strong  time.Time // when they last proved who they are as strongly as they can
	Browser string    // "Firefox, Windows"
}

// Sessions is what a change of a factor needs of a person's sessions (← signin).
type Sessions interface {
	// Shown reads one session: Unknown session-over if it does not stand.
	Shown(ctx context.Context, who id.Person, session string) (Shown, error)
	// SessionStands asks the same in the write that changes something.
	SessionStands(v *store.View, who id.Person, session string) (bool, error)
	// EndSessionsBut ends all sessions of a person but one ("" for none), whose
	// wrong passwords are forgotten: they were guesses of another one.
	EndSessionsBut(tx *store.Tx, who id.Person, but string) (int64, error)
	// ForgetSessions makes this node ask again for every session.
	ForgetSessions()
}

// Guard is what stands around factors (← signin).
type Guard interface {
	// WishOf is what all organizations of a person together ask of a new
	// passkey: it opens every one of them.
	WishOf(ctx context.Context, who id.Person) (PasskeyWish, error)
	// CountTry counts a password typed in a session before it is judged: Busy
	// too-many-attempts.
	CountTry(ctx context.Context, who id.Person, session string) error
}

// Options is what the room stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Ring     *seal.Ring
	Register *org.Register
	Passkeys Passkeys // nil: off, for the reason PasskeysOff
	// PasskeysOff says why there are none.
	PasskeysOff *fault.Fault
	Post        *notify.Post // sends mail; see Post.Enabled
	BaseURL     string
}

// Room is where people keep what they sign in with.
type Room struct {
	store       *store.Store
	clock       clock.Clock
	log         *slog.Logger
	ring        *seal.Ring
	register    *org.Register
	mill        *password.Mill
	passkeys    Passkeys
	passkeysOff *fault.Fault
	post        *notify.Post
	baseURL     string
	sessions    Sessions
	guard       Guard
}

// New makes the room; Meet makes it whole.
func New(o Options) *Room {
	r := &Room{
		store: o.Store, clock: o.Clock, log: o.Log, ring: o.Ring, register: o.Register, mill: password.NewMill(password.Limits{}),
		passkeys: o.Passkeys, passkeysOff: o.PasskeysOff, post: o.Post, baseURL: o.BaseURL,
	}
	o.Register.WhenDeleted(func(tx *store.Tx, who id.Person) error { return erase(tx.Self(who)) })
	return r
}

// Meet gives the room its neighbours, which are made after it.
func (r *Room) Meet(s Sessions, g Guard) { r.sessions, r.guard = s, g }

// Doors registers the pages and operations.
func (r *Room) Doors(m *web.Mux) {
	r.pages(m)
	r.api(m)
}

// HasPasskeys reports whether there are passkeys in this house.
func (r *Room) HasPasskeys() bool { return r.passkeys != nil }

// PasskeysOff is why there are none; nil if there are.
func (r *Room) PasskeysOff() *fault.Fault { return r.passkeysOff }

// MayTouch returns a member of an organization whose sign-in who acts may
// change: somebody at least as strong, with the permission there, and never
// themself (A123).
func (r *Room) MayTouch(v *store.View, by id.Principal, in id.Org, who id.Person) (org.Person, error) {
	if err := r.register.Need(v, by, in, Reset); err != nil {
		return org.Person{}, err
	}
	if _, err := org.MemberIn(v, in, who); err != nil {
		return org.Person{}, fault.New(fault.NotFound, "person-unknown").Because(err)
	}
	p, err := r.register.PersonIn(v, who)
	if err != nil {
		return p, err
	}
	if by.Person() == who {
		return p, fault.New(fault.Unmet, "reset-yourself")
	}
	return p, r.register.MayTouch(v, by, who)
}

// nothing is the answer of an operation that says no more than that it is done.
type nothing struct{}
