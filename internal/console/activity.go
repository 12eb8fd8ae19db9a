package console

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// About returns the latest records about a thing ("role:ID"), newest first, and
// the page of the log that lists all of them; "" and none for who may not read
// the log. A record without a page of its own is none of the reader's.
func (r *Room) About(ctx context.Context, actor web.Actor, target string, limit int) (all []web.Deed, more string, err error) {
	for _, of := range []string{OfOrganization, OfHouse} {
		reader, refused := r.reader(ctx, of)
		if refused != nil {
			continue
		}
		address := url.Values{"target": {target}}
		if reader.Own {
			address.Set("of", OfHouse)
		}
		more = LogPath + "?" + address.Encode()
		records, err := r.audit.Latest(ctx, query(reader, audit.Query{Target: target, Limit: limit}))
		if err != nil {
			return nil, "", err
		}
		if len(records) > 0 {
			all, err = r.deeds(ctx, actor, reader, records)
			return all, more, err
		}
	}
	return nil, more, nil
}

// deeds names who did what; who is missing among the names is deleted or no
// person.
func (r *Room) deeds(ctx context.Context, actor web.Actor, reader audit.Reader, records []audit.Record) (all []web.Deed, err error) {
	var who []id.Person
	for _, record := range records {
		if p := record.By.Person(); p != "" && record.By != actor.Principal {
			who = append(who, p)
		}
	}
	var names map[id.Person]string
	if len(who) > 0 {
		if names, err = r.guide.Names(ctx, who); err != nil {
			return nil, err
		}
	}
	for _, record := range records {
		d := deed(actor, record)
		d.Who, d.Href = names[record.By.Person()], at(LogPath+"/"+url.PathEscape(string(record.ID)), reader)
		all = append(all, d)
	}
	return all, nil
}

func deed(actor web.Actor, record audit.Record) web.Deed {
	return web.Deed{Name: record.Name, By: record.By, Mine: record.By == actor.Principal, At: record.At}
}

// ownEvents are what a person sees of the log about themselves: how they signed
// in and how the ways in changed. The log of an organization, and what others
// did in it, is for who may read that.
var ownEvents = []string{
	"signin.", "session.", "password.", "passkey.", "totp.", "recovery.", "token.", "factors.", "factor.", "reset.", "verification.", "invitation.accepted", "device.", "organization.entered",
}

// Own returns what the log knows of how the actor signed in and of the changes
// to their ways in, newest first: what they did themselves, and what was done to
// them, without who it was.
func (r *Room) Own(ctx context.Context, actor web.Actor, limit int) (own []web.Deed, err error) {
	who := actor.Principal
	if who.Person() == "" {
		return nil, nil
	}
	var all []audit.Record
	for _, q := range []audit.Query{{Target: string(who)}, {By: who}} {
		q.House, q.Limit = true, ownLooked
		some, err := r.audit.Latest(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	all = slices.DeleteFunc(all, func(record audit.Record) bool {
		return !slices.ContainsFunc(ownEvents, func(begins string) bool { return strings.HasPrefix(record.Name, begins) })
	})
	slices.SortFunc(all, func(a, b audit.Record) int { return strings.Compare(string(b.ID), string(a.ID)) })
	all = slices.CompactFunc(all, func(a, b audit.Record) bool { return a.ID == b.ID })
	for _, record := range all[:min(len(all), limit)] {
		own = append(own, deed(actor, record))
	}
	return own, nil
}

// ownLooked bounds how many of the latest records about and by a person are
// looked at.
const ownLooked = 200
