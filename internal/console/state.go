package console

import (
	"context"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

// State is how the house stands.
type State struct {
	Engine  string
	Vitals  store.Vitals
	Lag     time.Duration // how long the oldest record waits for its place in the log
	Signed  time.Duration // age of the newest checkpoint; 0 if there is none
	Beyond  int64         // records that no checkpoint covers yet
	Epoch   int64
	Outside []audit.OutsideState
	Keys    seal.Progress
	Effects []job.Count
	Nodes   []Node
	Around  Around
	// What this process measured and saw some seconds ago.
	Read, Write time.Duration // what one read and one durable write took
	Clock       Steps
	Mail        Mail
	Backup      Backup
}

// Around is what is around the house: what it is told when it starts, and what
// its machine has left.
type Around struct {
	Free, Whole int64     // bytes of the disk with the data folder
	Certificate time.Time // when the one of our listener ends; zero if we have none
	Relay       string    // mail server, "" for none
	Proxy       string    // by which calls leave, "" for none
}

// Mail is how mails go out.
type Mail struct {
	Waiting              int64
	Oldest, Sent, Failed time.Time
	Said                 string // by the mail server, of the last that failed: a stranger's text, cleaned
}

// Steps are the jumps of this process's clock since it started.
type Steps struct {
	N    int64
	Last time.Duration // positive: it jumped ahead
	At   time.Time     // of the last one
}

// Backup is the last backup that was made.
type Backup struct {
	Made  int64 // how many were made since the house counts them
	Known bool  // the record of the last one is there
	At    time.Time
	By    string
}

// Premises is what only the whole house knows.
type Premises interface {
	// Around looks at the machine; it asks no other one.
	Around() Around
	// Mail reads how mails go out.
	Mail(ctx context.Context) (Mail, error)
	// Publish tells open pages that a topic has changed.
	Publish(topic string, version int64)
}

// Look returns how the house stands.
func (r *Room) Look(ctx context.Context) (s State, err error) {
	s.Engine = r.store.Engine()
	for _, read := range []func() error{
		func() (err error) { s.Vitals, err = r.store.Vitals(ctx); return err },
		func() (err error) { s.Lag, err = r.audit.Lag(ctx); return err },
		func() (err error) { s.Signed, s.Beyond, err = r.audit.CheckpointAge(ctx); return err },
		func() (err error) { s.Epoch, err = r.audit.Epoch(ctx); return err },
		func() (err error) { s.Outside, err = r.audit.OutsideStates(ctx); return err },
		func() (err error) { s.Keys, err = r.ring.Progress(ctx); return err },
		func() (err error) { s.Effects, err = job.Counts(ctx, r.store); return err },
		func() (err error) { s.Nodes, err = r.nodes(ctx); return err },
		func() (err error) { s.Mail, err = r.premises.Mail(ctx); return err },
	} {
		if err := read(); err != nil {
			return s, err
		}
	}
	s.Around = r.premises.Around()
	if seen := r.seen.Load(); seen != nil {
		s.Read, s.Write, s.Clock, s.Backup = seen.Read, seen.Write, seen.Clock, seen.Backup
	}
	return s, nil
}

// parked is how many effects wait for an operator.
func (s State) parked() (n int) {
	for _, c := range s.Effects {
		if c.State == job.Parked {
			n += c.Number
		}
	}
	return n
}

// waits is since when the oldest effect that is not parked is open.
func (s State) waits() (oldest time.Time) {
	for _, c := range s.Effects {
		if c.State != job.Parked && (oldest.IsZero() || c.Oldest.Before(oldest)) {
			oldest = c.Oldest
		}
	}
	return oldest
}

// alarms are the keys of what somebody should look after, the gravest first.
func (s State) alarms(now time.Time) (all []string) {
	for _, line := range s.Lines(now) {
		if line.Level == Bad {
			all = append(all, "console.trouble."+line.Name)
		}
	}
	slices.SortStableFunc(all, func(a, b string) int { return slices.Index(gravest, a) - slices.Index(gravest, b) })
	return all
}

// gravest is the order in which alarms are told.
var gravest = []string{
	"console.trouble.disk", "console.trouble.log", "console.trouble.store", "console.trouble.certificate", "console.trouble.outside",
	"console.trouble.keys", "console.trouble.clock", "console.trouble.mail", "console.trouble.effects", "console.trouble.nodes",
}

// Settled is the page on which an alarm is settled.
func Settled(alarm string) string {
	switch alarm {
	case "console.trouble.effects":
		return EffectsPath + "?state=parked"
	case "console.trouble.keys":
		return KeysPath
	}
	return StatePath
}
