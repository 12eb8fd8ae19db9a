package presence

import (
	"embed"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Words are the sentences, Schema the tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Permission lets people say how surely cards are decided.
const Permission = "card.policy"

// Permissions lists the permissions of the package.
func Permissions() []org.Permission { return []org.Permission{{Name: Permission}} }

// Levels are what a policy may ask for, the weaker first: the levels of a
// session, and a passkey, which is not just any two factors.
var Levels = []string{"aal1", "aal2", Passkey}

// Passkey is the highest level.
const Passkey = "passkey"

// Desk keeps the policies of organizations.
type Desk struct {
	Store    *store.Store
	Clock    clock.Clock
	Register *org.Register
	holder   Holder // nil: one alone writes policies
}

// Proof is how surely somebody is who they are, as the edge knows it.
type Proof struct {
	Token   bool                 // a program acts for them
	At      time.Time            // when they last proved something
	Reached map[string]time.Time // when the session last reached each of Levels
}

// Of is what an actor has proven.
func Of(a web.Actor) Proof { return Proof{Token: a.Token, At: a.At, Reached: a.Reached} }

// Demand is what all policies that apply ask for together.
type Demand struct {
	Level    string        // of Levels; "" is however they signed in
	Within   time.Duration // how old the proof may be; 0 is as old as the session
	Urgent   bool          // it may disturb quiet hours
	Policies []string      // names, to say why
}

// Asks reports whether a session as such is not enough.
func (d Demand) Asks() bool { return d.Level != "" || d.Within > 0 }

// Refuse says what a proof lacks: nil for nothing, Forbidden
// person-must-be-present for a program, Unknown web.StepUp with the level and
// the age in seconds for who can prove more.
func (d Demand) Refuse(p Proof, now time.Time) *fault.Fault {
	at := p.At
	if d.Level != "" {
		at = p.Reached[d.Level]
	}
	switch {
	case !d.Asks():
		return nil
	case p.Token:
		return fault.New(fault.Forbidden, "person-must-be-present")
	case at.IsZero() || d.Within > 0 && now.Sub(at) > d.Within || at.After(now.Add(time.Minute)):
		return fault.New(fault.Unknown, web.StepUp, "age", int(d.Within/time.Second), "level", d.Level)
	}
	return nil
}

// Rank orders levels; "" is the weakest.
func Rank(level string) int { return slices.Index(Levels, level) }

// add joins what one policy asks for.
func (d *Demand) add(p Policy) {
	if Rank(p.Level) > Rank(d.Level) {
		d.Level = p.Level
	}
	if p.Within > 0 && (d.Within == 0 || p.Within < d.Within) {
		d.Within = p.Within
	}
	if p.Level != "" || p.Within > 0 {
		d.Policies = append(d.Policies, p.Name)
	}
}
