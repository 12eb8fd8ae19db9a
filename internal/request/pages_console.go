package request

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Where the console keeps what is out and who decides, and where people hand
// over what they decide.
const (
	LeasesPath     = "/admin/leases"
	PoliciesPath   = "/admin/approval-policies"
	DelegationPath = "/settings/delegations"
)

func (h *Hall) consolePages(m *web.Mux) {
	page := func(method, path, permission string, handler web.Handler) {
		m.Page(web.Route{Method: method, Path: path, Permission: permission}, handler)
	}
	page(http.MethodGet, LeasesPath, lease.Read, h.showLeases)
	page(http.MethodPost, LeasesPath+"/{lease}/revoke", lease.Revoke, h.saveRevoked)
	page(http.MethodGet, PoliciesPath, Policy, h.showPolicies)
	page(http.MethodGet, PoliciesPath+"/{approval}", Policy, h.showPolicy)
	page(http.MethodPost, PoliciesPath+"/{approval}/delete", Policy, h.savePolicyGone)
	page(http.MethodGet, DelegationPath, web.SignedIn, h.showDelegations)
	page(http.MethodGet, DelegationPath+"/new", web.SignedIn, h.showNewDelegation)
	page(http.MethodPost, DelegationPath+"/new", web.SignedIn, h.saveDelegation)
	page(http.MethodPost, DelegationPath+"/{delegation}/end", web.SignedIn, h.saveDelegationGone)
}

// here is the organization of the console.
func here(v *web.Visit) (id.Org, error) {
	if v.Actor().Org == "" {
		return "", fault.New(fault.NotFound, "organization-unknown")
	}
	return v.Actor().Org, nil
}

func (h *Hall) showLeases(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	all, next, err := h.Ledger.In(v.Context(), in, lease.Query{Person: id.Person(v.Query("person")), Cursor: id.Lease(v.Query("cursor"))})
	if err != nil {
		return err
	}
	who := make([]id.Person, len(all))
	for i, l := range all {
		who[i] = l.Person
	}
	names, err := h.Register.Names(v.Context(), who)
	if err != nil {
		return err
	}
	revokes := h.may(v, in, lease.Revoke)
	page := webui.Things{
		Heading: v.Say("lease.list"), Lead: v.Say("lease.list.lead"), Saved: done(v), None: v.Say("lease.none"), NoneDo: v.Say("lease.none.do"),
		Columns: []string{v.Say("ask.target"), v.Say("lease.holder"), v.Say("ask.since"), v.Say("ask.until"), v.Say("lease.state"), v.Say("ask.end")},
	}
	for _, l := range all {
		state := webui.Badge("good", v.Say("lease.state.out"))
		if l.State == lease.Taking {
			state = webui.Badge("wait", v.Say("lease.state.taking"))
		}
		if l.Stuck() {
			state = webui.Badge("bad", v.Say("lease.state.stuck"))
		}
		var end templ.Component = webui.Text("—")
		if revokes {
			end = webui.End(LeasesPath+"/"+string(l.ID)+"/revoke", v.Say("lease.revoke"), v.Say("lease.revoke.of", "title", l.Title, "holder", names[l.Person]))
		}
		page.Rows = append(page.Rows, webui.Row{Href: askOf(l), Cells: []templ.Component{
			webui.Text(l.Title), webui.Text(names[l.Person]), webui.Ago(l.Since), webui.At(l.Until, v.Say("ask.length.endless")), state, end,
		}})
	}
	if next != "" {
		page.After = webui.Pager("", LeasesPath+"?cursor="+url.QueryEscape(string(next)))
	}
	return v.Show(page.Heading, webui.ShowThings(page))
}

func (h *Hall) saveRevoked(v *web.Visit) error {
	in, err := here(v)
	if err == nil {
		_, err = h.Revoke(v.Context(), v.Actor().Principal, in, id.Lease(v.Path("lease")))
	}
	if err != nil {
		return err
	}
	return v.See(LeasesPath + "?done=revoked")
}

func (h *Hall) showPolicies(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	all, err := h.Policies(v.Context(), in)
	if err != nil {
		return err
	}
	page := webui.Things{
		Heading: v.Say("approval.list"), Lead: v.Say("approval.list.lead"), Saved: done(v), None: v.Say("approval.none"), NoneDo: v.Say("approval.none.do"),
		Columns: []string{v.Say("ask.name"), v.Say("approval.place"), v.Say("approval.kinds"), v.Say("approval.when"), v.Say("approval.stages")},
	}
	for _, p := range all {
		page.Rows = append(page.Rows, webui.Row{Href: PoliciesPath + "/" + p.ID, Cells: []templ.Component{
			webui.Text(p.Name), webui.Text(strconv.Itoa(p.Place)), webui.Text(h.kindsLine(v, p.Kinds)), webui.Text(orDash(p.When)), webui.Text(strconv.Itoa(len(p.Stages))),
		}})
	}
	return v.Show(page.Heading, webui.ShowThings(page))
}

func orDash(text string) string {
	if text == "" {
		return "—"
	}
	return text
}

func (h *Hall) kindsLine(v *web.Visit, kinds []string) string {
	if len(kinds) == 0 {
		return v.Say("approval.kinds.all")
	}
	var all []string
	for _, kind := range kinds {
		all = append(all, v.Say("ask.kind."+kind))
	}
	return strings.Join(all, v.Say("ask.comma"))
}

// showPolicy says what a policy says, in words, with the people as they are
// called.
func (h *Hall) showPolicy(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	p, err := h.GetPolicy(v.Context(), in, v.Path("approval"))
	if err != nil {
		return err
	}
	rename, err := h.names(v, in)
	if err != nil {
		return err
	}
	named := func(all []Approver) string {
		var names []string
		for _, a := range all {
			names = append(names, rename(string(a)))
		}
		return strings.Join(names, v.Say("ask.comma"))
	}
	form := webui.SettingForm{
		Heading: p.Name, Lead: v.Say("approval.lead"), Action: PoliciesPath + "/" + p.ID + "/delete", Back: PoliciesPath, Submit: v.Say("approval.delete"), Kind: webui.Danger,
		Notes: []string{v.Say("approval.about.kinds", "kinds", h.kindsLine(v, p.Kinds)), v.Say("approval.about.when", "when", orDash(p.When))},
	}
	for i, stage := range p.Stages {
		for _, g := range stage.Groups {
			form.Notes = append(form.Notes, v.Say("approval.about.stage", "n", strconv.Itoa(i+1), "need", strconv.Itoa(g.Need), "who", named(g.Approvers)))
		}
	}
	for _, r := range p.Rules {
		form.Notes = append(form.Notes, v.Say("approval.about.rule", "rule", r.Name, "when", r.When))
	}
	form.Notes = append(form.Notes, v.Say("approval.about.fallback", "who", orDash(named(p.Fallback))),
		v.Say("approval.about.times", "most", lasts(v, p.Most), "expires", lasts(v, p.Expires)))
	if err := v.About("approval-policy:" + p.ID); err != nil {
		return err
	}
	return v.Show(p.Name, webui.EditSetting(form))
}

func (h *Hall) savePolicyGone(v *web.Visit) error {
	in, err := here(v)
	if err == nil {
		err = h.EndPolicy(v.Context(), v.Actor().Principal, in, v.Path("approval"))
	}
	if err != nil {
		return err
	}
	return v.See(PoliciesPath + "?done=deleted")
}
