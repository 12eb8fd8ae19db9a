package admit

import (
	"embed"
	"fmt"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// Words are the sentences of the refusals.
//
//go:embed words
var Words embed.FS

// State is something that stops an issuance, as the matrix lists it.
type State string

// The states.
const (
	PersonDisabled       State = "person disabled"
	PersonLocked         State = "person locked"
	PersonDeleted        State = "person deleted"
	OrganizationDisabled State = "organization disabled"
	MemberRemoved        State = "member removed"
	ClientDisabled       State = "client disabled"
	ConsentRevoked       State = "consent revoked"
	SessionRevoked       State = "session revoked"
	DeviceLost           State = "device lost"
	PasswordMustChange   State = "password must change"
)

// States lists all of them in the order of the matrix.
var States = []State{
	PersonDisabled, PersonLocked, PersonDeleted, OrganizationDisabled, MemberRemoved, ClientDisabled, ConsentRevoked,
	SessionRevoked, DeviceLost, PasswordMustChange,
}

// Path is a way to issue something. Paths are package variables of the rooms
// that issue, made by Declare.
type Path struct {
	Name string
	// Exempt says of each state that cannot stop this path why it cannot.
	Exempt map[State]string
}

var declared []Path

// Declare puts a path into the registry. A path twice, or an exemption without
// a reason, is a mistake of the programmer that must not outlive the start.
func Declare(p Path) Path {
	if p.Name == "" || slices.ContainsFunc(declared, func(d Path) bool { return d.Name == p.Name }) {
		panic(fmt.Sprintf("admit: path %q is declared twice or has no name", p.Name))
	}
	for state, why := range p.Exempt {
		if !slices.Contains(States, state) || why == "" {
			panic(fmt.Sprintf("admit: path %q: exemption %q is unknown or without a reason", p.Name, state))
		}
	}
	declared = append(declared, p)
	return p
}

// Paths lists every declared path.
func Paths() []Path { return slices.Clone(declared) }

// Stops reports whether a state stops the path.
func (p Path) Stops(s State) bool { _, exempt := p.Exempt[s]; return !exempt }

// Ask is one issuance.
type Ask struct {
	Path   Path
	Person id.Person // "" for none
	Org    id.Org    // "" for none yet
	// Session is the session from which the issuance comes, by its public
	// name; "" if it begins one.
	Session string
	// Known says that the asker proved to be where the person signed in
	// before: a lock that strangers caused does not shut them out (A044).
	Known bool
}

// Proofs is what the gate asks of the room that keeps credentials (← signin).
// Each is read in the transaction that issues.
type Proofs interface {
	// SessionStands reports whether a session of the person still stands.
	SessionStands(v *store.View, who id.Person, session string) (bool, error)
	// Locked reports whether too many wrong answers were given for the person.
	Locked(v *store.View, who id.Person) (bool, error)
	// MustChange reports whether the person must choose a new password first.
	MustChange(v *store.View, who id.Person) (bool, error)
}

// Gate decides.
type Gate struct {
	register *org.Register
	proofs   Proofs
}

// New makes the gate.
func New(register *org.Register, proofs Proofs) *Gate { return &Gate{register, proofs} }

// MayIssue returns nil, or the fault that says which state stops the issuance:
// person-deleted, person-disabled, person-locked, organization-disabled,
// not-a-member, session-over, password-must-change. Rooms that must not tell a
// stranger answer with their own uniform refusal and keep this one for the
// witness.
func (g *Gate) MayIssue(v *store.View, a Ask) error {
	if a.Person == "" {
		return fault.New(fault.Forbidden, "person-deleted")
	}
	if err := g.standing(v, a); err != nil {
		return err
	}
	stops := []struct {
		state State
		code  string
		is    func() (bool, error)
	}{
		{SessionRevoked, "session-over", func() (bool, error) {
			if a.Session == "" {
				return false, nil
			}
			stands, err := g.proofs.SessionStands(v, a.Person, a.Session)
			return !stands, err
		}},
		{PersonLocked, "person-locked", func() (bool, error) {
			if a.Known {
				return false, nil
			}
			return g.proofs.Locked(v, a.Person)
		}},
		{PasswordMustChange, "password-must-change", func() (bool, error) { return g.proofs.MustChange(v, a.Person) }},
	}
	for _, s := range stops {
		if !a.Path.Stops(s.state) {
			continue
		}
		if is, err := s.is(); err != nil || is {
			return orFault(err, s.code)
		}
	}
	return nil
}

func orFault(err error, code string) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Forbidden, code)
}

// standing holds the ask to the states of person, organization and membership,
// which no path is exempt from where they exist.
func (g *Gate) standing(v *store.View, a Ask) error {
	s, err := g.register.StandingOf(v, a.Person, a.Org)
	if err != nil {
		return err
	}
	switch {
	case s.Person == org.Deleted:
		return fault.New(fault.Forbidden, "person-deleted")
	case s.Person != org.Active && a.Path.Stops(PersonDisabled):
		return fault.New(fault.Forbidden, "person-disabled")
	case a.Org == "":
		return nil
	case s.Organization != org.Active && a.Path.Stops(OrganizationDisabled):
		return fault.New(fault.Forbidden, "organization-disabled")
	case s.Member != org.Active && a.Path.Stops(MemberRemoved):
		return fault.New(fault.Forbidden, "not-a-member")
	}
	return nil
}
