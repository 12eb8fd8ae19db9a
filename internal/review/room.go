package review

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// Words are the room's sentences, Schema its tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Write is the permission to have what people hold reviewed, Read shows how it
// goes.
const (
	Write = "review.write"
	Read  = "review.read"
)

// Permissions lists the permissions of the room.
func Permissions() []org.Permission {
	return []org.Permission{{Name: Write}, {Name: Read, Roles: []string{string(org.Auditor)}}}
}

// Topic is woken whenever something happens to a round.
const Topic = "review"

// Question is put to reviewers; the same again is a reminder.
type Question struct {
	Org       id.Org
	Item      string
	To        []id.Person
	Digest    string
	Due       time.Time
	Title     string
	Campaign  string
	Escalated bool
}

// Asker brings questions to people (← card).
type Asker interface {
	RaiseReview(tx *store.Tx, q Question) ([]store.Event, error)
	// SettleReview ends the questions about an item; by is who decided, "" for
	// nobody.
	SettleReview(tx *store.Tx, i Item, by id.Person) ([]store.Event, error)
}

// Options is what the room stands on.
type Options struct {
	paper.Options
	Log    *slog.Logger
	Hall   *request.Hall
	Ledger *lease.Ledger
	Post   *notify.Post // nil: nobody is told by mail
	Asker  Asker        // nil: questions are in no list of cards
	// Presence says how surely who decides has to be themself; nil: whoever is
	// signed in.
	Presence *presence.Desk
}

// Room keeps campaigns and runs them.
type Room struct {
	Options
	Campaigns *paper.Drawer[Campaign]
}

// New makes the room.
func New(o Options) *Room {
	r := &Room{Options: o}
	r.Campaigns = paper.New(o.Options, paper.Kind[Campaign]{
		Name: "review", Manifest: "ReviewCampaign", Permission: Write, Reads: Read, Check: check, Rename: rename, May: r.may, Changed: changed, Drawn: r.drawn(),
		Says: func(c Campaign) map[string]string {
			return map[string]string{"title": c.Title, "kind": c.Kind, "silence": c.Silence, "starts": c.Starts, "every-months": strconv.Itoa(c.Months)}
		},
	})
	return r
}

// The kinds of timers.
const (
	timerStart  = "review.start"  // a campaign, at its time
	timerFill   = "review.fill"   // a round
	timerRemind = "review.remind" // the reviewers of a round
	timerDue    = "review.due"    // a round
	timerTell   = "review.tell"   // reviewers, by mail
	timerSeats  = "review.seats"  // who may decide about what is open may have changed
)

// alarm is what a timer is about.
type alarm struct {
	Campaign string `json:"campaign,omitempty"`
	Version  int64  `json:"version,omitempty"`
	Round    string `json:"round,omitempty"`
	Mail     string `json:"mail,omitempty"`
	After    string `json:"after,omitempty"` // the last that was looked at
}

// Handle makes the room's timers known.
func (r *Room) Handle(d *job.Desk) error {
	return errors.Join(
		d.Handle(timerStart, r.onStart), d.Handle(timerFill, r.fill), d.Handle(timerRemind, r.remind), d.Handle(timerDue, r.due), d.Handle(timerTell, r.tell),
		d.Handle(timerSeats, r.reseat),
	)
}

// keeper acts where nobody does.
var keeper = id.System("review")

// changed waits for the campaign's next beginning.
func changed(tx *store.Tx, _, after *paper.Paper[Campaign]) error {
	if after == nil {
		return nil
	}
	return wait(tx, after.Org, after.ID, after.Version+1, after.Spec)
}

func wait(tx *store.Tx, in id.Org, campaign string, version int64, c Campaign) error {
	next := c.Next(tx.Now())
	if next.IsZero() {
		return nil
	}
	return timer(tx, in, timerStart, next, alarm{Campaign: campaign, Version: version})
}

func (r *Room) inOrg(ctx context.Context, in id.Org, f func(v *store.View) error) error {
	return r.Store.Org(in).Read(ctx, f)
}

var (
	errNoRound = fault.New(fault.NotFound, "review-round-unknown")
	errNoItem  = fault.New(fault.NotFound, "review-item-unknown")
)
