// Package approval is the door of what surrounds an ask: the policies that say
// who decides, the delegations by which people hand their decisions over, and
// the leases under which things are out. The rules of all three stand in
// request and lease.
package approval

import (
	"context"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
)

// Room is the door.
type Room struct{ hall *request.Hall }

// New makes the room.
func New(hall *request.Hall) *Room { return &Room{hall} }

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

func me(ctx context.Context) (id.Person, error) { return request.Present(web.ActorOf(ctx)) }

func listed[T, B any](all []T, next string, body func(T) B) *items[B] {
	out := &items[B]{}
	out.Body.Items, out.Body.Next = []B{}, next
	for _, one := range all {
		out.Body.Items = append(out.Body.Items, body(one))
	}
	return out
}

// done says what a redirect says was done.
func done(v *web.Visit) string {
	if key := v.Query("done"); slices.Contains([]string{"revoked", "saved", "deleted"}, key) {
		return v.Say("ask.done." + key)
	}
	return ""
}
