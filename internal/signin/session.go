package signin

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Session is a person who has signed in, in one browser.
type Session struct {
	ID      string // public name; the cookie's value is another
	Person  id.Person
	Org     id.Org // where they act; "" until they chose
	Proofs  []factor.Proof
	Begun   time.Time
	Strong  time.Time     // when they last proved who they are as strongly as they can
	Seen    time.Time     // to the minute
	Idle    time.Duration // it ends after so long without a request
	Ends    time.Time     // it ends then in any case
	Browser string        // "Firefox, Windows", from the User-Agent
	Source  string        // address of the last sign-in in it
	Device  string        // hash of the browser's own mark; see lock.go
}

// ACR is how strongly the person signed in.
func (s Session) ACR() string { return factor.Level(s.Proofs) }

// AMR are the methods by which the person signed in, RFC 8176.
func (s Session) AMR() []string { return factor.AMR(s.Proofs) }

func (s Session) over(now time.Time) bool {
	return !now.Before(s.Ends) || now.Sub(s.Seen) > s.Idle
}

func (s Session) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, Org: s.Org, By: by, Target: "session:" + s.ID, Fields: map[string]string{
		"person": string(s.Person), "acr": s.ACR(), "browser": s.Browser, "source": s.Source,
	}}
}

// Visitor is who stands behind a session: the person as they are now.
type Visitor struct {
	Session Session
	Person  org.Person
	Grants  org.Grants
}

// sessionMemory are sessions by the hash of their cookie, each as fresh as
// org.Freshness: what was ended on another node is refused after that.
type sessionMemory struct {
	mu    sync.Mutex
	known map[string]heldSession
	names map[string]string    // hash by public name, of those that are known
	seen  map[string]time.Time // by public name, not written yet
}

type heldSession struct {
	visitor Visitor
	at      time.Duration
}

var errOver = fault.New(fault.Unknown, "session-over")

// Authenticate says who stands behind a session cookie. It reads memory, and
// the database at most once in org.Freshness for each session.
func (r *Room) Authenticate(ctx context.Context, cookie secret.Text) (Visitor, error) {
	hash, now := cookie.Digest(), r.clock.Mono()
	held, ok := r.sessions.get(hash)
	if !ok || now-held.at >= org.Freshness {
		visitor, err := r.read(ctx, hash)
		if err != nil {
			r.sessions.drop(hash)
			return Visitor{}, err
		}
		held = heldSession{visitor, now}
		r.sessions.put(hash, held)
	}
	if seen := r.sessions.lastSeen(held.visitor.Session.ID); seen.After(held.visitor.Session.Seen) {
		held.visitor.Session.Seen = seen
	}
	if held.visitor.Session.over(r.clock.Now()) {
		return Visitor{}, errOver
	}
	r.sessions.note(held.visitor.Session, r.clock.Now())
	return held.visitor, nil
}

// read looks a session up with who it belongs to, as they are now.
func (r *Room) read(ctx context.Context, hash string) (v Visitor, err error) {
	err = r.lookUp(ctx, func(view *store.View) error {
		if v.Session, err = sessionByHash(view, hash); err != nil {
			return err
		}
		v.Person, err = r.register.PersonIn(view, v.Session.Person)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		return v, errOver
	}
	if err != nil {
		return v, err
	}
	if v.Person.State != org.Active {
		return v, errOver
	}
	v.Grants, err = r.register.Grants(ctx, v.Person.ID)
	if v.Session.Org != "" && !v.Grants.Sees(v.Session.Org) {
		v.Session.Org = "" // they do not belong there any more
	}
	return v, err
}

// Stands reports whether a session that was known still stands, for open
// streams; it is as fresh as Authenticate.
func (r *Room) Stands(ctx context.Context, who id.Person, session string) error {
	if hash, ok := r.sessions.hashOf(session); ok {
		held, _ := r.sessions.get(hash)
		if r.clock.Mono()-held.at < org.Freshness && !held.visitor.Session.over(r.clock.Now()) {
			return nil
		}
	}
	var stands bool
	err := r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		stands, err = r.SessionStands(v, who, session)
		if err != nil || !stands {
			return err
		}
		p, err := r.register.PersonIn(v, who)
		stands = stands && p.State == org.Active
		return err
	})
	if err == nil && !stands {
		err = errOver
	}
	return err
}

// SessionStands implements admit.Proofs.
func (r *Room) SessionStands(v *store.View, who id.Person, session string) (bool, error) {
	s, err := sessionOf(v.Self(who), session)
	if errors.Is(err, store.ErrNoRow) {
		return false, nil
	}
	return err == nil && !s.over(v.Now()), err
}

// Opening is a session about to begin: made outside of the write, so that the
// closure may run again.
type Opening struct {
	Cookie  secret.Text
	Session Session
}

// NewOpening prepares a session of a person.
func (r *Room) NewOpening(who id.Person, proofs []factor.Proof, browser, source string) Opening {
	now := r.clock.Now()
	return Opening{Cookie: secret.Random(32), Session: Session{
		ID: id.New[string](now), Person: who, Proofs: proofs, Begun: now, Strong: now, Seen: now,
		Idle: demand.DefaultIdle, Ends: now.Add(demand.DefaultAbsolute), Browser: browser, Source: source,
	}}
}

// Beginning is a session that a link shall begin.
type Beginning struct {
	Person          id.Person
	Proofs          []factor.Proof
	Browser, Source string
	In              id.Org // to be entered
	Home            bool   // or where they acted last
}

