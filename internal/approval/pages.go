package approval

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/request"
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

// Pages registers the pages for people.
func (r *Room) Pages(m *web.Mux) {
	asks{r.hall, r.Options}.pages(m)
	page := func(method, path, permission string, handler web.Handler) {
		m.Page(web.Route{Method: method, Path: path, Permission: permission}, handler)
	}
	page(http.MethodGet, LeasesPath, lease.Read, r.showLeases)
	page(http.MethodPost, LeasesPath+"/{lease}/revoke", lease.Revoke, r.saveRevoked)
	page(http.MethodGet, PoliciesPath, request.Policy, r.showPolicies)
	page(http.MethodGet, PoliciesPath+"/{approval}", request.Policy, r.showPolicy)
	page(http.MethodPost, PoliciesPath+"/{approval}", request.Policy, r.savePolicy)
	page(http.MethodPost, PoliciesPath+"/{approval}/delete", request.Policy, r.savePolicyGone)
	page(http.MethodGet, DelegationPath, web.SignedIn, r.showDelegations)
	page(http.MethodGet, DelegationPath+"/new", web.SignedIn, r.showNewDelegation)
	page(http.MethodPost, DelegationPath+"/new", web.SignedIn, r.saveDelegation)
	page(http.MethodPost, DelegationPath+"/{delegation}/end", web.SignedIn, r.saveDelegationGone)
}

// here is the organization of the console.
func here(v *web.Visit) (id.Org, error) {
	if v.Actor().Org == "" {
		return "", fault.New(fault.NotFound, "organization-unknown")
	}
	return v.Actor().Org, nil
}

func (r *Room) showLeases(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	all, next, err := r.hall.Ledger.In(v.Context(), in, lease.Query{Person: id.Person(v.Query("person")), Cursor: id.Lease(v.Query("cursor"))})
	if err != nil {
		return err
	}
	who := make([]id.Person, len(all))
	for i, l := range all {
		who[i] = l.Person
	}
	names, err := r.hall.Register.Names(v.Context(), who)
	if err != nil {
		return err
	}
	revokes := v.May(lease.Revoke, string(in)) == nil
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
		page.Rows = append(page.Rows, webui.Row{Href: pageOf(l), Cells: []templ.Component{
			webui.Text(l.Title), webui.Text(names[l.Person]), webui.Ago(l.Since), webui.At(l.Until, v.Say("ask.length.endless")), state, end,
		}})
	}
	if next != "" {
		page.After = webui.Pager("", LeasesPath+"?cursor="+url.QueryEscape(string(next)))
	}
	return v.Show(page.Heading, webui.ShowThings(page))
}

func (r *Room) saveRevoked(v *web.Visit) error {
	in, err := here(v)
	if err == nil {
		_, err = r.hall.Revoke(v.Context(), v.Actor().Principal, in, id.Lease(v.Path("lease")))
	}
	if err != nil {
		return err
	}
	return v.See(LeasesPath + "?done=revoked")
}

func (r *Room) showPolicies(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	all, err := r.hall.Policies(v.Context(), in)
	if err != nil {
		return err
	}
	page := webui.Things{
		Heading: v.Say("approval.list"), Lead: v.Say("approval.list.lead"), Saved: done(v), New: PoliciesPath + "/new", NewText: v.Say("approval.new"), None: v.Say("approval.none"), NoneDo: v.Say("approval.none.do"),
		Columns: []string{v.Say("ask.name"), v.Say("approval.place"), v.Say("approval.kinds"), v.Say("approval.when"), v.Say("approval.stages")},
	}
	for _, p := range all {
		page.Rows = append(page.Rows, webui.Row{Href: PoliciesPath + "/" + p.ID, Cells: []templ.Component{
			webui.Text(p.Name), webui.Text(strconv.Itoa(p.Place)), webui.Text(r.kindsLine(v, p.Kinds)), webui.Text(orDash(p.When)), webui.Text(strconv.Itoa(len(p.Stages))),
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

func (r *Room) kindsLine(v *web.Visit, kinds []string) string {
	if len(kinds) == 0 {
		return v.Say("approval.kinds.all")
	}
	var all []string
	for _, kind := range kinds {
		all = append(all, v.Say("ask.kind."+kind))
	}
	return strings.Join(all, v.Say("ask.comma"))
}

func (r *Room) savePolicyGone(v *web.Visit) error {
	in, err := here(v)
	if err == nil {
		err = r.hall.EndPolicy(v.Context(), v.Actor().Principal, in, v.Path("approval"))
	}
	if err != nil {
		return err
	}
	return v.See(PoliciesPath + "?done=deleted")
}

// mine are the organizations that somebody belongs to.
func (r *Room) mine(v *web.Visit) (who id.Person, all []webui.Option, err error) {
	if who, err = present(v.Actor()); err != nil {
		return who, nil, err
	}
	g, err := r.hall.Register.Grants(v.Context(), who)
	for _, o := range g.Orgs {
		all = append(all, webui.Option{Value: string(o.ID), Text: o.Title})
	}
	return who, all, err
}
