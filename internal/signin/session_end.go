package signin

import (
	"context"
	"strconv"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// EndOtherSessions ends every session of a person but one ("" for none), and
// says how many there were.
func (r *Room) EndOtherSessions(ctx context.Context, by id.Principal, who id.Person, but string) (ended int64, err error) {
	err = r.store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		if ended, err = r.endBut(tx, who, but); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "session.ended", By: by, Target: "person:" + string(who), Fields: map[string]string{
			"sessions": strconv.FormatInt(ended, 10),
		}})
	})
	r.sessions.clear()
	return ended, err
}

// SessionsIn lists the sessions in which a member acts in an organization or
// has not chosen one yet, for its administrators: where else they act is not
// theirs to see (R4). NotFound member-unknown for who is no member.
func (r *Room) SessionsIn(ctx context.Context, in id.Org, who id.Person) ([]Session, error) {
	if _, err := r.register.Member(ctx, in, who); err != nil {
		return nil, err
	}
	all, err := r.Sessions(ctx, who)
	var seen []Session
	for _, s := range all {
		if s.Org == in || s.Org == "" {
			seen = append(seen, s)
		}
	}
	return seen, err
}

// EndSessionIn ends one of SessionsIn; who acts must be as strong as the
// member.
func (r *Room) EndSessionIn(ctx context.Context, by id.Principal, in id.Org, who id.Person, session string) error {
	seen, err := r.SessionsIn(ctx, in, who)
	if err != nil {
		return err
	}
	err = r.store.Self(who).Read(ctx, func(v *store.View) error { return r.register.MayTouch(v, by, who) })
	if err != nil {
		return err
	}
	for _, s := range seen {
		if s.ID == session {
			return r.EndSession(ctx, by, who, session)
		}
	}
	return fault.New(fault.NotFound, "session-unknown")
}

// EndAllSessions ends what a backup may bring back: everybody's sessions, and
// the browsers that were trusted (A160).
// Passwords and passkeys are what they were then.
func EndAllSessions(tx *store.Tx) (int64, error) { return endAllSessions(tx) }

// Unlock forgets the wrong answers that were given for a member.
func (r *Room) Unlock(ctx context.Context, by id.Principal, in id.Org, who id.Person) error {
	return r.touch(ctx, by, in, who, func(tx *store.Tx) (string, map[string]string, error) {
		return "factors.unlocked", nil, forgetAttempts(tx.Self(who))
	})
}

// EndEverySession ends all sessions of a member, here and everywhere.
func (r *Room) EndEverySession(ctx context.Context, by id.Principal, in id.Org, who id.Person) error {
	err := r.touch(ctx, by, in, who, func(tx *store.Tx) (string, map[string]string, error) {
		n, err := r.EndSessions(tx, who, "")
		return "session.all-ended", map[string]string{"sessions_ended": strconv.FormatInt(n, 10)}, err
	})
	r.sessions.clear()
	return err
}

func (r *Room) touch(ctx context.Context, by id.Principal, in id.Org, who id.Person, do func(*store.Tx) (string, map[string]string, error)) error {
	return r.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		if _, err := r.factors.MayTouch(&tx.View, by, in, who); err != nil {
			return store.Abort(err)
		}
		name, fields, err := do(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: name, Org: in, By: by, Target: "person:" + string(who), Fields: fields})
	})
}

// What the package factor needs of sessions and what stands around them.

// Shown implements factor.Sessions.
func (r *Room) Shown(ctx context.Context, who id.Person, session string) (factor.Shown, error) {
	s, err := r.session(ctx, who, session)
	return factor.Shown{Proofs: s.Proofs, Strong: s.Strong, Browser: s.Browser}, err
}

// EndSessionsBut implements factor.Sessions.
func (r *Room) EndSessionsBut(tx *store.Tx, who id.Person, but string) (int64, error) {
	self := tx.Self(who)
	ended, err := r.endBut(tx, who, but)
	if err == nil {
		err = forgiveAttempts(self, triesIn(but))
	}
	return ended, err
}

// triesIn is where passwords typed in a session are counted.
func triesIn(session string) string { return "session:" + session }

// CountTry implements factor.Guard.
func (r *Room) CountTry(ctx context.Context, who id.Person, session string) error {
	_, err := r.tried(ctx, who, triesIn(session))
	return err
}

// EndAll ends a person's sessions, forgets the browsers that were trusted and
// the wrong answers of strangers, in the caller's write. It returns how many
// sessions there were. Call ForgetSessions after it.
func (r *Room) EndAll(tx *store.Tx, who id.Person) (int64, error) {
	self := tx.Self(who)
	sessions, err := r.endBut(tx, who, "")
	if err == nil {
		err = forgetDevices(self)
	}
	if err == nil {
		err = forgetAttempts(self)
	}
	return sessions, err
}
