package presence

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/presence/ui"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Path is where an organization says how surely its cards are decided.
const Path = "/admin/card-policies"

// fresh is the word in the path of a policy that is not there yet.
const fresh = "new"

// Pages registers the pages for people.
func (k *Desk) Pages(m *web.Mux) {
	get := func(path string) web.Route {
		return web.Route{Method: http.MethodGet, Path: path, Permission: Permission}
	}
	post := func(path string) web.Route {
		return web.Route{Method: http.MethodPost, Path: path, Permission: Permission, Fresh: web.Recent}
	}
	m.Page(get(Path), k.showPolicies)
	m.Page(get(Path+"/{card_policy}"), k.showPolicy)
	m.Page(post(Path+"/{card_policy}"), k.savePolicy)
	m.Page(post(Path+"/{card_policy}/delete"), k.saveGone)
}

// here is the organization of the console.
func here(v *web.Visit) (id.Org, error) {
	if v.Actor().Org == "" {
		return "", fault.New(fault.NotFound, "organization-unknown")
	}
	return v.Actor().Org, nil
}

func (k *Desk) systems(v *web.Visit, in id.Org) (all []connector.System, err error) {
	err = k.Store.Org(in).Read(v.Context(), func(view *store.View) (err error) {
		all, err = connector.Loaded(view)
		return err
	})
	return all, err
}

func (k *Desk) showPolicies(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	all, err := k.Policies(v.Context(), in)
	if err != nil {
		return err
	}
	systems, err := k.systems(v, in)
	if err != nil {
		return err
	}
	page := webui.Things{
		Heading: v.Say("card.policies"), Lead: v.Say("card.policies.lead"), New: Path + "/" + fresh, NewText: v.Say("card.policies.new"),
		None: v.Say("card.policies.none"), NoneDo: v.Say("card.policies.none.do"),
		Columns: []string{v.Say("card.policy.name"), v.Say("card.policy.about"), v.Say("card.policy.level"), v.Say("card.policy.age")},
	}
	if done := v.Query("done"); done == "saved" || done == "deleted" {
		page.Saved = v.Say("card.policy.done." + done)
	}
	for _, p := range all {
		page.Rows = append(page.Rows, webui.Row{Href: Path + "/" + p.ID, Cells: []templ.Component{
			webui.Text(p.Name), webui.Text(about(v, p, systems)), webui.Text(LevelSaid(v, p.Level)), webui.Text(withinSaid(v, p.Within)),
		}})
	}
	return v.Show(page.Heading, webui.ShowThings(page))
}

// LevelSaid says a level for people.
func LevelSaid(v *web.Visit, level string) string {
	if level == "" {
		level = "any"
	}
	return v.Say("card.policy.level." + level)
}

func withinSaid(v *web.Visit, d time.Duration) string {
	if d == 0 {
		return v.Say("card.policy.within.session")
	}
	return v.Say("card.policy.within.minutes", "minutes", strconv.Itoa(int(d.Minutes())))
}

// about says in a line what a policy is about.
func about(v *web.Visit, p Policy, systems []connector.System) string {
	var parts []string
	for _, kind := range p.Kinds {
		parts = append(parts, v.Say("card.policy.kind."+kind))
	}
	for _, s := range systems {
		if slices.Contains(p.Systems, s.ID) {
			parts = append(parts, s.Shown())
		}
	}
	if p.When != "" {
		parts = append(parts, p.When)
	}
	if p.Urgent {
		parts = append(parts, v.Say("card.policy.urgent.short"))
	}
	if len(parts) == 0 {
		return v.Say("card.policy.every")
	}
	return strings.Join(parts, " · ")
}

func (k *Desk) showPolicy(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	p := Policy{Org: in, Spec: Spec{Level: Passkey, Within: web.Recent}}
	if which := v.Path("card_policy"); which != fresh {
		if p, err = k.Policy(v.Context(), in, which); err == nil {
			err = v.About("card-policy:" + p.ID)
		}
		if err != nil {
			return err
		}
	}
	return k.policyPage(v, p, strconv.Itoa(int(p.Within.Minutes())), nil, http.StatusOK)
}

