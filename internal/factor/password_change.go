package factor

import (
	"context"
	"errors"
	"strconv"

	"github.com/sekisho/sekisho/internal/factor/password"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// subject is whose single-use values are, for once.Revoke.
func subject(who id.Person) string { return string(who) }

// Draft is a password that was judged, hashed and sealed outside of the
// write that sets it.
type Draft struct {
	factor factor
	alone  bool // it was judged as the only factor
}

// draftPassword judges, hashes and seals a password of p, who may not be in the
// register yet. titles are the organizations that p belongs to; alone says that
// no other factor stands beside it. It is slow and takes its turn in the mill:
// call it outside of any transaction. Refusals are those of password.Check, and
// Busy password-busy.
func (r *Room) draftPassword(ctx context.Context, p org.Person, titles []string, alone bool, pw secret.Text) (Draft, error) {
	around := password.Context{
		Alone: alone, Logins: []string{p.Login, p.Email},
		Names: append([]string{p.DisplayName, p.FamilyName, p.GivenName, p.Reading}, titles...),
	}
	if err := password.Check(pw, around); err != nil {
		return Draft{}, err
	}
	around.Alone = true
	short := password.Check(pw, around) != nil
	hash, err := r.mill.Hash(ctx, pw)
	if err != nil {
		return Draft{}, err
	}
	f := factor{person: p.ID, id: id.New[string](r.clock.Now()), kind: kindPassword, short: short, created: r.clock.Now()}
	f.sealed, err = r.ring.Seal(f.place(), []byte(hash))
	return Draft{f, alone}, err
}

// PutPassword makes the draft the person's password, in the caller's write. It
// ends every session of the person but the one in which the person does it
// themself, and takes back every link and code that was sent to them. Call
// ForgetSessions after it.
func (r *Room) PutPassword(tx *store.Tx, by id.Principal, n Draft, mustChange bool) (store.Event, error) {
	self, who := tx.Self(n.factor.person), n.factor.person
	if err := r.ring.Live(tx, n.factor.sealed); err != nil {
		return store.Event{}, err
	}
	if err := r.stillBeside(self, n); err != nil {
		return store.Event{}, err
	}
	n.factor.mustChange = mustChange
	if err := putFactor(self, n.factor); err != nil {
		return store.Event{}, err
	}
	kept := own(tx, by, who)
	sessions, err := r.sessions.EndSessionsBut(tx, who, kept)
	if err != nil {
		return store.Event{}, err
	}
	links, err := once.Revoke(tx, subject(who))
	return store.Event{Name: "password.set", By: by, Target: "person:" + string(who), Fields: map[string]string{
		"must_change": strconv.FormatBool(mustChange), "sessions_ended": strconv.FormatInt(sessions, 10),
		"links_ended": strconv.FormatInt(links, 10),
	}}, err
}

// stillBeside refuses a short password if the factor that it was to stand
// beside was removed meanwhile.
func (r *Room) stillBeside(self *store.Tx, n Draft) error {
	if n.alone || !n.factor.short {
		return nil
	}
	_, has, err := factorOf(&self.View, kindTOTP)
	if err == nil && !has {
		err = fault.New(fault.Invalid, "password-too-short", "least", password.LeastAlone)
	}
	return err
}

// own is the session in which a person acts for themself; "" if somebody else
// does.
func own(tx *store.Tx, by id.Principal, who id.Person) string {
	if by.Person() != who {
		return ""
	}
	return tx.Around().Session
}

// SetPassword gives a person a new password. With mustChange the next sign-in
// asks for another one first. Refusals are those of password.Check, Busy
// password-busy and NotFound person-unknown; whether by may do this is for the
// caller to say.
func (r *Room) SetPassword(ctx context.Context, by id.Principal, who id.Person, pw secret.Text, mustChange bool) error {
	return r.setPassword(ctx, by, who, pw, mustChange, func(*store.Tx) error { return nil })
}

// setPassword also asks still in the write.
func (r *Room) setPassword(ctx context.Context, by id.Principal, who id.Person, pw secret.Text, mustChange bool, still func(*store.Tx) error) error {
	draft, err := r.DraftPassword(ctx, who, pw)
	if err != nil {
		return err
	}
	told, err := r.Tell(ctx, who, by, "password")
	if err != nil {
		return err
	}
	return r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		if err := still(tx); err != nil {
			return store.Event{}, err
		}
		event, err := r.PutPassword(tx, by, draft, mustChange)
		if err != nil {
			return event, err
		}
		return event, told.Queue(tx)
	})
}

