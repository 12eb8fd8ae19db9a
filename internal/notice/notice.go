package notice

import (
	"context"
	"embed"
	"regexp"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Words are the room's sentences, Schema its tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Write is the permission to write notices and take them back.
const Write = "notice.write"

// Permissions lists the permissions of the room.
func Permissions() []org.Permission { return []org.Permission{{Name: Write, House: true}} }

// Topic changes whenever a notice does.
const Topic = "notice"

// Bounds of what a notice says, in characters.
const (
	NameMost  = 64
	TitleMost = 80
	TextMost  = 1000
)

// Both is a sentence in both languages. Text is plain: no markup is read.
type Both struct {
	En string `json:"en" yaml:"en" doc:"English, plain text"`
	Ja string `json:"ja" yaml:"ja" doc:"Japanese, plain text"`
}

// In returns the sentence in lang.
func (b Both) In(lang words.Lang) string {
	if lang == words.Japanese {
		return b.Ja
	}
	return b.En
}

// Notice is one announcement. From and Until are in microseconds, UTC; it is
// shown while From ≤ now < Until.
type Notice struct {
	ID      id.Notice
	Name    string // unique in the house, for manifests; made from the id if empty
	Title   Both
	Text    Both
	From    time.Time
	Until   time.Time
	By      id.Principal // who wrote it last
	Version int64        // raised by each change; 0 before the first
}

// State is where a notice is in its life.
type State string

// The states.
const (
	Waiting State = "waiting"
	Shown   State = "shown"
	Over    State = "over"
)

// At returns the notice's state at a time.
func (n Notice) At(now time.Time) State {
	switch {
	case now.Before(n.From):
		return Waiting
	case now.Before(n.Until):
		return Shown
	}
	return Over
}

// Room writes and shows notices.
type Room struct {
	store *store.Store
	clock clock.Clock
	live  atomic.Pointer[[]Notice] // not over yet, by From
}

// New makes the room. Run keeps what it shows fresh.
func New(s *store.Store, c clock.Clock) *Room {
	r := &Room{store: s, clock: c}
	r.live.Store(&[]Notice{})
	return r
}

// Run keeps the shown notices fresh until ctx ends: at once when a notice
// changes on this node, and within 2 s when it changes on another.
func (r *Room) Run(ctx context.Context) {
	r.store.Follow(ctx, Topic, 2*time.Second, r.Refresh)
}

// Refresh reads the shown notices again.
func (r *Room) Refresh(ctx context.Context) error {
	live, err := r.notOver(ctx, r.clock.Now())
	if err == nil {
		r.live.Store(&live)
	}
	return err
}

// Current returns the notices to show now, the oldest first. It reads memory
// only.
func (r *Room) Current() []Notice {
	now := r.clock.Now()
	var shown []Notice
	for _, n := range *r.live.Load() {
		if n.At(now) == Shown {
			shown = append(shown, n)
		}
	}
	return shown
}

// Put writes a notice: a new one if ID is empty, else the one with that ID,
// which must still have n.Version (notice-changed otherwise). It returns what
// was written. All bad fields are said at once (notice-invalid).
func (r *Room) Put(ctx context.Context, by id.Principal, n Notice) (Notice, error) {
	save, event := change, "notice.changed"
	if n.ID == "" {
		n.ID, n.Version = id.New[id.Notice](r.clock.Now()), 0
		save, event = insert, "notice.written"
	}
	if n.Name == "" {
		n.Name = "notice-" + string(n.ID)
	}
	if f := n.check(); f != nil {
		return n, f
	}
	n.By = by
	err := r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		if err := put(tx, n, save); err != nil {
			return store.Abort(err)
		}
		return store.Done(n.event(event, by))
	})
	n.Version++
	return n, err
}

// TakeBack removes a notice.
func (r *Room) TakeBack(ctx context.Context, by id.Principal, which id.Notice) error {
	return r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		n, err := get(&tx.View, which)
		if err == nil {
			err = remove(tx, which)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(n.event("notice.taken-back", by))
	})
}

// event says what the witness keeps of a change.
func (n Notice) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, By: by, Target: "notice:" + string(n.ID), Fields: map[string]string{
		"name": n.Name, "title.en": n.Title.En, "title.ja": n.Title.Ja, "text.en": n.Text.En, "text.ja": n.Text.Ja,
		"from": n.From.Format(time.RFC3339Nano), "until": n.Until.Format(time.RFC3339Nano),
	}}
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// check returns all that is wrong with what the notice says.
func (n Notice) check() *fault.Fault {
	var bad fault.Checks
	if len(n.Name) > NameMost || !nameForm.MatchString(n.Name) {
		bad.Add("name", "name-malformed", "limit", NameMost)
	}
	checkText(&bad, "title.en", n.Title.En, TitleMost)
	checkText(&bad, "title.ja", n.Title.Ja, TitleMost)
	checkText(&bad, "text.en", n.Text.En, TextMost)
	checkText(&bad, "text.ja", n.Text.Ja, TextMost)
	if n.From.IsZero() {
		bad.Add("from", "field-required")
	}
	if n.Until.IsZero() {
		bad.Add("until", "field-required")
	}
	if !n.From.IsZero() && !n.Until.IsZero() && !n.Until.After(n.From) {
		bad.Add("until", "notice-ends-before-it-begins")
	}
	return bad.Fault("notice-invalid")
}

// checkText refuses what cannot be shown as it is: controls and the characters
// that turn the direction of what follows (A128).
func checkText(bad *fault.Checks, path, text string, most int) {
	switch count := utf8.RuneCountInString(text); {
	case text == "":
		bad.Add(path, "field-required")
	case !utf8.ValidString(text):
		bad.Add(path, "text-not-utf8")
	case count > most:
		bad.Add(path, "field-too-long", "limit", most)
	case unshown.MatchString(text):
		bad.Add(path, "text-has-controls")
	}
}

var unshown = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x9f\x{061c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)
