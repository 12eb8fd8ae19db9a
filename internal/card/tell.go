package card

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// How somebody is told of new cards.
const (
	MailEach   = "each"   // soon, several in one mail
	MailDigest = "digest" // once a day
	MailOff    = "off"
)

// Minute is a minute of a day, 0 to 1439; NoMinute is none.
type Minute int

// NoMinute says that there are no quiet hours.
const NoMinute Minute = -1

const dayMinutes = 24 * 60

// String writes the minute as a clock does.
func (m Minute) String() string {
	if m < 0 {
		return ""
	}
	return time.Date(2000, 1, 1, 0, int(m), 0, 0, time.UTC).Format("15:04")
}

// parseMinute reads what a clock shows; "" is NoMinute.
func parseMinute(text string) (Minute, error) {
	if text == "" {
		return NoMinute, nil
	}
	t, err := time.Parse("15:04", text)
	return Minute(t.Hour()*60 + t.Minute()), err
}

// Preference is how a person wants to be told, in their own zone.
type Preference struct {
	Mail                  string
	QuietFrom, QuietUntil Minute // nobody is told between them; both NoMinute, or neither
	DigestAt              Minute
	Calm                  bool // urgent cards wait for the morning too; alarms do not
}

// Loud is how far what is new may disturb.
type Loud int

// The degrees of it.
const (
	Usual  Loud = iota
	Urgent      // by a policy: whoever does not want it is left in peace
	Alarm       // somebody broke the glass
)

// disturbs reports whether something so loud comes through quiet hours and the
// daily hour.
func (p Preference) disturbs(l Loud) bool { return l == Alarm || l == Urgent && !p.Calm }

// usual is what holds for who has said nothing.
var usual = Preference{Mail: MailEach, QuietFrom: NoMinute, QuietUntil: NoMinute, DigestAt: 9 * 60}

// check returns all that is wrong.
func (p Preference) check() *fault.Fault {
	var bad fault.Checks
	if p.Mail != MailEach && p.Mail != MailDigest && p.Mail != MailOff {
		bad.Add("mail", "field-wrong")
	}
	for path, m := range map[string]Minute{"quiet_from": p.QuietFrom, "quiet_until": p.QuietUntil, "digest_at": p.DigestAt} {
		if m >= dayMinutes || m < NoMinute {
			bad.Add(path, "card-not-a-time")
		}
	}
	if (p.QuietFrom == NoMinute) != (p.QuietUntil == NoMinute) {
		bad.Add("quiet_until", "card-quiet-half")
	}
	if p.Mail == MailDigest && p.DigestAt == NoMinute {
		bad.Add("digest_at", "field-required")
	}
	return bad.Fault("card-preference-invalid")
}

// when says at what time somebody is told of what is new now: now, or later.
// held says that it waited for the daily hour already.
func (p Preference) when(now time.Time, zone *time.Location, held bool) time.Time {
	local := now.In(zone)
	switch {
	case p.quiet(minuteOf(local)):
		return nextAt(local, p.QuietUntil)
	case p.Mail == MailDigest && !held:
		return nextAt(local, p.DigestAt)
	}
	return now
}

func minuteOf(local time.Time) Minute { return Minute(local.Hour()*60 + local.Minute()) }

// quiet reports whether a minute is in the quiet hours, which may span midnight.
func (p Preference) quiet(m Minute) bool {
	switch {
	case p.QuietFrom == NoMinute || p.QuietFrom == p.QuietUntil:
		return false
	case p.QuietFrom < p.QuietUntil:
		return m >= p.QuietFrom && m < p.QuietUntil
	}
	return m >= p.QuietFrom || m < p.QuietUntil
}

// nextAt is the next time that a clock shows a minute: the first of two when it
// is set back, and when it jumps over the minute, the moment at which it jumps.
func nextAt(local time.Time, m Minute) time.Time {
	for day := 0; ; day++ {
		at := time.Date(local.Year(), local.Month(), local.Day()+day, 0, int(m), 0, 0, local.Location())
		if minuteOf(at) != m {
			begin, end := at.ZoneBounds()
			if !end.IsZero() && end.Sub(at) < shiftMost {
				begin = end
			}
			at = begin
		}
		for _, shift := range []time.Duration{-time.Hour, -time.Hour / 2, 0, time.Hour / 2, time.Hour} {
			if one := at.Add(shift); one.After(local) && (shift == 0 || minuteOf(one) == m) {
				return one
			}
		}
	}
}

// shiftMost is more than any clock is set forward.
const shiftMost = 3 * time.Hour

