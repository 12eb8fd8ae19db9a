package hub

import (
	"context"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// Witness is what the hub asks of the log.
type Witness interface {
	// About returns the latest deeds about a thing and the page that lists all,
	// "" for who may not read the log.
	About(ctx context.Context, actor web.Actor, target string, limit int) (latest []web.Deed, more string, err error)
	// Own returns what somebody may see of the log about themselves.
	Own(ctx context.Context, actor web.Actor, limit int) ([]web.Deed, error)
}

// How many deeds are shown: below a page about a thing, on the first page, and
// on the page of a person's own.
const (
	stripMost = 5
	latelyOwn = 4
	ownMost   = 50
)

// Depends gathers what refers to a thing that the actor can open; of any other
// they learn nothing (R4).
func (r *Room) Depends(ctx context.Context, actor web.Actor, target string) ([]web.Dependence, error) {
	kind, which, _ := strings.Cut(target, ":")
	if kind != "role" && !id.Valid(which) {
		return nil, errNothingThere
	}
	pages, err := r.places(ctx, actor, []string{target})
	if err != nil {
		return nil, err
	}
	if pages[target] == "" {
		return nil, errNothingThere
	}
	return r.gatherOn(ctx, actor, target)
}

var errNothingThere = fault.New(fault.NotFound, "target-unknown")

// gatherOn asks every room about a thing that the actor may see. What refers to
// it in no way is left out.
func (r *Room) gatherOn(ctx context.Context, actor web.Actor, target string) (all []web.Dependence, err error) {
	may := func(permission string) bool { return r.may(ctx, actor, permission, "") == nil }
	for _, room := range r.dependents {
		some, err := room.Dependents(ctx, actor, target, may)
		if err != nil {
			return nil, err
		}
		for _, one := range some {
			if one.Count > 0 {
				all = append(all, one)
			}
		}
	}
	return all, nil
}
