package jira

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/words"
)

func (s *System) pageRoutes(mux *http.ServeMux) {
	s.site.Routes(mux)
	in := s.site.Inside
	mux.HandleFunc("GET /{$}", in(s.showPortals))
	mux.HandleFunc("GET /requests", in(s.showRequests))
	mux.HandleFunc("GET /approvals", in(s.showApprovals))
	const portal = "/{site}/servicedesk/customer/portal/{desk}"
	mux.HandleFunc("GET "+portal+"/create/{type}", in(s.showForm))
	mux.Handle("POST "+portal+"/create/{type}", s.site.Form(in(s.sendForm)))
	mux.HandleFunc("GET "+portal+"/{key}", in(s.showRequest))
	mux.Handle("POST "+portal+"/{key}", s.site.Form(in(s.actOnRequest)))
	mux.HandleFunc("GET /{site}/browse/{key}", in(s.browse))
	mux.HandleFunc("GET /authorize", in(s.showConsent))
	mux.Handle("POST /authorize", s.site.Form(s.answerConsent))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
	})
}

// in is a name in the language of a reader.
func inWords(lang words.Lang, en, ja string) string {
	if lang == words.Japanese && ja != "" {
		return ja
	}
	return en
}

// portal is a desk as a page shows it.
type portal struct {
	Site, Desk string
	Types      []typed
}

type typed struct{ Name, About, Href string }

func (s *System) showPortals(w http.ResponseWriter, r *http.Request, login string) {
	lang := s.site.Lang(r)
	var all []portal
	s.stage.Do(func() {
		for _, one := range slices.Backward(s.sitesOf(login)) {
			for _, d := range one.Desks {
				p := portal{Site: one.Name, Desk: inWords(lang, d.Name, d.Ja)}
				for _, t := range d.Types {
					p.Types = append(p.Types, typed{inWords(lang, t.Name, t.Ja), inWords(lang, t.About, t.AboutJa), address(one, d.ID, "create/"+t.ID)})
				}
				all = append(all, p)
			}
		}
	})
	s.site.Show(w, r, http.StatusOK, "portals", "jira.portals", all)
}

func address(one *site, desk, rest string) string {
	return "/" + one.Key + "/servicedesk/customer/portal/" + desk + "/" + rest
}

// shownField is a field of a form.
type shownField struct {
	ID, Label, Kind, Value string
	Required               bool
	Options                []string
}

func (s *System) showForm(w http.ResponseWriter, r *http.Request, login string) {
	s.form(w, r, login, http.StatusOK, false)
}

// formOf finds what a form is about, for a member of its site.
func (s *System) formOf(r *http.Request, login string) (*site, *desk, *requestType) {
	one := s.siteOf(r.PathValue("site"))
	if one == nil || !slices.Contains(s.sitesOf(login), one) {
		return nil, nil, nil
	}
	d := one.desk(r.PathValue("desk"))
	return one, d, d.kind(r.PathValue("type"))
}

func (s *System) form(w http.ResponseWriter, r *http.Request, login string, status int, wrong bool) {
	lang := s.site.Lang(r)
	var fields []shownField
	var title, about, where string
	s.stage.Do(func() {
		_, d, t := s.formOf(r, login)
		if t == nil {
			return
		}
		title, about, where = inWords(lang, t.Name, t.Ja), inWords(lang, t.About, t.AboutJa), inWords(lang, d.Name, d.Ja)
		for _, f := range t.Fields {
			fields = append(fields, shownField{f.ID, inWords(lang, f.Label, f.Ja), f.Kind, r.PostFormValue(f.ID), f.Required, f.Options})
		}
	})
	if title == "" {
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
		return
	}
	s.site.Show(w, r, status, "form", "jira.raise", map[string]any{"Title": title, "About": about, "Desk": where, "Fields": fields, "Wrong": wrong, "To": r.URL.Path})
}

