package console

import (
	"context"
	"strings"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// How records write the things that have names or pages.
const (
	thingOrg    = "organization:"
	thingPerson = "person:"
)

// namesPerson are the fields of events whose value is a person.
var namesPerson = map[string]bool{"person": true, "manager": true}

// parties are who and what records are about, with names and pages.
type parties struct {
	names map[id.Person]string
	pages map[string]string
}

// parties asks for the names and pages of everything in some records, in one
// batch each.
func (r *Room) parties(ctx context.Context, records ...audit.Record) (p parties, err error) {
	things := map[string]bool{}
	for _, record := range records {
		things[string(record.By)], things[record.Target] = true, true
		if record.Org != "" {
			things[thingOrg+string(record.Org)] = true
		}
		for field := range namesPerson {
			if who := record.Fields[field]; id.Valid(who) {
				things[thingPerson+who] = true
			}
		}
	}
	delete(things, "")
	var who []id.Person
	all := sortedKeys(things)
	for _, thing := range all {
		if rest, ok := strings.CutPrefix(thing, thingPerson); ok {
			who = append(who, id.Person(rest))
		}
	}
	p.names = map[id.Person]string{}
	if len(who) > 0 {
		if p.names, err = r.guide.Names(ctx, who); err != nil {
			return p, err
		}
	}
	p.pages, err = r.guide.Pages(ctx, web.ActorOf(ctx), all)
	return p, err
}

// of is one of them, for a page. A person without a name is deleted.
func (p parties) of(thing string) ui.Party {
	party := ui.Party{Whole: thing, Href: p.pages[thing]}
	if rest, ok := strings.CutPrefix(thing, thingPerson); ok {
		party.Name = p.names[id.Person(rest)]
		party.Gone = party.Name == ""
	}
	return party
}

// knows reports whether the thing is a person with a name.
func (p parties) knows(thing string) bool {
	rest, ok := strings.CutPrefix(thing, thingPerson)
	return ok && p.names[id.Person(rest)] != ""
}
