package console

import (
	"context"
	"net/url"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// Find implements web.Finder: a record by its whole identifier, which the log
// shows and mails quote. Looking it up is told in the log as its page is.
func (r *Room) Find(ctx context.Context, actor web.Actor, s web.Sought) ([]web.Finding, error) {
	if !id.Valid(s.Fold) || !s.May(AuditRead) && !s.May(AuditHouse) {
		return nil, nil
	}
	for _, of := range []string{OfOrganization, OfHouse} {
		reader, err := r.reader(ctx, of)
		if err != nil {
			continue
		}
		found, err := r.audit.Get(ctx, reader, id.Record(s.Fold))
		if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		return []web.Finding{r.finding(found, reader, s)}, nil
	}
	return nil, nil
}

func (r *Room) finding(found audit.Found, reader audit.Reader, s web.Sought) web.Finding {
	title := found.Name
	if r.book.Has("event." + title) {
		title = r.book.Say(s.Lang, "event."+title, nil)
	}
	return web.Finding{
		Kind: "record", Title: title, Detail: string(found.ID), Also: []string{string(found.ID)}, Href: at(LogPath+"/"+url.PathEscape(string(found.ID)), reader),
	}
}
