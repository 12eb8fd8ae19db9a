package connector

import "time"

// State is where a ticket or an approval stands, in our words. The system's own
// word stands beside it where a person should see it.
type State string

// The states of tickets and approvals. Pending and Cancelled are an approval's,
// Open, Waiting and Closed a ticket's; the others are of both.
const (
	Open      State = "open"
	Waiting   State = "waiting"
	Pending   State = "pending"
	Approved  State = "approved"
	Rejected  State = "rejected"
	Closed    State = "closed"
	Cancelled State = "cancelled"
	Unmapped  State = "unknown" // the definition has no word for it: it denies
)

// Need says when a decision wants a comment.
type Need string

// When a comment is compulsory.
const (
	Never    Need = "never"
	OnReject Need = "onReject"
	Always   Need = "always"
)

// Party is a person as an outside system knows them. People are matched by
// NativeID, which was stored when they connected; a mail address may be missing,
// hidden, of another case, or somebody else's.
type Party struct {
	NativeID string `json:"nativeId,omitempty"`
	Name     string `json:"name,omitempty"`
	Email    string `json:"email,omitempty"`
}

// Window is when a change may be made; a zero time is an open end.
type Window struct {
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
}

// Amount is a price as the system writes it: decimal digits, never a float.
type Amount struct {
	Value    string `json:"value,omitempty"`
	Currency string `json:"currency,omitempty"` // ISO 4217, or what the system prints
}

// Field is a labelled text that the model has no name for.
type Field struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Ticket is a record of a ticket system.
type Ticket struct {
	ID          string         `json:"id"`
	System      string         `json:"system,omitempty"` // name of the connector it was read by
	URL         string         `json:"url,omitempty"`
	Type        string         `json:"type,omitempty"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	State       State          `json:"state"`
	NativeState string         `json:"nativeState,omitempty"`
	Requester   Party          `json:"requester,omitzero"`
	Assignee    Party          `json:"assignee,omitzero"`
	Assets      []string       `json:"assets,omitempty"`
	Priority    int            `json:"priority,omitempty"` // 1 is the highest, 5 the lowest, 0 not said
	Window      Window         `json:"window,omitzero"`
	Approvals   []Approval     `json:"approvals,omitempty"`
	DependsOn   []string       `json:"dependsOn,omitempty"`
	CreatedAt   time.Time      `json:"createdAt,omitzero"`
	UpdatedAt   time.Time      `json:"updatedAt,omitzero"`
	ETag        string         `json:"etag,omitempty"`
	Fields      map[string]any `json:"fields,omitempty"` // all others, for conditions
}

// Approval is a question that an outside system puts to one person.
type Approval struct {
	ID              string    `json:"id"`
	TicketID        string    `json:"ticketId,omitempty"`
	Title           string    `json:"title,omitempty"`
	State           State     `json:"state"`
	Approver        Party     `json:"approver,omitzero"`
	Requester       Party     `json:"requester,omitzero"`
	Amount          Amount    `json:"amount,omitzero"`
	DueAt           time.Time `json:"dueAt,omitzero"`
	Lines           []string  `json:"lines,omitempty"` // what is asked for, a line each
	Fields          []Field   `json:"fields,omitempty"`
	ETag            string    `json:"etag,omitempty"`
	URL             string    `json:"url,omitempty"`
	CanDecide       bool      `json:"canDecide"`
	CommentRequired Need      `json:"commentRequired,omitempty"`
	Stage           string    `json:"stage,omitempty"`
	DecidedBy       Party     `json:"decidedBy,omitzero"` // once it is decided, where the system says so
	Actions         []Action  `json:"actions,omitempty"`  // none means: approve and reject
}

// ActionKind is what pressing an action does.
type ActionKind string

// The kinds of actions (the card protocol's DIRECT, USER_INPUT, OPEN_IN, DISMISS).
const (
	Direct  ActionKind = "direct"  // call at once
	Ask     ActionKind = "input"   // show Inputs, then call
	Visit   ActionKind = "open"    // open URL in the browser
	Dismiss ActionKind = "dismiss" // put the card away
)

// Action is something that can be done with a card besides approve and reject.
type Action struct {
	ID        string     `json:"id"`
	Label     string     `json:"label"`
	Completed string     `json:"completed,omitempty"` // the label once it was done
	Kind      ActionKind `json:"kind"`
	Primary   bool       `json:"primary,omitempty"`
	Repeats   bool       `json:"repeats,omitempty"` // may be done again
	Removes   bool       `json:"removes,omitempty"` // the card is finished by it
	Set       string     `json:"set,omitempty"`     // one of a set done disables the others
	Inputs    []Input    `json:"inputs,omitempty"`
	URL       string     `json:"url,omitempty"`
}

// Item is something that an outside catalog offers.
type Item struct {
	ID          string  `json:"id"`
	Title       string  `json:"title"`
	Description string  `json:"description,omitempty"`
	Category    string  `json:"category,omitempty"`
	Price       Amount  `json:"price,omitzero"`
	Fields      []Input `json:"fields,omitempty"`
}

// Order is what became of ordering an item: a request of the outside system.
type Order struct {
	ID     string `json:"id"`
	Number string `json:"number"`
	URL    string `json:"url,omitempty"`
}

// Decision is a person's answer to an approval.
type Decision string

// The decisions, equal to the states that they lead to.
const (
	Approve Decision = Decision(Approved)
	Reject  Decision = Decision(Rejected)
)
