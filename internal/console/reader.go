package console

import (
	"context"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// Guide is what the console must know of the rest of the house.
type Guide interface {
	// May says whether an actor holds a permission where they act; nil is yes.
	May(ctx context.Context, actor web.Actor, permission string) error
	// Names returns how people are shown; who is deleted is missing. One call a
	// page.
	Names(ctx context.Context, which []id.Person) (map[id.Person]string, error)
	// Pages returns where things ("person:ID", "role:ID") have a page that the
	// actor may open; what has none is missing. One call a page.
	Pages(ctx context.Context, actor web.Actor, things []string) (map[string]string, error)
	// First is the first page of the console that the actor may open.
	First(ctx context.Context, actor web.Actor) (string, error)
}

// Whose records are looked at.
const (
	OfOrganization = "organization" // in which the reader acts
	OfHouse        = "house"        // the installation's own, of no organization
)

// reader says what an actor sees of the log; reading leaves a record of its
// own. A person sees the records of the organization they act in by AuditRead,
// or those of the house itself by AuditHouse, and never both at once: of says
// which, "" is the first that they may. Who runs or sets up the house sees all
// that is in it.
func (r *Room) reader(ctx context.Context, of string) (audit.Reader, error) {
	actor := web.ActorOf(ctx)
	who := audit.Reader{By: actor.Principal, Org: actor.Org, Own: of == OfHouse}
	if actor.Principal.Kind() != id.KindPerson {
		return who, nil
	}
	inOrg := r.guide.May(ctx, actor, AuditRead)
	if of == OfOrganization || of == "" && inOrg == nil {
		return who, inOrg
	}
	return audit.Reader{By: actor.Principal, Own: true}, r.guide.May(ctx, actor, AuditHouse)
}

// query restricts a search to what the reader sees.
func query(reader audit.Reader, q audit.Query) audit.Query {
	q.Org, q.House, q.Own = reader.Org, reader.Org == "", reader.Own
	return q
}

// ofBoth reports whether the actor may look at the records of the house and of
// the organization.
func (r *Room) ofBoth(ctx context.Context) bool {
	actor := web.ActorOf(ctx)
	return actor.Principal.Kind() == id.KindPerson && r.guide.May(ctx, actor, AuditRead) == nil && r.guide.May(ctx, actor, AuditHouse) == nil
}