// Preference returns how a person wants to be told.
func (r *Room) Preference(ctx context.Context, who id.Person) (p Preference, err error) {
	err = r.Store.Self(who).Read(ctx, func(v *store.View) error {
		p, err = preferenceOf(v)
		return err
	})
	return p, err
}

// Prefer sets how a person wants to be told (card-preference-invalid).
func (r *Room) Prefer(ctx context.Context, who id.Person, p Preference) error {
	if f := p.check(); f != nil {
		return f
	}
	return r.Store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		if err := putPreference(tx, p); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{
			Name: "card.preference-changed", By: id.OfPerson(who), Target: "person:" + string(who),
			Fields: map[string]string{"mail": p.Mail, "quiet": p.QuietFrom.String() + "-" + p.QuietUntil.String(), "digest": p.DigestAt.String(), "calm": strconv.FormatBool(p.Calm)},
		})
	})
}

// gather is how long questions that arrive together are waited for.
const gather = 10 * time.Second

// toTell notes that the handle's person has new questions, n of them to be told
// by mail, and how loud they are. What is told lies in one row, so that many are one message and none
// is told twice.
func (r *Room) toTell(tx *store.Tx, n int, loud Loud) error {
	if !r.tells() {
		return nil
	}
	return noteTell(tx, n, tx.Now().Add(gather), loud)
}

// tells reports whether anybody is told outside of the pages.
func (r *Room) tells() bool { return r.mails() || r.Pager.Enabled() }

func (r *Room) mails() bool { return r.Post != nil && r.Post.Enabled() }

// tellDue sends what is due.
func (rs *rounds) tellDue(ctx context.Context) error {
	if !rs.tells() {
		return nil
	}
	due, err := rs.dueTells(ctx)
	for _, t := range due {
		err = errors.Join(err, rs.tellOne(ctx, t))
	}
	return err
}

// tellOne tells a person of what is new, or puts it off: everything while they
// want quiet, the mail until its daily hour.
func (r *Room) tellOne(ctx context.Context, t telling) error {
	p, err := r.Register.Person(ctx, t.person)
	if fault.As(err) != nil {
		return r.drop(ctx, t) // they are gone
	}
	if err != nil {
		return err
	}
	pref, err := r.Preference(ctx, t.person)
	if err != nil {
		return err
	}
	now, zone := r.Clock.Now(), zoneOf(p)
	at := pref.when(now, zone, t.held)
	if pref.disturbs(t.loud) {
		at = now
	}
	if at.After(now) && pref.quiet(minuteOf(now.In(zone))) {
		return r.quietly(ctx, t.person, func(tx *store.Tx) error { return putOff(tx, t, at, t.held) })
	}
	w, err := r.waiting(ctx, p)
	if err != nil || w.count == 0 || p.State != org.Active {
		return errors.Join(err, r.drop(ctx, t))
	}
	queue, err := r.word(ctx, p, pref, t, w, at.After(now))
	if err != nil {
		return err
	}
	return r.quietly(ctx, t.person, func(tx *store.Tx) error {
		if at.After(now) {
			if err := putOff(tx, t, at, true); err != nil {
				return err
			}
			return queue(tx)
		}
		gone, err := dropTell(tx, t)
		if err != nil || !gone {
			return err // more came in between: the next round tells of all
		}
		return queue(tx)
	})
}

// Pace is when somebody may be told by mail of a step of an ask: the zero time
// is never. What is put to them waits with their cards if they want one mail a
// day, or none; everything waits for the end of their quiet hours, and what is
// loud for nothing.
func (r *Room) Pace(ctx context.Context, who id.Person, decides, loud bool) (time.Time, error) {
	now := r.Clock.Now()
	if loud {
		return now, nil
	}
	pref, err := r.Preference(ctx, who)
	switch {
	case err != nil:
		return now, err
	case decides && pref.Mail != MailEach:
		return time.Time{}, nil
	case pref.QuietFrom == NoMinute:
		return now, nil
	}
	p, err := r.Register.Person(ctx, who)
	if err != nil {
		return now, err
	}
	pref.Mail = MailEach // only the quiet hours count
	return pref.when(now, zoneOf(p), true), nil
}

