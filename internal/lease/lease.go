package lease

import (
	"embed"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// Words are the sentences of the problems and events, Schema the table.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// The permissions of this package.
const (
	Read   = "lease.read"   // see what is out in the organization
	Revoke = "lease.revoke" // take back at once what somebody holds
)

// Permissions lists the permissions of this package.
func Permissions() []org.Permission {
	return []org.Permission{
		{Name: Read, Roles: []string{string(org.Accounts), string(org.Auditor)}},
		{Name: Revoke, Roles: []string{string(org.Accounts)}},
	}
}

// State is where a lease stands.
type State string

// The states.
const (
	Out    State = "out"
	Taking State = "taking" // its end was decided; the thing is not back yet
	Back   State = "back"
)

// Why says why a lease ended.
type Why string

// The reasons.
const (
	Expired  Why = "expired"  // its time was over
	Returned Why = "returned" // the holder gave it back
	Revoked  Why = "revoked"  // somebody took it
	Reviewed Why = "reviewed" // a review did not keep it
)

// Lease is one thing that one person holds.
type Lease struct {
	Org    id.Org
	ID     id.Lease
	Person id.Person // who holds it
	Kind   string    // of the Taker: "group"
	Target string    // identifier of the thing
	Title  string    // as it was called when it was let out
	Ask    id.Ask    // from which ask; "" for none
	By     id.Principal
	State  State
	Since  time.Time
	Until  time.Time // zero: until somebody ends it

	Why     Why // once its end was decided
	Ended   time.Time
	EndedBy id.Principal
	Tries   int    // of taking it back
	Trouble string // code of what kept it from being taken back last
	timer   string
}

// Stuck reports whether its end was decided and the thing is not back.
func (l Lease) Stuck() bool { return l.State == Taking && l.Trouble != "" }

// Name is how the witness calls it.
func (l Lease) Name() string { return "lease:" + string(l.ID) }

// Taker takes back what was let out of one kind.
type Taker interface {
	// Kind is of the leases that it takes back.
	Kind() string
	// Take takes the thing back in the write that ends the lease, and must do so
	// for a thing that is gone or was taken in another way already. done is false
	// where an effect on the outside has to prove it; whoever proves it calls
	// Ledger.Proven in the write that proves it. An error is tried again, for
	// ever.
	Take(tx *store.Tx, l Lease) (done bool, events []store.Event, err error)
}

func (l Lease) event(name string, by id.Principal, more map[string]string) store.Event {
	fields := map[string]string{"kind": l.Kind, "thing": l.Target, "title": l.Title, "holder": string(l.Person)}
	if l.Ask != "" {
		fields["ask"] = string(l.Ask)
	}
	if !l.Until.IsZero() {
		fields["until"] = l.Until.UTC().Format(time.RFC3339)
	}
	for key, value := range more {
		fields[key] = value
	}
	return store.Event{Name: name, Org: l.Org, By: by, Target: l.Name(), Fields: fields}
}
