package console

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
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
	m.Page(route(LogPath+"/export"), r.giveLog)
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

// looked is what is looked for in the log as it was typed, and the query that
// it makes.
func (r *Room) looked(v *web.Visit, reader audit.Reader) (ui.Search, audit.Query) {
	search := ui.Search{
		Name: v.Query("name"), By: v.Query("by"), Target: v.Query("target"), Source: v.Query("source"), Session: v.Query("session"), Text: v.Query("text"),
		From: v.Query("from"), Until: v.Query("until"), Action: LogPath,
	}
	if reader.Own {
		search.Of = OfHouse
	}
	q := query(reader, audit.Query{
		Name: search.Name, By: id.Principal(search.By), Target: search.Target, Source: search.Source, Session: search.Session, Text: search.Text,
		Cursor: v.Query("cursor"), Newer: v.Query("newer") != "", Limit: perPage, Brief: true,
	})
	q.From, search.FromError = r.moment(v, "from")
	q.Until, search.UntilError = r.moment(v, "until")
	if !q.From.IsZero() {
		search.From = webui.LocalTime(q.From, v.Zone())
	}
	if !q.Until.IsZero() {
		search.Until = webui.LocalTime(q.Until, v.Zone())
	}
	return search, q
}

// perPage is how many records a page lists.
const perPage = 50

// showLog lists records, newest first; what is looked for stands in the URL.
func (r *Room) showLog(v *web.Visit) error {
	reader, err := r.reader(v.Context(), v.Query("of"))
	if err != nil {
		return err
	}
	search, q := r.looked(v, reader)
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
			By: parties.of(string(record.By)), Target: parties.of(record.Target), Waits: record.Index < 0, Note: r.gist(v, record),
		})
	}
	page.Before, page.After = ends(v, q, found)
	page.JSONL, page.CSV = exportAddress(v, "jsonl"), exportAddress(v, "csv")
	return v.Show(v.Say("console.audit"), ui.ShowLog(page))
}

// gist is what a record says beside its name that people look for in a list:
// why something was refused, and how often.
func (r *Room) gist(v *web.Visit, record audit.Record) string {
	code := record.Fields["code"]
	if code == "" {
		return ""
	}
	if key := "console.reason." + code; r.book.Has(key) {
		code = v.Say(key)
	}
	if n := record.Fields["count"]; n != "" {
		return v.Say("console.record.times", "what", code, "n", n)
	}
	return code
}

// ends are the pages before and after: what is newer and what is older.
func ends(v *web.Visit, q audit.Query, found audit.Page) (before, after string) {
	to := func(cursor string, newer bool) string {
		again := v.Request().URL.Query()
		again.Set("cursor", cursor)
		again.Del("newer")
		if newer {
			again.Set("newer", "1")
		}
		return LogPath + "?" + again.Encode()
	}
	first, last := q.Cursor, q.Cursor
	if n := len(found.Records); n > 0 {
		first, last = string(found.Records[0].ID), string(found.Records[n-1].ID)
	}
	switch {
	case q.Newer && found.Cursor != "":
		before = to(found.Cursor, true)
	case q.Newer && first != "":
		before = ""
	case q.Cursor != "":
		before = to(first, true)
	}
	switch {
	case q.Newer && last != "":
		after = to(last, false)
	case !q.Newer && found.Cursor != "":
		after = to(found.Cursor, false)
	}
	return before, after
}

// moment reads a time that was typed; what cannot be read is said and does not
// restrict.
func (r *Room) moment(v *web.Visit, name string) (time.Time, string) {
	typed := v.Query(name)
	if typed == "" {
		return time.Time{}, ""
	}
	zone := v.Zone()
	if v.Query(webui.ZoneField(name)) != "" { // of whoever made the address
		zone = web.TypedZone(v.Request().URL.Query(), name)
	}
	at, err := webui.ParseLocalTime(typed, zone)
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
	page.About = r.about(reader, found.Record)
	page.Command = "sekisho audit check proof-" + string(record) + ".json --key KEY"
	if key, err := r.audit.PublicKey(v.Context()); err == nil {
		page.Key = key
	}
	if found.State == audit.Covered {
		page.Index, page.Size, page.SignedAt = found.Index, found.Checkpoint.Size, found.Checkpoint.At
		page.Outside, page.Note = found.Outside, found.Checkpoint.Note
	}
	return v.Show(r.title(v, found.Name), ui.ShowRecord(page))
}

// about leads to the other records about the same thing, by the same one and of
// the same session.
func (r *Room) about(reader audit.Reader, record audit.Record) (all []ui.Other) {
	add := func(key, name, value string) {
		if value == "" {
			return
		}
		q := url.Values{name: {value}}
		if reader.Own {
			q.Set("of", OfHouse)
		}
		all = append(all, ui.Other{Key: key, Href: LogPath + "?" + q.Encode()})
	}
	add("console.record.about.target", "target", record.Target)
	add("console.record.about.by", "by", string(record.By))
	add("console.record.about.session", "session", record.Session)
	add("console.record.about.source", "source", hostPart(record.Source))
	return all
}

// hostPart is an address without its port.
func hostPart(source string) string {
	if at, err := netip.ParseAddrPort(source); err == nil {
		return at.Addr().String()
	}
	return source
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
