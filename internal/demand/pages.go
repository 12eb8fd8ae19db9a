package demand

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/demand/ui"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Path is where an organization says how people sign in.
const Path = "/admin/sign-in"

func (r *Rules) pages(m *web.Mux) {
	route := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: Manage}
	}
	fresh := func(path string) web.Route {
		one := route(http.MethodPost, path)
		one.Fresh = web.Recent
		return one
	}
	m.Page(route(http.MethodGet, Path), r.showPolicies)
	m.Page(route(http.MethodGet, Path+"/new"), r.showPolicy)
	m.Page(fresh(Path+"/new"), r.savePolicy)
	m.Page(route(http.MethodGet, Path+"/{policy}"), r.showPolicy)
	m.Page(fresh(Path+"/{policy}"), r.savePolicy)
}

func (r *Rules) showPolicies(v *web.Visit) error {
	org := v.Actor().Org
	all, err := r.Policies(v.Context(), org)
	if err != nil {
		return err
	}
	names, err := r.targetNames(v)
	if err != nil {
		return err
	}
	page := ui.Policies{New: Path + "/new"}
	if done := v.Query("done"); done == "saved" || done == "deleted" {
		page.Saved = v.Say("signin.policy." + done)
	}
	for _, p := range all {
		page.Items = append(page.Items, ui.PolicyItem{
			Href: Path + "/" + p.ID, Name: p.Name, Require: MethodNames(v, p.Require), Weak: slices.Contains(p.Require, factor.ByMail),
			AppliesTo: p.appliesTo(v, names), Session: sessionSaid(v, p),
		})
	}
	return v.Show(v.Say("signin.policies"), ui.ShowPolicies(page))
}

// MethodNames says which methods are meant, in words.
func MethodNames(v *web.Visit, methods []factor.Method) string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = v.Say("signin.method." + string(m))
	}
	if len(names) == 0 {
		return v.Say("signin.method.any")
	}
	return strings.Join(names, v.Say("signin.and"))
}

// targetNames are the names of the organization's roles and groups by id.
func (r *Rules) targetNames(v *web.Visit) (map[string]string, error) {
	names := map[string]string{}
	roles, err := r.register.Roles(v.Context(), v.Actor().Org)
	if err != nil {
		return nil, err
	}
	for _, role := range roles {
		names[string(role.ID)] = roleTitle(v, role)
	}
	groups, err := r.register.Groups(v.Context(), v.Actor().Org)
	for _, g := range groups {
		names[string(g.ID)] = g.Title
	}
	return names, err
}

func roleTitle(v *web.Visit, role org.Role) string {
	if role.BuiltIn {
		return v.Say("role." + role.Name)
	}
	return role.Title
}

func (p SignInPolicy) appliesTo(v *web.Visit, names map[string]string) string {
	var all []string
	for _, role := range p.Roles {
		all = append(all, names[string(role)])
	}
	for _, g := range p.Groups {
		all = append(all, names[string(g)])
	}
	if len(all) == 0 {
		return v.Say("signin.policy.everybody")
	}
	return strings.Join(all, v.Say("signin.or"))
}

func sessionSaid(v *web.Visit, p SignInPolicy) string {
	idle, absolute := p.Idle, p.Absolute
	if idle == 0 {
		idle = DefaultIdle
	}
	if absolute == 0 {
		absolute = DefaultAbsolute
	}
	return v.Say("signin.policy.bounds", "idle", minutes(idle), "absolute", minutes(absolute))
}

func minutes(d time.Duration) string { return strconv.FormatInt(int64(d/time.Minute), 10) }

func (r *Rules) showPolicy(v *web.Visit) error {
	p := SignInPolicy{Org: v.Actor().Org}
	if which := v.Path("policy"); which != "" {
		var err error
		if p, err = r.Policy(v.Context(), p.Org, which); err != nil {
			return err
		}
	}
	form, err := r.policyForm(v, p, nil)
	if err == nil && p.ID != "" {
		err = v.About("sign-in-policy:" + p.ID)
	}
	if err != nil {
		return err
	}
	return v.Show(form.Heading, ui.EditPolicy(form))
}

func (r *Rules) savePolicy(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	p, gone := SignInPolicy{Org: v.Actor().Org, ID: v.Path("policy")}, typed.Get("do") == "delete" && v.Path("policy") != ""
	bad := p.read(typed)
	save, done := func() error { _, err := r.PutPolicy(v.Context(), v.Actor().Principal, p); return err }, "saved"
	if gone {
		bad, done = nil, "deleted"
		save = func() error { return r.DropPolicy(v.Context(), v.Actor().Principal, p.Org, p.ID) }
	}
	var foreseen webui.Foreseen
	if bad == nil {
		if foreseen, err = r.savedOnceSeen(v, p, gone, save); err == nil && foreseen.Digest == "" {
			return v.See(Path + "?done=" + done)
		}
		bad = fault.As(err)
	}
	if err != nil && (bad == nil || gone || bad.Kind == fault.Broken || bad.Kind == fault.Busy) {
		return err
	}
	form, err := r.policyForm(v, p, typed)
	if err != nil {
		return err
	}
	form.Foreseen, form.Ends = foreseen, gone
	if bad == nil {
		return v.Show(form.Heading, ui.EditPolicy(form))
	}
	refusePolicy(v, &form, bad)
	return v.ShowStatus(bad.Status(), form.Heading, ui.EditPolicy(form))
}