// Hours is from when on somebody may be told in their browsers, and by mail, of
// something new: at the end of their quiet hours, mails at their daily hour if they
// want one a day. The zero time is never.
func (r *Room) Hours(ctx context.Context, who id.Person) (nudge, mail time.Time, err error) {
	now := r.Clock.Now()
	pref, err := r.Preference(ctx, who)
	if err != nil {
		return now, now, err
	}
	p, err := r.Register.Person(ctx, who)
	if err != nil {
		return now, now, err
	}
	zone := zoneOf(p)
	if nudge = now; pref.quiet(minuteOf(now.In(zone))) {
		nudge = nextAt(now.In(zone), pref.QuietUntil)
	}
	switch pref.Mail {
	case MailOff:
		return nudge, time.Time{}, nil
	case MailDigest:
		mail = nextAt(nudge.In(zone), pref.DigestAt)
		if pref.quiet(minuteOf(mail.In(zone))) {
			mail = nextAt(mail.In(zone), pref.QuietUntil)
		}
		return nudge, mail, nil
	}
	return nudge, nudge, nil
}

// loudness is how loud a card is by its organization's policies.
func (r *Room) loudness(v *store.View, c Card) (Loud, error) {
	d, err := r.needs(v, c)
	if d.Urgent {
		return Urgent, err
	}
	return Usual, err
}

// word prepares what is sent: a nudge the first time, the mail when it is not
// put off.
func (r *Room) word(ctx context.Context, p org.Person, pref Preference, t telling, w waiting, later bool) (func(*store.Tx) error, error) {
	var nudges notify.Nudges
	var err error
	if !t.held {
		if nudges, err = r.Pager.Prepare(ctx, w.nudge(p)); err != nil {
			return nil, err
		}
	}
	to, bad := mailaddr.Parse(p.Email)
	if later || !r.mails() || bad != nil || !p.Verified || pref.Mail == MailOff || t.fresh == 0 {
		return nudges.Queue, nil
	}
	envelope, err := r.Post.Seal(r.letter(p, to, t, w))
	return func(tx *store.Tx) error { return errors.Join(nudges.Queue(tx), envelope.Queue(tx)) }, err
}

// waiting is what waits for a person now.
type waiting struct {
	newest Card
	count  int
}

func (r *Room) waiting(ctx context.Context, p org.Person) (w waiting, err error) {
	err = r.Store.Self(p.ID).Read(ctx, func(v *store.View) error {
		if w.newest, err = newestOpen(v); err != nil {
			return err
		}
		w.count, err = countOpen(v)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		return waiting{}, nil
	}
	return w, err
}

// nudge says in the person's browsers that something waits, not what.
func (w waiting) nudge(p org.Person) notify.Nudge {
	n := notify.Nudge{
		To: p.ID, Kind: "card.tell", Path: PathOf(w.newest.ID), Topic: "cards", Badge: w.count, By: reader, Args: map[string]string{"count": strconv.Itoa(w.count)},
	}
	if w.count > 1 {
		n.Path = ListPath
	}
	return n
}

// letter is the mail about what is new.
func (r *Room) letter(p org.Person, to mailaddr.Address, t telling, w waiting) notify.Message {
	m := notify.Message{
		To: to, Lang: langOf(p), Kind: "card.mail.one", Ref: "person:" + string(p.ID), By: reader,
		Link: secret.Of(r.BaseURL + PathOf(w.newest.ID)),
		Args: map[string]string{
			"name": p.DisplayName, "title": w.newest.Sheet.Title, "requester": w.newest.Sheet.requesterLine(), "source": w.newest.Label,
		},
	}
	if t.fresh > 1 || w.count > 1 {
		m.Kind, m.Link = "card.mail.many", secret.Of(r.BaseURL+ListPath)
		m.Args = map[string]string{"name": p.DisplayName, "count": strconv.Itoa(w.count)}
	}
	return m
}

func langOf(p org.Person) words.Lang {
	switch {
	case p.Locale != "":
		return words.Lang(p.Locale)
	case p.Reading != "":
		return words.Japanese
	}
	return words.English
}

func zoneOf(p org.Person) *time.Location {
	if zone, err := time.LoadLocation(p.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

func (r *Room) drop(ctx context.Context, t telling) error {
	return r.quietly(ctx, t.person, func(tx *store.Tx) error { _, err := dropTell(tx, t); return err })
}

// quietly writes what needs no witness of its own: each question has one.
func (r *Room) quietly(ctx context.Context, who id.Person, f func(*store.Tx) error) error {
	return r.Store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		if err := f(tx); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
}

// expire closes cards whose time has run out.
func (rs *rounds) expire(ctx context.Context) error {
	over, err := rs.overdue(ctx)
	for _, c := range over {
		err = errors.Join(err, rs.write(ctx, c.Person, []change{{expired(c), "card.expired", false}}))
	}
	return err
}

func expired(c Card) Card {
	c.State = Expired
	return c
}