func (s *System) sendForm(w http.ResponseWriter, r *http.Request, login string) {
	to := ""
	s.stage.Do(func() {
		one, d, t := s.formOf(r, login)
		if t == nil {
			return
		}
		values := map[string]any{}
		for _, f := range t.Fields {
			if value := strings.TrimSpace(r.PostFormValue(f.ID)); value != "" {
				values[f.ID] = value
			}
		}
		if q, wrong := s.create(one, s.people[login], wanted{Desk: d.ID, Type: t.ID, Values: values}); wrong == "" {
			to = address(one, d.ID, q.Key) + "?raised=1"
		}
	})
	if to == "" {
		s.form(w, r, login, http.StatusBadRequest, true)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// entry is a request as a page shows it.
type entry struct {
	Key, Summary, Kind, Desk, Reporter, Status, Category, At, Href string
	Values                                                         []shownField
	Stages                                                         []stageEntry
	Said                                                           []saidEntry
	Mine                                                           bool // who reads may answer now
	Agent                                                          bool
}

type stageEntry struct {
	Name, Final, At string
	Answers         []saidEntry
}

type saidEntry struct {
	By, Text, At string
	Inside       bool
}

func (s *System) entryOf(one *site, q *request, u *user, lang words.Lang) entry {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(u.zone()).Format("2006-01-02 15:04")
	}
	d := one.desk(q.Desk)
	t := d.kind(q.Type)
	e := entry{
		Key: q.Key, Summary: q.summary(), Kind: inWords(lang, t.Name, t.Ja), Desk: inWords(lang, d.Name, d.Ja), Reporter: s.people[q.Reporter].Name, Status: q.Status.Name,
		Category: strings.ToLower(q.Status.Category), At: at(q.Created), Href: address(one, q.Desk, q.Key), Agent: u.agent(),
	}
	for _, f := range t.Fields {
		if value, there := q.Values[f.ID]; there && f.ID != "summary" {
			e.Values = append(e.Values, shownField{Label: inWords(lang, f.Label, f.Ja), Value: f.said(value)})
		}
	}
	for _, a := range q.Approvals {
		stage := stageEntry{Name: inWords(lang, a.Name, a.Ja), Final: a.Final, At: at(a.Completed)}
		for _, own := range a.Answers {
			stage.Answers = append(stage.Answers, saidEntry{By: s.people[own.Login].Name, Text: own.Decision, At: at(own.At)})
		}
		e.Mine = e.Mine || a.awaits(u.Login)
		e.Stages = append(e.Stages, stage)
	}
	for _, c := range q.Comments {
		if c.Public || u.agent() {
			e.Said = append(e.Said, saidEntry{s.people[c.By].Name, c.Text, at(c.At), !c.Public})
		}
	}
	return e
}

// said is a value as a person reads it.
func (f field) said(value any) string {
	switch value := value.(type) {
	case map[string]any:
		for i := range f.Options {
			if value["objectId"] == assetID(f, i) || value["value"] == f.Options[i] {
				return f.Options[i]
			}
		}
	case []any:
		var all []string
		for _, one := range value {
			all = append(all, f.said(one))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(value)
}

// entries are the requests of somebody's sites that fit, the newest first.
func (s *System) entries(r *http.Request, login string, fits func(*request) bool) (all []entry) {
	lang := s.site.Lang(r)
	s.stage.Do(func() {
		for _, one := range slices.Backward(s.sitesOf(login)) {
			for _, q := range slices.Backward(one.requests) {
				if fits(q) {
					all = append(all, s.entryOf(one, q, s.people[login], lang))
				}
			}
		}
	})
	return all
}

func (s *System) showRequests(w http.ResponseWriter, r *http.Request, login string) {
	all := s.entries(r, login, func(q *request) bool { return q.Reporter == login })
	s.site.Show(w, r, http.StatusOK, "requests", "jira.requests", map[string]any{"All": all, "Title": "jira.requests", "None": "jira.requests.none"})
}

func (s *System) showApprovals(w http.ResponseWriter, r *http.Request, login string) {
	all := s.entries(r, login, func(q *request) bool { return q.approverOf(login) })
	s.site.Show(w, r, http.StatusOK, "requests", "jira.approvals", map[string]any{"All": all, "Title": "jira.approvals", "None": "jira.approvals.none"})
}

// pageOf is the request of an address, if who reads may see it.
func (s *System) pageOf(r *http.Request, login string) (*site, *request) {
	one := s.siteOf(r.PathValue("site"))
	if one == nil || !slices.Contains(s.sitesOf(login), one) {
		return nil, nil
	}
	q := one.request(r.PathValue("key"))
	if q == nil || !s.people[login].sees(q) {
		return nil, nil
	}
	return one, q
}

func (s *System) showRequest(w http.ResponseWriter, r *http.Request, login string) {
	s.requestPage(w, r, login, http.StatusOK, false)
}

func (s *System) requestPage(w http.ResponseWriter, r *http.Request, login string, status int, wrong bool) {
	var e entry
	lang := s.site.Lang(r)
	s.stage.Do(func() {
		if one, q := s.pageOf(r, login); q != nil {
			e = s.entryOf(one, q, s.people[login], lang)
		}
	})
	if e.Key == "" {
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
		return
	}
	s.site.Show(w, r, status, "request", "jira.request", map[string]any{"Request": e, "Raised": r.URL.Query().Get("raised") != "", "Wrong": wrong})
}

// actOnRequest is who answers an approval or comments here, and not in the
// house.
func (s *System) actOnRequest(w http.ResponseWriter, r *http.Request, login string) {
	to, wrong := "", false
	s.stage.Do(func() {
		one, q := s.pageOf(r, login)
		if q == nil {
			return
		}
		to = address(one, q.Desk, q.Key)
		text := strings.TrimSpace(r.PostFormValue("comment"))
		decision := map[string]string{"approve": "approved", "decline": "declined"}[r.PostFormValue("decision")]
		at := slices.IndexFunc(q.Approvals, func(a *approval) bool { return a.awaits(login) })
		switch {
		case decision != "" && at < 0, decision == "" && text == "":
			wrong = true
			return
		case text != "":
			s.say(one, q, login, text, true, nil)
		}
		if decision != "" {
			s.decide(one, q, q.Approvals[at], login, decision)
		}
	})
	switch {
	case to == "":
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
	case wrong:
		s.requestPage(w, r, login, http.StatusBadRequest, true)
	default:
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// browse leads from the address of an issue to its page.
func (s *System) browse(w http.ResponseWriter, r *http.Request, login string) {
	to := ""
	s.stage.Do(func() {
		if one, q := s.pageOf(r, login); q != nil {
			to = address(one, q.Desk, url.PathEscape(q.Key))
		}
	})
	if to == "" {
		s.site.Trouble(w, r, http.StatusNotFound, "fake.missing")
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
