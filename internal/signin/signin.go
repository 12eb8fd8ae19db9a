package signin

import (
	"context"
	"embed"
	"log/slog"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/signin/password"
	"github.com/sekisho/sekisho/internal/store"
)

// Words are the room's sentences, Schema its tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// The permissions of the room.
const (
	Policy = "signin.policy" // how people of the organization sign in
	Reset  = "signin.reset"  // take another person's factors back, end their sessions, unlock
)

// Permissions lists the permissions of the room.
func Permissions() []org.Permission {
	return []org.Permission{{Name: Policy}, {Name: Reset, Roles: []string{string(org.Accounts)}}}
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
	// Refused lets the witness count an answer that was refused, for somebody
	// who exists or, with "", for whoever it was; nil: nobody is told.
	Refused func(ctx context.Context, who id.Person, code string)
	// Join gives what an invited person was to be to somebody who has an
	// account already, and deletes the invited one, in the write that redeems
	// the invitation (← people). Nil: whoever is invited makes a new account.
	Join func(tx *store.Tx, invited, who id.Person) ([]store.Event, error)
}

// Room is where people sign in.
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
	gate        *admit.Gate
	sessions    sessionMemory
	tokens      tokenMemory
	refused     func(ctx context.Context, who id.Person, code string)
	behind      chan func() // see later
	join        func(tx *store.Tx, invited, who id.Person) ([]store.Event, error)
	resets      resetLine
}

// New makes the room, and the gate of issuances with it.
func New(o Options) *Room {
	r := &Room{
		store: o.Store, clock: o.Clock, log: o.Log, ring: o.Ring, register: o.Register, mill: password.NewMill(password.Limits{}),
		passkeys: o.Passkeys, passkeysOff: o.PasskeysOff, post: o.Post, baseURL: o.BaseURL,
		refused: o.Refused, join: o.Join, behind: make(chan func(), mostBehind),
	}
	r.resets.asked = make(chan resetAsk, resetsWaiting)
	r.gate = admit.New(o.Register, r)
	o.Register.WhenDeleted(r.forgetPerson)
	return r
}

// Gate is the one gate of every issuance; rooms that issue take it from here.
func (r *Room) Gate() *admit.Gate { return r.gate }

// forgetPerson erases everything that the room keeps of a person, in the write
// that deletes them.
func (r *Room) forgetPerson(tx *store.Tx, who id.Person) error { return erase(tx.Self(who)) }

// Run sweeps what is over, and does what answers do not wait for, until ctx
// ends.
func (r *Room) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { r.catchUp(ctx) })
	wg.Go(func() { r.sendResets(ctx) })
	r.sweep(ctx)
}
