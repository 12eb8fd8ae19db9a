package ticket

import (
	"context"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
)

// Prepare implements connector.Crier: a mail to whose connection it is, and for
// the organization's own to who made it.
func (r *Room) Prepare(ctx context.Context, n connector.Notice) (func(*store.Tx) error, error) {
	nothing := func(*store.Tx) error { return nil }
	if r.post == nil || !r.post.Enabled() {
		return nothing, nil
	}
	who := n.Connection.Person
	link := r.baseURL + IntegrationsPath
	if who == "" {
		who, link = n.Connection.By.Person(), r.baseURL+SystemsPath+"/"+string(n.System.ID)
	}
	p, err := r.register.Person(ctx, who)
	switch f := fault.As(err); {
	case f != nil && f.Kind == fault.NotFound, err == nil && !p.Verified:
		return nothing, nil
	case err != nil:
		return nil, err
	}
	to, err := mailaddr.Parse(p.Email)
	if err != nil {
		return nothing, nil // what no mail can be sent to holds nothing back
	}
	lang, kind := factor.LangOf(p), "ticket.mail.ending"
	if n.Lost {
		kind = "ticket.mail.lost"
	}
	args := map[string]string{"name": p.DisplayName, "system": n.System.Shown()}
	if !n.Lost {
		args["until"] = n.Connection.EndsAt.Format("2006-01-02")
	}
	envelope, err := r.post.Seal(notify.Message{
		To: to, Lang: lang, Kind: kind, Args: args, Link: secret.Of(link), Org: n.System.Org,
		Ref: "connection:" + n.Connection.ID, By: id.System("connector"),
	})
	if err != nil {
		return nil, err
	}
	return envelope.Queue, nil
}
