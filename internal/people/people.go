package people

import (
	"context"
	"embed"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/arrive"
	"github.com/sekisho/sekisho/internal/people/kinds"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// Words are the room's sentences.
//
//go:embed words
var Words embed.FS

// Inviter asks people in (← welcome). Nil: nobody can be invited, and the pages
// say so.
type Inviter interface {
	// Prepare makes the links and the mails of invitations, outside of any
	// write. Each draft's Write belongs into the write that adds the person or
	// asks them again; the link before counts no more then. A draft has a link
	// to hand on when the house sends no mail.
	Prepare(ctx context.Context, by id.Principal, to org.Organization, who []org.Person) ([]org.Draft, error)
	// Invitations says what became of those to an organization; who was never
	// invited is missing.
	Invitations(ctx context.Context, to id.Org, who []id.Person) (map[id.Person]org.Invitation, error)
}

// Verifier makes sure that mail to an address arrives at a person (← welcome).
// Nil: nobody can change their own address.
type Verifier interface {
	// PrepareVerification makes a mail with a link to a new address, and a note
	// to the old one. Who follows the link and confirms makes the address
	// theirs, verified; until then nothing changes.
	PrepareVerification(ctx context.Context, by id.Principal, who org.Person, email string) (org.Draft, error)
	// Waiting is the address that waits for its proof, "" for none.
	Waiting(ctx context.Context, who id.Person) (string, error)
}

// Passwords takes passwords over for new people. Nil: none are taken.
type Passwords interface {
	// Check says what is wrong with a hash in PHC or bcrypt form; nil: it can
	// be imported.
	Check(hash secret.Text) *fault.Fault
	// Hash makes one of a password; it is slow and stands outside of any
	// transaction. A password that the policy refuses is a fault.
	Hash(ctx context.Context, who org.Person, password secret.Text) (secret.Text, error)
	// Import gives a new person the hash, in the write that adds them.
	Import(tx *store.Tx, who id.Person, hash secret.Text) error
}

// Options is what the room stands on.
type Options struct {
	Store     *store.Store
	Clock     clock.Clock
	Book      *words.Book
	Org       *org.Register
	Inviter   Inviter
	Verifier  Verifier
	Passwords Passwords
	// Panels are what other rooms know of "person:ID".
	Panels []web.Panel
	// Held counts the sessions and tokens that end with an account (← signin);
	// nil: nobody knows. A fault is for who may not know.
	Held func(ctx context.Context, by id.Principal, in id.Org, who id.Person) (sessions, tokens int64, err error)
	// Asked says what people will be asked for at sign-in, see foresee.Eye.
	Asked func(v *web.Visit, in id.Org, later map[id.Group][]id.Person) ([]string, error)
}

// Room is the door.
type Room struct {
	store     *store.Store
	clock     clock.Clock
	book      *words.Book
	org       *org.Register
	inviter   Inviter
	verifier  Verifier
	passwords Passwords
	panels    []web.Panel
	held      func(ctx context.Context, by id.Principal, in id.Org, who id.Person) (sessions, tokens int64, err error)
	asked     func(v *web.Visit, in id.Org, later map[id.Group][]id.Person) ([]string, error)
	holder    arrive.Holder
}

// New makes the room.
func New(o Options) *Room {
	return &Room{
		store: o.Store, clock: o.Clock, book: o.Book, org: o.Org,
		inviter: o.Inviter, verifier: o.Verifier, passwords: o.Passwords, panels: o.Panels, held: o.Held, asked: o.Asked,
	}
}

// Kinds are the kinds of manifests of this room.
func (r *Room) Kinds() []manifest.Kind { return kinds.Of(r.org, r.passwords) }

// write runs a change and makes this node ask again what people may do.
func (r *Room) write(ctx context.Context, in store.Handle, change func(*store.Tx) ([]store.Event, error)) error {
	err := in.Write(ctx, func(tx *store.Tx) store.End {
		events, err := change(tx)
		if err != nil {
			return store.Abort(err)
		}
		if len(events) == 0 {
			return store.Abort(errNothing)
		}
		return store.Done(events[0], events[1:]...)
	})
	r.org.Forget()
	return err
}

var errNothing = fault.New(fault.Conflict, "nothing-to-change")

// whole reports whether a principal stands for the machine or the house itself,
// which org lets do everything.
func whole(by id.Principal) bool {
	switch by.Kind() {
	case id.KindLocal, id.KindSystem, id.KindNode:
		return true
	}
	return false
}

// holds reports whether who acts holds a permission in an organization.
func (r *Room) holds(ctx context.Context, by id.Principal, in id.Org, permission string) (bool, error) {
	if whole(by) {
		return true, nil
	}
	if by.Person() == "" {
		return false, nil
	}
	g, err := r.org.Grants(ctx, by.Person())
	return g.Holds(in, permission), err
}

// knows refuses an organization that who acts does not know of (R4).
func (r *Room) knows(ctx context.Context, by id.Principal, which id.Org) error {
	if whole(by) {
		return nil
	}
	g, err := r.org.Grants(ctx, by.Person())
	if err != nil {
		return err
	}
	if by.Person() == "" || !g.Sees(which) && !g.Holds("", org.Everything) {
		return errNoOrg
	}
	return nil
}

var (
	errNoOrg    = fault.New(fault.NotFound, "organization-unknown")
	errNoPerson = fault.New(fault.NotFound, "person-unknown")
)

// sees returns a person and the organizations that reader and person share: who
// reads people there, in the whole house, or is the person themself.
func (r *Room) sees(ctx context.Context, by id.Principal, who id.Person) (p org.Person, shared []id.Org, err error) {
	var orgs []id.Org
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		if p, err = r.org.PersonIn(v, who); err == nil {
			orgs, err = r.org.OrgsOf(v, who)
		}
		return err
	})
	if err != nil {
		return p, nil, err
	}
	if p.State == org.Deleted {
		return p, nil, errNoPerson
	}
	for _, one := range orgs {
		reads, err := r.holds(ctx, by, one, org.PeopleRead)
		if err != nil {
			return p, nil, err
		}
		if reads || by.Person() == who {
			shared = append(shared, one)
		}
	}
	all, err := r.holds(ctx, by, "", org.Everything)
	if err == nil && len(shared) == 0 && by.Person() != who && !all {
		err = errNoPerson
	}
	return p, shared, err
}
