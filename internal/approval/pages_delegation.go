package approval

import (
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) showDelegations(v *web.Visit) error {
	who, _, err := r.mine(v)
	if err != nil {
		return err
	}
	all, err := r.hall.DelegationsOf(v.Context(), who)
	if err != nil {
		return err
	}
	to := make([]id.Person, len(all))
	for i, d := range all {
		to[i] = d.To
	}
	names, err := r.hall.Register.Names(v.Context(), to)
	if err != nil {
		return err
	}
	page := webui.Things{
		Heading: v.Say("delegation.list"), Lead: v.Say("delegation.list.lead"), Saved: done(v), New: DelegationPath + "/new", NewText: v.Say("delegation.new"),
		None: v.Say("delegation.none"), NoneDo: v.Say("delegation.none.do"),
		Columns: []string{v.Say("delegation.to"), v.Say("delegation.starts"), v.Say("delegation.ends"), v.Say("ask.reason"), v.Say("ask.end")},
	}
	for _, d := range all {
		page.Rows = append(page.Rows, webui.Row{Cells: []templ.Component{
			webui.Text(names[d.To]), webui.Time(d.Starts), webui.Time(d.Ends), webui.Text(orDash(d.Reason)),
			webui.End(DelegationPath+"/"+d.ID+"/end?org="+url.QueryEscape(string(d.Org)), v.Say("delegation.end"), v.Say("delegation.end.of", "person", names[d.To])),
		}})
	}
	return v.Show(page.Heading, webui.ShowThings(page))
}

func delegationForm(v *web.Visit, orgs []webui.Option, typed url.Values) webui.SettingForm {
	form := webui.SettingForm{
		Heading: v.Say("delegation.new"), Lead: v.Say("delegation.new.lead"), Action: DelegationPath + "/new", Back: DelegationPath, Submit: v.Say("delegation.save"), Kind: webui.Main,
	}
	if len(orgs) > 1 {
		form.Fields = append(form.Fields, webui.Input{Name: "org", Label: v.Say("ask.org"), Kind: "select", Options: orgs, Value: typed.Get("org"), Required: true})
	}
	form.Fields = append(form.Fields,
		webui.Input{Name: "to", Label: v.Say("delegation.to"), Hint: v.Say("delegation.to.hint"), Value: typed.Get("to"), Required: true, Max: org.LoginMost},
		webui.Input{Name: "starts", Label: v.Say("delegation.starts"), Kind: "datetime-local", Value: typed.Get("starts"), Required: true, Half: true},
		webui.Input{Name: "ends", Label: v.Say("delegation.ends"), Kind: "datetime-local", Value: typed.Get("ends"), Required: true, Half: true},
		webui.Input{Name: "reason", Label: v.Say("ask.reason"), Value: typed.Get("reason"), Max: 200},
	)
	return form
}

func (r *Room) showNewDelegation(v *web.Visit) error {
	_, orgs, err := r.mine(v)
	if err != nil {
		return err
	}
	form := delegationForm(v, orgs, nil)
	return v.Show(form.Heading, webui.EditSetting(form))
}

func (r *Room) saveDelegation(v *web.Visit) error {
	who, orgs, err := r.mine(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	d, err := r.typedDelegation(v, who, orgs, typed)
	if err == nil {
		_, err = r.hall.Delegate(v.Context(), id.OfPerson(who), d)
	}
	if f := fault.As(err); f != nil && (f.Kind == fault.Invalid || f.Kind == fault.Conflict) {
		form := delegationForm(v, orgs, typed)
		refuse(v, &form, f)
		return v.ShowStatus(f.Status(), form.Heading, webui.EditSetting(form))
	}
	if err != nil {
		return err
	}
	return v.See(DelegationPath + "?done=saved")
}

func (r *Room) typedDelegation(v *web.Visit, who id.Person, orgs []webui.Option, typed url.Values) (d request.Delegation, err error) {
	d = request.Delegation{Org: v.Actor().Org, From: who, Reason: strings.TrimSpace(typed.Get("reason"))}
	for _, o := range orgs {
		if d.Org == "" || o.Value == typed.Get("org") {
			d.Org = id.Org(o.Value)
		}
	}
	at := func(name string) time.Time {
		t, err := time.ParseInLocation("2006-01-02T15:04", typed.Get(name), web.TypedZone(typed, name))
		if err != nil {
			return time.Time{}
		}
		return t
	}
	d.Starts, d.Ends = at("starts"), at("ends")
	err = r.hall.Store.Org(d.Org).Read(v.Context(), func(view *store.View) error {
		p, err := r.hall.Register.LoginOf(view, typed.Get("to"))
		if err == nil {
			_, err = org.MemberIn(view, d.Org, p.ID)
		}
		if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
			var bad fault.Checks
			bad.Add("to", "member-unknown")
			return bad.Fault("delegation-invalid")
		}
		d.To = p.ID
		return err
	})
	return d, err
}

func (r *Room) saveDelegationGone(v *web.Visit) error {
	who, err := present(v.Actor())
	if err == nil {
		err = r.hall.EndDelegation(v.Context(), id.OfPerson(who), id.Org(v.Query("org")), v.Path("delegation"))
	}
	if err != nil {
		return err
	}
	return v.See(DelegationPath + "?done=deleted")
}
