package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// LogPath is the page of the audit log.
const LogPath = "/admin/audit"

func (r *Room) auditPages(m *web.Mux) {
	route := func(path string) web.Route {
		return web.Route{Method: http.MethodGet, Path: path, Permission: AuditRead, Or: AuditHouse}
	}
	m.Page(route(LogPath), r.showLog)
	m.Page(route(LogPath+"/{record}"), r.showRecord)
	m.Page(route(LogPath+"/{record}/proof.json"), r.giveProof)
}

// at is a page of the log that keeps to whose records are looked at.
func at(path string, reader audit.Reader) string {
	if reader.Own {
		return path + "?of=" + OfHouse
	}
	return path
}

// showLog lists records, newest first; what is looked for stands in the URL.
func (r *Room) showLog(v *web.Visit) error {
	reader, err := r.reader(v.Context(), v.Query("of"))
	if err != nil {
		return err
	}
	search := ui.Search{
		Name: v.Query("name"), By: v.Query("by"), Target: v.Query("target"), Text: v.Query("text"),
		From: v.Query("from"), Until: v.Query("until"), Action: LogPath,
	}
	if reader.Own {
		search.Of = OfHouse
	}
	q := query(reader, audit.Query{
		Name: search.Name, By: id.Principal(search.By), Target: search.Target, Text: search.Text, Cursor: v.Query("cursor"), Limit: 50,
	})
	q.From, search.FromError = r.moment(v, search.From)
	q.Until, search.UntilError = r.moment(v, search.Until)
	found, err := r.audit.Search(v.Context(), reader, q)
	if err != nil {
		return err
	}
	page := ui.Log{Search: search, Both: r.ofBoth(v.Context()), House: LogPath + "?of=" + OfHouse, Organization: LogPath + "?of=" + OfOrganization}
	parties, err := r.parties(v.Context(), found.Records...)
	if err != nil {
		return err
	}
	for _, record := range found.Records {
		page.Records = append(page.Records, ui.Record{
			Href: at(LogPath+"/"+url.PathEscape(string(record.ID)), reader), Name: record.Name, At: record.At,
			By: parties.of(string(record.By)), Target: parties.of(record.Target), Waits: record.Index < 0,
		})
	}
	if found.Cursor != "" {
		again := v.Request().URL.Query()
		again.Set("cursor", found.Cursor)
		page.After = LogPath + "?" + again.Encode()
	}
	return v.Show(v.Say("console.audit"), ui.ShowLog(page))
}

// moment reads a time that was typed; what cannot be read is said and does not
// restrict.
func (r *Room) moment(v *web.Visit, typed string) (time.Time, string) {
	if typed == "" {
		return time.Time{}, ""
	}
	at, err := webui.ParseLocalTime(typed, v.Zone())
	if err != nil {
		return time.Time{}, v.Say("problem.field-not-time")
	}
	return at, ""
}

// showRecord shows one record with the state of its proof.
func (r *Room) showRecord(v *web.Visit) error {
	record := id.Record(v.Path("record"))
	reader, err := r.reader(v.Context(), v.Query("of"))
	if err != nil {
		return err
	}
	found, err := r.audit.Get(v.Context(), reader, record)
	if err != nil {
		return err
	}
	parties, err := r.parties(v.Context(), found.Record)
	if err != nil {
		return err
	}
	page := ui.RecordPage{
		Name: found.Name, Details: r.details(v, found, parties), Said: said(v, found, parties), State: string(found.State),
		Proof: at(LogPath+"/"+url.PathEscape(string(record))+"/proof.json", reader), Back: at(LogPath, reader),
	}
	if found.State == audit.Covered {
		page.Index, page.Size, page.SignedAt = found.Index, found.Checkpoint.Size, found.Checkpoint.At
		page.Outside, page.Note = found.Outside, found.Checkpoint.Note
	}
	return v.Show(r.title(v, found.Name), ui.ShowRecord(page))
}

// title says what a record is about.
func (r *Room) title(v *web.Visit, name string) string {
	if r.book.Has("event." + name) {
		return v.Say("event." + name)
	}
	return name
}

// details lists the circumstances of a record in the order in which people
// ask: when, who, on what, from where.
func (r *Room) details(v *web.Visit, found audit.Found, p parties) []webui.Detail {
	var all []webui.Detail
	add := func(key string, value templ.Component) {
		all = append(all, webui.Detail{Key: key, Value: value})
	}
	text := func(key, value string) {
		if value != "" {
			add(v.Say(key), webui.Text(value))
		}
	}
	number := func(key, value string) {
		if value != "" {
			add(v.Say(key), webui.Copy(value))
		}
	}
	add(v.Say("console.record.at"), webui.Time(found.At))
	if found.By != "" {
		add(v.Say("console.record.by"), ui.Whole(p.of(string(found.By))))
	}
	if found.Target != "" {
		add(v.Say("console.record.target"), ui.Whole(p.of(found.Target)))
	}
	if found.Org != "" {
		add(v.Say("console.record.org"), ui.Whole(p.of(thingOrg+string(found.Org))))
	}
	text("console.record.source", r.source(v, found))
	text("console.record.acr", found.ACR)
	number("console.record.session", found.Session)
	number("console.record.request", found.Request)
	number("console.record.node", string(found.Node))
	number("console.record.id", string(found.ID))
	return all
}

// source says from where something was done and how that is known.
func (r *Room) source(v *web.Visit, found audit.Found) string {
	key := "console.trust." + found.Trust
	if found.Source == "" || !r.book.Has(key) {
		return found.Source
	}
	return v.Say(key, "source", found.Source)
}

// said lists the fields of the event by the names that the log keeps.
func said(v *web.Visit, found audit.Found, p parties) (all []webui.Detail) {
	add := func(key string, value templ.Component) {
		all = append(all, webui.Detail{Key: key, Value: value})
	}
	for _, name := range sortedKeys(found.Fields) {
		if who := id.OfPerson(id.Person(found.Fields[name])); namesPerson[name] && p.knows(string(who)) {
			add(name, ui.Whole(p.of(string(who))))
			continue
		}
		add(name, webui.Text(found.Fields[name]))
	}
	for _, name := range found.Erased {
		add(name, webui.Badge("", v.Say("console.record.erased")))
	}
	return all
}

// giveProof is the proof as a file: it can be checked without the house.
func (r *Room) giveProof(v *web.Visit) error {
	proof, err := r.prove(v.Context(), v.Query("of"), v.Path("record"))
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(proof, "", "  ")
	if err != nil {
		return err
	}
	h := v.Writer().Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="proof-`+string(proof.ID)+`.json"`)
	_, err = v.Writer().Write(append(text, '\n'))
	return err
}

func (r *Room) prove(ctx context.Context, of, record string) (audit.Proof, error) {
	reader, err := r.reader(ctx, of)
	if err != nil {
		return audit.Proof{}, err
	}
	return r.audit.Prove(ctx, reader, id.Record(record))
}