// policyPage shows a policy as it was typed.
func (k *Desk) policyPage(v *web.Visit, p Policy, minutes string, f *fault.Fault, status int) error {
	systems, err := k.systems(v, p.Org)
	if err != nil {
		return err
	}
	which := v.Path("card_policy")
	page := ui.Policy{
		Heading: v.Say("card.policies.new"), Lead: v.Say("card.policy.lead"), Action: Path + "/" + url.PathEscape(which), Back: Path,
		Name:   webui.Input{Name: "name", Label: v.Say("card.policy.name"), Hint: v.Say("card.policy.name.hint"), Value: p.Name, Required: true, Max: 64},
		Kinds:  webui.Pick{Name: "kinds", Legend: v.Say("card.policy.kinds"), Hint: v.Say("card.policy.kinds.hint")},
		When:   webui.Input{Name: "when", Label: v.Say("card.policy.when"), Hint: v.Say("card.policy.when.hint"), Kind: "textarea", Rows: 2, Value: p.When, Max: 2000},
		Level:  webui.Pick{Name: "level", Legend: v.Say("card.policy.level"), Hint: v.Say("card.policy.level.hint"), One: true},
		Within: webui.Input{Name: "within", Label: v.Say("card.policy.within"), Hint: v.Say("card.policy.within.hint"), Kind: "number", Value: strings.TrimPrefix(minutes, "0"), Max: 5},
		Urgent: webui.Pick{Name: "urgent", Legend: v.Say("card.policy.urgent"), Choices: []webui.Choice{
			{Value: "yes", Text: v.Say("card.policy.urgent.yes"), Hint: v.Say("card.policy.urgent.hint"), On: p.Urgent},
		}},
	}
	for _, kind := range Kinds {
		page.Kinds.Choices = append(page.Kinds.Choices, webui.Choice{Value: kind, Text: v.Say("card.policy.kind." + kind), On: slices.Contains(p.Kinds, kind)})
	}
	for _, level := range append([]string{""}, Levels...) {
		page.Level.Choices = append(page.Level.Choices, webui.Choice{Value: level, Text: LevelSaid(v, level), On: p.Level == level})
	}
	if len(systems) > 0 {
		page.Systems = &webui.Pick{Name: "systems", Legend: v.Say("card.policy.systems"), Hint: v.Say("card.policy.systems.hint")}
		for _, s := range systems {
			page.Systems.Choices = append(page.Systems.Choices, webui.Choice{Value: string(s.ID), Text: s.Shown(), On: slices.Contains(p.Systems, s.ID)})
		}
	}
	if which != fresh {
		page.Heading, page.Version = p.Name, strconv.FormatInt(p.Version, 10)
		page.Delete = Path + "/" + url.PathEscape(which) + "/delete"
	}
	if f != nil {
		refuse(v, &page, f)
	}
	return v.ShowStatus(status, page.Heading, ui.ShowPolicy(page))
}

// refuse puts the fault's sentences where they belong.
func refuse(v *web.Visit, page *ui.Policy, f *fault.Fault) {
	page.Problem, page.Do = v.Say("problem."+f.Code, f.Args.Pairs()...), v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
	for _, bad := range f.Fields {
		said := v.Say("problem."+bad.Code, bad.Args.Pairs()...)
		switch bad.Path {
		case "name":
			page.Name.Error = said
		case "when":
			page.When.Error = said
		case "within":
			page.Within.Error = said
		case "kinds":
			page.Kinds.Error = said
		case "systems":
			if page.Systems != nil {
				page.Systems.Error = said
			}
		default:
			page.Level.Error = said
		}
	}
}

// typedPolicy reads a policy from the form.
func typedPolicy(in id.Org, typed url.Values) (p Policy, f *fault.Fault) {
	p = Policy{Org: in, Name: strings.TrimSpace(typed.Get("name")), Spec: Spec{
		Kinds: typed["kinds"], When: strings.TrimSpace(typed.Get("when")), Level: typed.Get("level"), Urgent: typed.Get("urgent") == "yes",
	}}
	for _, which := range typed["systems"] {
		p.Systems = append(p.Systems, id.Connector(which))
	}
	if text := strings.TrimSpace(typed.Get("within")); text != "" {
		minutes, err := strconv.Atoi(text)
		if err != nil || minutes < 0 || minutes > int(withinMost/time.Minute) {
			var bad fault.Checks
			bad.Add("within", "card-policy-minutes")
			return p, bad.Fault("card-policy-invalid")
		}
		p.Within = time.Duration(minutes) * time.Minute
	}
	return p, nil
}

func (k *Desk) savePolicy(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	p, f := typedPolicy(in, typed)
	if which := v.Path("card_policy"); which != fresh {
		if _, err := k.Policy(v.Context(), in, which); err != nil {
			return err
		}
		version, _ := strconv.ParseInt(typed.Get("version"), 10, 64) // 0 is another version than any
		p.ID, p.Version = which, max(version, 1)
	}
	if f == nil {
		_, err = k.Put(v.Context(), v.Actor().Principal, p)
		if f = fault.As(err); f == nil && err != nil || f != nil && f.Kind != fault.Invalid && f.Kind != fault.Conflict {
			return err
		}
	}
	if f != nil {
		return k.policyPage(v, p, typed.Get("within"), f, f.Status())
	}
	return v.See(Path + "?done=saved")
}

func (k *Desk) saveGone(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	if err := k.Drop(v.Context(), v.Actor().Principal, in, v.Path("card_policy")); err != nil {
		return err
	}
	return v.See(Path + "?done=deleted")
}

// againPath is where somebody proves once more who they are.
const againPath = "/signin/again"

// Again is where a refusal of Demand.Refuse is lifted; it leads back.
func Again(f *fault.Fault, back string) string {
	q := url.Values{"back": {back}}
	if level, _ := f.Args["level"].(string); level != "" {
		q.Set("need", level)
	}
	return againPath + "?" + q.Encode()
}

// factorsPath is where people get what they can prove more with.
const factorsPath = "/settings/security"

// Said says before anybody presses what they are asked for, and, back from
// there, what came of it; lacks is where they get what they could not show.
func Said(v *web.Visit, d Demand, back bool) (text, lacks string) {
	actor := v.Actor()
	level := d.Level
	if level == "" {
		level = "any"
	}
	switch {
	case !d.Asks():
		if back {
			text = v.Say("card.proof.kept")
		}
	case d.Refuse(Of(actor), v.Now()) == nil && back:
		text = v.Say("card.proof.kept")
	case d.Refuse(Of(actor), v.Now()) == nil:
		text = v.Say("card.proof.given")
	case back && v.Now().Sub(actor.At) < 2*time.Minute:
		return v.Say("card.proof.weak." + level), factorsPath
	default:
		text = v.Say("card.proof.asks." + level)
	}
	return text, ""
}
