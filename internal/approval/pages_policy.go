package approval

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/approval/ui"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// fresh is the word in the path of a policy that is not there yet.
const fresh = "new"

// begun is what the form of a new policy begins with.
const begun = `applies_to: {kinds: [group]}
stages:
  - approvers: [manager]
fallback: [role:administrator]
max_duration: 8h
`

func (r *Room) calls(ctx context.Context, in id.Org) (c calls, err error) {
	err = r.hall.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		c, err = callsIn(v, in)
		return err
	})
	return c, err
}

func (r *Room) showPolicy(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	p, typed := request.ApprovalPolicy{}, url.Values{"spec": {begun}}
	if v.Path("approval") != fresh {
		if p, err = r.hall.GetPolicy(v.Context(), in, v.Path("approval")); err != nil {
			return err
		}
		c, err := r.calls(v.Context(), in)
		if err != nil {
			return err
		}
		text, err := yaml.Encode(specOf(p, c.name))
		if err != nil {
			return err
		}
		typed = url.Values{"name": {p.Name}, "version": {strconv.FormatInt(p.Version, 10)}, "spec": {strings.TrimPrefix(string(text), "---\n")}}
		if err := v.About("approval-policy:" + p.ID); err != nil {
			return err
		}
	}
	return r.policyPage(v, in, typed, nil, http.StatusOK)
}

// policyPage shows a policy as it was typed.
func (r *Room) policyPage(v *web.Visit, in id.Org, typed url.Values, f *fault.Fault, status int) error {
	which := v.Path("approval")
	form := webui.SettingForm{
		Heading: v.Say("approval.new"), Lead: v.Say("approval.lead"), Action: PoliciesPath + "/" + url.PathEscape(which), Back: PoliciesPath, Submit: v.Say("approval.save"), Kind: webui.Main,
		Fields: []webui.Input{
			{Name: "name", Label: v.Say("ask.name"), Hint: v.Say("approval.name.hint"), Value: typed.Get("name"), Required: true, Max: 64},
			{Name: "spec", Label: v.Say("approval.spec"), Hint: v.Say("approval.spec.hint"), Kind: "textarea", Value: typed.Get("spec"), Required: true, Rows: 18},
		},
	}
	page := ui.Policy{Saved: done(v)}
	if which != fresh {
		form.Heading = typed.Get("name")
		form.Action += "?version=" + url.QueryEscape(typed.Get("version"))
		page.Delete = PoliciesPath + "/" + url.PathEscape(which) + "/delete"
		try, err := r.tried(v, in)
		if err != nil {
			return err
		}
		page.Try = &try
	}
	if f != nil {
		r.refused(v, &form, f)
	}
	page.Form = form
	return v.ShowStatus(status, form.Heading, ui.ShowPolicy(page))
}

// refused says everything that is wrong; all but the name stands in the text.
func (r *Room) refused(v *web.Visit, form *webui.SettingForm, f *fault.Fault) {
	refuse(v, form, f)
	var lines []string
	for _, bad := range f.Fields {
		if bad.Path != "name" {
			lines = append(lines, bad.Path+": "+v.Say("problem."+bad.Code, bad.Args.Pairs()...))
		}
	}
	if len(lines) > 0 {
		form.Fields[1].Error = strings.Join(lines, " ")
	}
}

func (r *Room) savePolicy(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	p, f, err := r.typedPolicy(v.Context(), in, typed)
	if err != nil {
		return err
	}
	if which := v.Path("approval"); which != fresh {
		version, _ := strconv.ParseInt(v.Query("version"), 10, 64) // 0 is another version than any
		p.ID, p.Version = which, max(version, 1)
		typed.Set("version", v.Query("version"))
	}
	if f == nil {
		p, err = r.hall.PutPolicy(v.Context(), v.Actor().Principal, p)
		if f = fault.As(err); f != nil && (f.Kind == fault.NotFound || f.Kind == fault.Busy) || f == nil && err != nil {
			return err
		}
	}
	if f != nil {
		return r.policyPage(v, in, typed, f, f.Status())
	}
	return v.See(PoliciesPath + "/" + p.ID + "?done=saved")
}

// typedPolicy reads a policy from its text, in which things are called by name.
func (r *Room) typedPolicy(ctx context.Context, in id.Org, typed url.Values) (p request.ApprovalPolicy, f *fault.Fault, err error) {
	var bad fault.Checks
	var s policySpec
	docs, broken := yaml.Parse("policy", []byte(typed.Get("spec")), yaml.Limits{})
	if broken == nil && len(docs) == 1 {
		broken = yaml.Decode(docs[0], &s)
	}
	if text := fault.As(broken); text != nil {
		for _, field := range text.Fields {
			bad.Add(field.Path, field.Code, field.Args.Pairs()...)
		}
	}
	if broken != nil || len(docs) != 1 {
		bad.Add("spec", "policy-not-readable")
		return p, bad.Fault("policy-invalid"), nil
	}
	c, err := r.calls(ctx, in)
	if err != nil {
		return p, nil, err
	}
	p = s.policy(strings.TrimSpace(typed.Get("name")), func(text string) string {
		kind, name := request.Approver(text).Split()
		switch {
		case manifestKinds[kind] == "" || kind == "role" && org.IsBuiltIn(name):
			return text
		case c.ids[text] == "":
			bad.Add("spec", "policy-name-unknown", "name", text)
		}
		return c.ids[text]
	})
	p.Org = in
	return p, bad.Fault("policy-invalid"), nil
}

// tried says who would decide about what somebody asks for, by the policies as
// they are saved.
func (r *Room) tried(v *web.Visit, in id.Org) (ui.Try, error) {
	t := ui.Try{Action: PoliciesPath + "/" + url.PathEscape(v.Path("approval")) + "#tried", Fields: []webui.Input{
		{Name: "person", Label: v.Say("approval.try.person"), Value: v.Query("person"), Required: true, Max: org.LoginMost, Half: true},
		{Name: "target", Label: v.Say("approval.try.target"), Hint: v.Say("approval.try.target.hint"), Value: v.Query("target"), Required: true, Max: 80, Half: true},
	}}
	if v.Query("target") == "" {
		return t, nil
	}
	c, err := r.calls(v.Context(), in)
	if err != nil {
		return t, err
	}
	kind, which := request.Approver(v.Query("target")).Split()
	if known := c.ids[v.Query("target")]; known != "" {
		_, which = request.Approver(known).Split()
	}
	_, who := request.Approver(c.ids["person:"+v.Query("person")]).Split()
	p, err := r.hall.Preview(v.Context(), id.Person(who), request.Wanted{Org: in, Kind: kind, Target: which, Reason: "—", Length: time.Minute})
	if f := fault.As(err); f != nil {
		t.Error = v.Say("problem."+f.Code, f.Args.Pairs()...)
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.Policy = v.Say("approval.try.applies", "policy", p.Policy.Name)
	if p.Rule != nil {
		t.Lines = append(t.Lines, v.Say("ask.rule", "rule", p.Rule.Name))
	}
	if p.Nobody {
		t.Error = v.Say("problem.ask-nobody-decides")
	}
	for i, stage := range p.Stages {
		for _, g := range stage.Groups {
			t.Lines = append(t.Lines, v.Say("ask.stage", "n", strconv.Itoa(i+1))+" — "+seatsLine(v, g))
		}
	}
	return t, nil
}