// Prepare prepares a session that begins where it shall, unless that place asks
// for more than was shown: then the person chooses where, and is asked for it.
func (r *Room) Prepare(ctx context.Context, b Beginning) (o Opening, err error) {
	o = r.NewOpening(b.Person, b.Proofs, b.Browser, b.Source)
	where, d := b.In, demand.Demand{}
	if b.Home {
		where, d, err = r.Home(ctx, b.Person)
	} else {
		d, err = r.Strictest(ctx, where)
	}
	if err == nil && where != "" && len(d.Missing(b.Proofs)) == 0 {
		o.Settle(where, d)
	}
	return o, err
}

// Open begins a session in the caller's write, after the gate. The session that
// the browser had before ends with it: its name is not taken over (A037).
func (r *Room) Open(tx *store.Tx, path admit.Path, o Opening, known bool, before string) (store.Event, error) {
	self := tx.Self(o.Session.Person)
	err := r.gate.MayIssue(&self.View, admit.Ask{Path: path, Person: o.Session.Person, Org: o.Session.Org, Known: known})
	if err != nil {
		return store.Event{}, err
	}
	if before != "" {
		if _, err := deleteSession(self, before); err != nil {
			return store.Event{}, err
		}
		if err := r.follow(tx, o.Session.Person, before, o.Session.ID); err != nil {
			return store.Event{}, err
		}
	}
	event := o.Session.event("session.begun", id.OfPerson(o.Session.Person))
	event.Fields["path"] = path.Name
	return event, insertSession(self, o.Session, o.Cookie.Digest())
}

// Renew gives a session another cookie and other proofs or another
// organization (step-up, organization switch), in the caller's write: the old
// value does not count any more (A037).
func (r *Room) Renew(tx *store.Tx, path admit.Path, o Opening) error {
	self := tx.Self(o.Session.Person)
	err := r.gate.MayIssue(&self.View, admit.Ask{
		Path: path, Person: o.Session.Person, Org: o.Session.Org, Session: o.Session.ID, Known: true,
	})
	if err != nil {
		return err
	}
	ok, err := updateSession(self, o.Session, o.Cookie.Digest())
	if err == nil && !ok {
		err = errOver
	}
	return err
}

// Sessions lists a person's sessions, the newest first.
func (r *Room) Sessions(ctx context.Context, who id.Person) (all []Session, err error) {
	now := r.clock.Now()
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		all, err = sessionsOf(v, now)
		return err
	})
	return all, err
}

// EndSession ends one session of a person. Ended here it is refused at once on
// this node, and on every other within org.Freshness.
func (r *Room) EndSession(ctx context.Context, by id.Principal, who id.Person, session string) error {
	err := r.store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		s, err := sessionOf(&tx.View, session)
		if errors.Is(err, store.ErrNoRow) {
			return store.Abort(fault.New(fault.NotFound, "session-unknown"))
		}
		if err == nil {
			_, err = r.endOne(tx, who, session)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(s.event("session.ended", by))
	})
	r.sessions.forget(session)
	return err
}

// EndSessions ends all sessions of a person but one ("" for none of them), in
// the caller's write. Call ForgetSessions after it.
func (r *Room) EndSessions(tx *store.Tx, who id.Person, but string) (int64, error) {
	return r.endBut(tx, who, but)
}

// ForgetSessions makes this node ask again for every session.
func (r *Room) ForgetSessions() { r.sessions.clear() }

// sweep writes when sessions were last seen, and removes those that are over.
func (r *Room) sweep(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		seen := r.sessions.takeSeen()
		now := r.clock.Now()
		err := r.seenAndOver(ctx, seen, now)
		if err != nil && ctx.Err() == nil {
			r.log.Warn("when sessions were last seen could not be written", "err", err)
		}
	}
}

const mostSessions = 1 << 16

func (m *sessionMemory) get(hash string) (heldSession, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held, ok := m.known[hash]
	return held, ok
}

func (m *sessionMemory) put(hash string, held heldSession) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= mostSessions {
		m.known, m.names = map[string]heldSession{}, map[string]string{}
	}
	m.known[hash], m.names[held.visitor.Session.ID] = held, hash
}

func (m *sessionMemory) drop(hash string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if held, ok := m.known[hash]; ok && m.names[held.visitor.Session.ID] == hash {
		delete(m.names, held.visitor.Session.ID)
	}
	delete(m.known, hash)
}

func (m *sessionMemory) hashOf(session string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	hash, ok := m.names[session]
	return hash, ok
}

func (m *sessionMemory) forget(session string) {
	if hash, ok := m.hashOf(session); ok {
		m.drop(hash)
	}
}

func (m *sessionMemory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.known)
	clear(m.names)
}

// note remembers that a session was seen, to the minute.
func (m *sessionMemory) note(s Session, now time.Time) {
	if now.Sub(s.Seen) < time.Minute {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = map[string]time.Time{}
	}
	if len(m.seen) < mostSessions {
		m.seen[s.ID] = now
	}
}

func (m *sessionMemory) lastSeen(session string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[session]
}

func (m *sessionMemory) takeSeen() map[string]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := m.seen
	m.seen = nil
	return seen
}

// session reads one session of a person.
func (r *Room) session(ctx context.Context, who id.Person, which string) (s Session, err error) {
	if who == "" {
		return s, errOver
	}
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		s, err = sessionOf(v, which)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		err = errOver
	}
	return s, err
}
