package notify

import (
	"net/url"
	"strings"

	"github.com/sekisho/sekisho/internal/notify/ui"
	"github.com/sekisho/sekisho/internal/secret"
)

// write makes the letter of a message: one layout for all. Sentences are filled
// in before anything is escaped, so that a value is text in both forms.
func (p *Post) write(r row, c content) (Letter, error) {
	args := map[string]any{}
	for name, value := range c.Args {
		args[name] = plain(value, mostArg)
	}
	say := func(key string) string { return p.Book.Say(r.Lang, key, args) }
	host := p.BaseURL
	if base, err := url.Parse(p.BaseURL); err == nil {
		host = base.Host
	}
	sheet := ui.Sheet{
		Lang: string(r.Lang), House: say("mail.house"), Host: host, Home: strings.TrimRight(p.BaseURL, "/") + "/",
		Subject: oneLine(say(r.Kind + ".subject")), Text: paragraphs(say(r.Kind + ".text")),
		Link: c.Link, LinkBelow: say("mail.link"), Code: c.Code, Foot: []string{say("mail.foot"), say("mail.unasked")},
	}
	if c.Link != "" {
		sheet.Action = oneLine(say(r.Kind + ".action"))
	}
	if p.Book.Has(r.Kind + ".after") {
		sheet.After = paragraphs(say(r.Kind + ".after"))
	}
	html, err := sheet.HTML()
	if err != nil {
		return Letter{}, err
	}
	return Letter{
		ID: string(r.ID) + "@" + p.host, From: p.From, To: c.To, At: r.QueuedAt, Lang: r.Lang, Subject: sheet.Subject,
		Text: secret.Of(sheet.Plain()), HTML: secret.OfBytes(html),
	}, nil
}