// DraftPassword drafts a password of somebody in the register.
func (r *Room) DraftPassword(ctx context.Context, who id.Person, pw secret.Text) (Draft, error) {
	p, err := r.register.Person(ctx, who)
	if err == nil && p.State == org.Deleted {
		err = fault.New(fault.NotFound, "person-unknown")
	}
	if err != nil {
		return Draft{}, err
	}
	titles, err := r.titlesOf(ctx, who)
	if err != nil {
		return Draft{}, err
	}
	var more bool
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		_, more, err = factorOf(v, kindTOTP)
		return err
	})
	if err != nil {
		return Draft{}, err
	}
	return r.draftPassword(ctx, p, titles, !more, pw)
}

// titlesOf are the names of the organizations that a person belongs to.
func (r *Room) titlesOf(ctx context.Context, who id.Person) (titles []string, err error) {
	grants, err := r.register.Grants(ctx, who)
	for _, o := range grants.Orgs {
		titles = append(titles, o.Title, o.Name)
	}
	return titles, err
}

// change is a write on a person's own rows that ends in one event. Sessions
// that it ended are refused on this node at once.
func (r *Room) change(ctx context.Context, who id.Person, f func(*store.Tx) (store.Event, error)) error {
	err := r.store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		event, err := f(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	r.sessions.ForgetSessions()
	return err
}

// CheckImport says what is wrong with a password's hash that another system
// made; nil: it is Argon2id or bcrypt as password.Known describes them.
func CheckImport(hash secret.Text) *fault.Fault {
	if !password.Known(hash.Reveal()) {
		return fault.New(fault.Invalid, "password-hash-unknown")
	}
	return nil
}

// HashPassword judges and hashes the password of a new person, for
// ImportPassword in the write that adds them. It is slow.
func (r *Room) HashPassword(ctx context.Context, who org.Person, pw secret.Text) (secret.Text, error) {
	err := password.Check(pw, password.Context{
		Alone: true, Logins: []string{who.Login, who.Email}, Names: []string{who.DisplayName, who.FamilyName, who.GivenName, who.Reading},
	})
	if err != nil {
		return secret.Text{}, err
	}
	hash, err := r.mill.Hash(ctx, pw)
	return secret.Of(hash), err
}

// ImportPassword gives a person without a password a hash that CheckImport let
// through, in the write that adds them; that write's event is its witness. A
// hash of another system is made anew at the first sign-in with it.
func (r *Room) ImportPassword(tx *store.Tx, who id.Person, hash secret.Text) error {
	if f := CheckImport(hash); f != nil {
		return f
	}
	self := tx.Self(who)
	_, has, err := factorOf(&self.View, kindPassword)
	if err == nil && has {
		err = errors.New("signin: an import does not replace a password")
	}
	if err != nil {
		return err
	}
	// One name a person, so that the closure may run again.
	f := factor{person: who, id: string(who), kind: kindPassword, created: tx.Now()}
	if f.sealed, err = r.ring.Seal(f.place(), hash.RevealBytes()); err != nil {
		return err
	}
	if err := r.ring.Live(tx, f.sealed); err != nil {
		return err
	}
	return putFactor(self, f)
}

// Imports is the room as what takes passwords over for new people.
type Imports struct{ Room *Room }

// Check says what is wrong with a hash in PHC or bcrypt form.
func (Imports) Check(hash secret.Text) *fault.Fault { return CheckImport(hash) }

// Hash makes one of a password; see Room.HashPassword.
func (i Imports) Hash(ctx context.Context, who org.Person, pw secret.Text) (secret.Text, error) {
	return i.Room.HashPassword(ctx, who, pw)
}

// Import gives a new person the hash; see Room.ImportPassword.
func (i Imports) Import(tx *store.Tx, who id.Person, hash secret.Text) error {
	return i.Room.ImportPassword(tx, who, hash)
}
