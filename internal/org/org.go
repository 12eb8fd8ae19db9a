package org

import (
	"embed"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Words are the sentences of the problems and of the built-in roles, Schema the
// tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Type says what an organization is to the house.
type Type string

// The types. Roles of a provider may hold permissions of the house itself.
const (
	Provider Type = "provider"
	Customer Type = "customer"
)

// State is whether a thing counts.
type State string

// The states. Invited and Deleted are for people alone: an invited person has
// not accepted yet, of a deleted one only the identifier is left.
const (
	Active   State = "active"
	Disabled State = "disabled"
	Invited  State = "invited"
	Deleted  State = "deleted"
)

// Organization is a tenant of the house.
type Organization struct {
	ID     id.Org
	Name   string // unique in the house, for manifests: lower-case letters, digits, hyphens
	Title  string // as people read it
	Type   Type
	Parent id.Org // "" for a root; a customer's parent is a provider
	State  State
	// ParentRoles are the built-in roles that whoever holds Below in the
	// parent has here. The organization sees it and can take it away.
	ParentRoles []string
	Created     time.Time
	Version     int64 // raised by each change
}

// Person is a natural person.
type Person struct {
	ID          id.Person
	Login       string // as it was chosen; unique in the house however it is spelled
	Email       string // "" if there is none
	Verified    bool   // somebody proved that mail to Email arrives at this person
	DisplayName string // as others read it; made from the other names if empty
	FamilyName  string
	GivenName   string
	Reading     string // of the name, in kana
	Locale      string // "en", "ja", or "" for what the browser says
	TimeZone    string // of the IANA database, or "" for what the browser says
	State       State
	Created     time.Time
	Version     int64
}

// Member is a person in an organization.
type Member struct {
	Org     id.Org
	Person  id.Person
	Roles   []id.Role // in the order of Roles
	Manager id.Person // "" for none; a member too
	State   State     // Active or Disabled
	Since   time.Time
	Version int64
}

// Group is a named set of members of an organization, direct and through other
// groups of it.
type Group struct {
	Org     id.Org
	ID      id.Group
	Name    string // unique in the organization
	Title   string
	Members []id.Person
	Groups  []id.Group
	Version int64
}

// Role is a named set of permissions of an organization.
type Role struct {
	Org         id.Org
	ID          id.Role // of a built-in role its name
	Name        string  // unique in the organization
	Title       string  // "" for a built-in role: the words have it
	Permissions []string
	Includes    []id.Role // transitive, without circles
	BuiltIn     bool
	Version     int64
}

// Permission is something that a role can allow. Rooms declare theirs as
// constants; the house hands the list to New.
type Permission struct {
	Name string
	// House: it is about the installation and no tenant. Only roles of a
	// provider hold it, and it counts everywhere.
	House bool
	// Roles are the built-in roles that hold it besides the administrator (or,
	// with House, the operator).
	Roles []string
}

// The built-in roles. Administrator holds every permission of an organization,
// Operator every permission of the house and exists in providers only.
const (
	Administrator id.Role = "administrator"
	Accounts      id.Role = "accounts-administrator"
	Auditor       id.Role = "auditor"
	User          id.Role = "user"
	Operator      id.Role = "operator"
)

// The permissions of this package.
const (
	Write       = "organization.write" // change the organization, make organizations below it
	Below       = "organization.below" // act in organizations below with the roles that they allow
	PeopleRead  = "people.read"
	PeopleWrite = "people.write" // invite, change, disable, give roles
	PeopleErase = "people.erase" // delete a person for good
	GroupWrite  = "group.write"
	RoleWrite   = "role.write"
)

// Permissions lists the permissions of this package.
func Permissions() []Permission {
	return []Permission{
		{Name: Write},
		{Name: Below},
		{Name: PeopleRead, Roles: []string{string(Accounts), string(Auditor)}},
		{Name: PeopleWrite, Roles: []string{string(Accounts)}},
		{Name: PeopleErase},
		{Name: GroupWrite, Roles: []string{string(Accounts)}},
		{Name: RoleWrite},
		{Name: Everything, House: true},
	}
}

// Freshness is how old an answer from memory may be. What is taken away on one
// node is refused on every other after that at the latest, whether or not the
// nodes' clocks agree or a notification got through.
const Freshness = 2 * time.Second

// Options is what the register stands on.
type Options struct {
	Store *store.Store
	Clock clock.Clock
	// Permissions are those of the whole house, this package's included.
	Permissions []Permission
}

// Register knows organizations, people and what they may do.
type Register struct {
	store       *store.Store
	clock       clock.Clock
	permissions map[string]Permission
	builtIn     map[id.Role][]string // permissions of built-in roles
	gone        []func(*store.Tx, id.Person) error
	left        []func(*store.Tx, id.Principal, Member) error
	holder      Holder // nil: nothing is held

	mu     sync.Mutex
	grants map[id.Person]remembered[Grants]
	latent map[id.Person]remembered[Grants] // of strengthOf
	weight int                              // of what is remembered
	epoch  uint64                           // raised by each change on this node
}

// remembered is an answer with the monotonic time at which it was asked.
type remembered[T any] struct {
	what T
	at   time.Duration
	set  bool
}

// New makes the register.
func New(o Options) *Register {
	r := &Register{
		store: o.Store, clock: o.Clock, permissions: map[string]Permission{}, builtIn: map[id.Role][]string{User: nil, Auditor: nil, Accounts: nil},
		grants: map[id.Person]remembered[Grants]{}, latent: map[id.Person]remembered[Grants]{},
	}
	for _, p := range o.Permissions {
		r.permissions[p.Name] = p
		chief := Administrator
		if p.House {
			chief = Operator
		}
		r.builtIn[chief] = append(r.builtIn[chief], p.Name)
		for _, role := range p.Roles {
			r.builtIn[id.Role(role)] = append(r.builtIn[id.Role(role)], p.Name)
		}
	}
	return r
}

// in opens what belongs to an organization, whatever somebody typed as its id.
func (r *Register) in(org id.Org) store.Handle {
	return r.store.Org(id.Org(words.Kept(string(org))))
}

// WhenDeleted lets a room forget what it keeps of a person, in the write that
// deletes them. Call it before the house starts.
func (r *Register) WhenDeleted(forget func(*store.Tx, id.Person) error) {
	r.gone = append(r.gone, forget)
}

// WhenLeft lets a room end what belongs to a membership, in the write that ends
// it. Call it before the house starts.
func (r *Register) WhenLeft(end func(tx *store.Tx, by id.Principal, m Member) error) {
	r.left = append(r.left, end)
}

// Invitation is what became of asking a person in.
type Invitation struct {
	State  InvitationState
	At     time.Time // of the last change of state
	Until  time.Time // how long the link counts
	Reason string    // what the mail server said of a refused address, plain text
}

// InvitationState is a step of an invitation.
type InvitationState string

// The steps. Without mail in the house an invitation is only made: whoever
// invites hands the link on.
const (
	InvitationMade     InvitationState = "made"
	InvitationSent     InvitationState = "sent"
	InvitationRefused  InvitationState = "refused"
	InvitationOver     InvitationState = "over"
	InvitationAccepted InvitationState = "accepted"
)