// savedOnceSeen saves what was shown with its consequences, or has none; else it
// returns what to show first.
func (r *Rules) savedOnceSeen(v *web.Visit, p SignInPolicy, gone bool, save func() error) (webui.Foreseen, error) {
	if err := v.Rehearse(save); err != nil {
		return webui.Foreseen{}, err
	}
	lines, err := r.foreseePolicy(v, p, gone)
	if err != nil {
		return webui.Foreseen{}, err
	}
	typed, err := v.Form()
	if err != nil {
		return webui.Foreseen{}, err
	}
	if f := web.Foreseen(typed, lines); !web.Seen(typed, f) {
		return f, nil
	}
	return webui.Foreseen{}, save()
}

// read takes what was typed; minutes that are no numbers are said.
func (p *SignInPolicy) read(typed url.Values) *fault.Fault {
	var bad fault.Checks
	p.Name = strings.TrimSpace(typed.Get("name"))
	for _, m := range typed["require"] {
		p.Require = append(p.Require, factor.Method(m))
	}
	for _, role := range typed["roles"] {
		p.Roles = append(p.Roles, id.Role(role))
	}
	for _, g := range typed["groups"] {
		p.Groups = append(p.Groups, id.Group(g))
	}
	duration := func(path string) time.Duration {
		text := strings.TrimSpace(typed.Get(path))
		n, err := strconv.ParseInt(text, 10, 32)
		if text != "" && (err != nil || n < 0) {
			bad.Add(path, "field-not-integer")
		}
		return time.Duration(n) * time.Minute
	}
	p.Idle, p.Absolute = duration("session.idle"), duration("session.absolute")
	p.Wish = factor.PasskeyWish{
		Attestation: typed.Get("attestation") != "", Allow: strings.Fields(typed.Get("allow")), Deny: strings.Fields(typed.Get("deny")),
	}
	version, err := strconv.ParseInt(typed.Get("version"), 10, 64)
	if err != nil {
		bad.Add("version", "field-not-integer")
	}
	p.Version = version
	return bad.Fault("policy-invalid")
}

func (r *Rules) policyForm(v *web.Visit, p SignInPolicy, typed url.Values) (ui.PolicyForm, error) {
	form := ui.PolicyForm{
		Heading: v.Say("signin.policy.new"), Action: Path + "/new", Back: Path, Version: strconv.FormatInt(p.Version, 10),
	}
	if p.ID != "" {
		form.Heading, form.Action, form.Remove = v.Say("signin.policy.edit"), Path+"/"+p.ID, Path
	}
	input := func(name, value string) webui.Input {
		if typed != nil {
			value = typed.Get(name)
		}
		return webui.Input{Name: name, Label: v.Say("signin.policy." + name), Hint: v.Say("signin.policy." + name + ".hint"), Value: value}
	}
	form.Name = input("name", p.Name)
	form.Name.Required, form.Name.Max = true, 64
	form.Idle, form.Absolute = input("session.idle", minutesOr(p.Idle)), input("session.absolute", minutesOr(p.Absolute))
	form.Allow, form.Deny = input("allow", strings.Join(p.Wish.Allow, "\n")), input("deny", strings.Join(p.Wish.Deny, "\n"))
	form.Allow.Kind, form.Deny.Kind = "textarea", "textarea"
	form.Require = webui.Pick{Name: "require", Legend: v.Say("signin.policy.require"), Hint: v.Say("signin.policy.require.hint")}
	for _, m := range factor.Requirable {
		form.Require.Choices = append(form.Require.Choices, webui.Choice{
			Value: string(m), Text: v.Say("signin.method." + string(m)), Hint: v.Say("signin.method." + string(m) + ".hint"), On: slices.Contains(p.Require, m),
		})
	}
	form.Attestation = webui.Pick{Name: "attestation", Legend: v.Say("signin.policy.attestation"), Hint: v.Say("signin.policy.attestation.hint"), Choices: []webui.Choice{
		{Value: "yes", Text: v.Say("signin.policy.attestation.yes"), On: p.Wish.Attestation},
	}}
	return form, r.policyTargets(v, p, &form)
}

func minutesOr(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return minutes(d)
}

func (r *Rules) policyTargets(v *web.Visit, p SignInPolicy, form *ui.PolicyForm) error {
	form.Roles = webui.Pick{Name: "roles", Legend: v.Say("signin.policy.roles"), Hint: v.Say("signin.policy.roles.hint")}
	form.Groups = webui.Pick{Name: "groups", Legend: v.Say("signin.policy.groups")}
	roles, err := r.register.Roles(v.Context(), p.Org)
	if err != nil {
		return err
	}
	for _, role := range roles {
		form.Roles.Choices = append(form.Roles.Choices, webui.Choice{Value: string(role.ID), Text: roleTitle(v, role), On: slices.Contains(p.Roles, role.ID)})
	}
	groups, err := r.register.Groups(v.Context(), p.Org)
	for _, g := range groups {
		form.Groups.Choices = append(form.Groups.Choices, webui.Choice{Value: string(g.ID), Text: g.Title, On: slices.Contains(p.Groups, g.ID)})
	}
	return err
}

// refusePolicy puts the fault's sentences where they belong.
func refusePolicy(v *web.Visit, form *ui.PolicyForm, f *fault.Fault) {
	form.Problem, form.Do = v.Say("problem."+f.Code, f.Args.Pairs()...), v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
	for _, bad := range f.Fields {
		said := v.Say("problem."+bad.Code, bad.Args.Pairs()...)
		switch bad.Path {
		case "name":
			form.Name.Error = said
		case "require":
			form.Require.Error = said
		case "session.idle":
			form.Idle.Error = said
		case "session.absolute":
			form.Absolute.Error = said
		case "passkeys":
			form.Allow.Error = said
		case "applies_to":
			form.Roles.Error = said
		}
	}
}
