// Package approval is the door of the hall: asks, the policies that say who
// decides about them, the delegations by which people hand their decisions
// over, and the leases under which things are out. The rules stand in request
// and lease.
package approval

import (
	"context"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
)

// Options is what the door stands on besides the hall.
type Options struct {
	// Topics change with what waits for somebody; nil: nothing says so.
	Topics func(who id.Person) []string
	// Templates are offered where things are asked for; nil: there are none.
	Templates Templates
}

// Room is the door.
type Room struct {
	hall *request.Hall
	Options
}

// asks are the doors of asks.
type asks struct {
	*request.Hall
	Options
}

// New makes the room.
func New(hall *request.Hall, o Options) *Room { return &Room{hall, o} }

type (
	paged struct {
		Cursor string `query:"cursor" doc:"From the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	items[T any] struct {
		Body struct {
			Items []T    `json:"items"`
			Next  string `json:"next,omitempty" doc:"Cursor of the next page"`
		}
	}
	one[T any] struct{ Body T }
	nothing    struct{}
	inOrg      struct {
		Org string `path:"org"`
	}
)

func operation(method, path, name, summary, tag string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{tag}}
}

// presentOp is an operation for people in person.
func presentOp(method, path, name, summary, tag string) huma.Operation {
	op := operation(method, path, name, summary, tag)
	op.Security = web.SessionOnly
	return op
}

func me(ctx context.Context) (id.Person, error) { return present(web.ActorOf(ctx)) }

// present refuses programs and processes where a natural person has to act.
func present(actor web.Actor) (id.Person, error) {
	who := actor.Principal.Person()
	switch {
	case who == "":
		return "", fault.New(fault.Forbidden, "settings-need-person")
	case actor.Token:
		return "", fault.New(fault.Forbidden, "person-must-be-present")
	}
	return who, nil
}

func listed[T, B any](all []T, next string, body func(T) B) *items[B] {
	out := &items[B]{}
	out.Body.Items, out.Body.Next = []B{}, next
	for _, one := range all {
		out.Body.Items = append(out.Body.Items, body(one))
	}
	return out
}

var errNoAsk = fault.New(fault.NotFound, "ask-unknown")

// doings are what a redirect may say was done.
var doings = []string{"asked", "decided", "said", "withdrawn", "given-back", "revoked", "saved", "deleted", "held"}

// done says what a redirect says was done.
func done(v *web.Visit) string {
	if key := v.Query("done"); slices.Contains(doings, key) {
		return v.Say("ask.done." + key)
	}
	return ""
}
