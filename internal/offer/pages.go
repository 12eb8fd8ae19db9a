package offer

import (
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Where the console keeps them.
const (
	ThingsPath    = "/admin/ask-targets"
	TemplatesPath = "/admin/ask-templates"
)

// Pages registers the pages of the console.
func (r *Room) Pages(m *web.Mux) {
	r.Things.Pages(m)
	r.Templates.Pages(m)
}

func orDash(text string) templ.Component {
	if text == "" {
		text = "—"
	}
	return webui.Text(text)
}

// field is an input with the room's words.
func field(v *web.Visit, key, name, kind string, typed url.Values, most int) webui.Input {
	return webui.Input{Name: name, Label: v.Say(key + "." + name), Hint: v.Say(key + "." + name + ".hint"), Kind: kind, Value: typed.Get(name), Max: most}
}

func titles(v *web.Visit, all []string, named func(string) string, prefix string) string {
	var some []string
	for _, one := range all {
		some = append(some, named(prefix+one))
	}
	return strings.Join(some, v.Say("ask.comma"))
}

func drawnThing() paper.Drawn[Thing] {
	return paper.Drawn[Thing]{
		Path: ThingsPath, Key: "ask-target", Param: "ask_target", Operation: "ask-target", Plural: "ask-targets",
		Columns: func(v *web.Visit) []string {
			return []string{v.Say("ask-target.target"), v.Say("ask-target.owners"), v.Say("ask-target.amount")}
		},
		Row: func(v *web.Visit, p paper.Paper[Thing], named func(string) string) []templ.Component {
			return []templ.Component{
				webui.Text(named(p.Spec.Target)), orDash(titles(v, p.Spec.Owners, named, "person:")), orDash(strings.TrimSpace(p.Spec.Price.Amount + " " + p.Spec.Price.Currency)),
			}
		},
		Field: func(path string) string { return strings.TrimPrefix(path, "price.") },
		Fields: func(v *web.Visit, typed url.Values) []webui.Input {
			f := func(name, kind string, most int) webui.Input { return field(v, "ask-target", name, kind, typed, most) }
			target, amount, currency := f("target", "text", org.LoginMost+10), f("amount", "text", 20), f("currency", "text", 3)
			target.Required, amount.Half, currency.Half = true, true, true
			return []webui.Input{target, f("about", "textarea", textMost), f("owners", "text", 2000), amount, currency, f("attributes", "textarea", 3000)}
		},
		Values: func(s Thing) url.Values {
			var lines []string
			for _, name := range sorted(s.Attributes) {
				lines = append(lines, name+"="+s.Attributes[name])
			}
			return url.Values{
				"target": {s.Target}, "about": {s.About}, "owners": {strings.Join(s.Owners, " ")}, "amount": {s.Price.Amount}, "currency": {s.Price.Currency},
				"attributes": {strings.Join(lines, "\n")},
			}
		},
		Typed: func(_ *web.Visit, t url.Values, bad *fault.Checks) Thing {
			s := Thing{
				Target: paper.Text(t, "target"), About: paper.Text(t, "about"), Owners: strings.Fields(t.Get("owners")),
				Price: Price{paper.Text(t, "amount"), strings.ToUpper(paper.Text(t, "currency"))},
			}
			for _, line := range paper.Lines(t, "attributes") {
				name, value, ok := strings.Cut(line, "=")
				if !ok {
					bad.Add("attributes", "paper-line-unclear", "line", line)
					continue
				}
				if s.Attributes == nil {
					s.Attributes = map[string]string{}
				}
				s.Attributes[strings.TrimSpace(name)] = strings.TrimSpace(value)
			}
			return s
		},
	}
}

func drawnTemplate() paper.Drawn[Template] {
	return paper.Drawn[Template]{
		Path: TemplatesPath, Key: "ask-template", Param: "ask_template", Operation: "ask-template", Plural: "ask-templates",
		Columns: func(v *web.Visit) []string {
			return []string{v.Say("ask-template.title"), v.Say("ask-template.things")}
		},
		Row: func(v *web.Visit, p paper.Paper[Template], named func(string) string) []templ.Component {
			return []templ.Component{webui.Text(p.Spec.Title), orDash(titles(v, p.Spec.Things, named, ""))}
		},
		Fields: func(v *web.Visit, typed url.Values) []webui.Input {
			f := func(name, kind string, most int) webui.Input {
				return field(v, "ask-template", name, kind, typed, most)
			}
			title, things, hours := f("title", "text", titleMost), f("things", "textarea", 2000), f("hours", "number", 5)
			title.Required, things.Required, hours.Half = true, true, true
			return []webui.Input{title, f("about", "textarea", textMost), things, f("reason", "textarea", request.ReasonMost), f("hint", "text", titleMost*2), hours}
		},
		Values: func(s Template) url.Values {
			return url.Values{
				"title": {s.Title}, "about": {s.About}, "things": {strings.Join(s.Things, "\n")}, "reason": {s.Reason}, "hint": {s.Hint}, "hours": {paper.Digits(s.Hours)},
			}
		},
		Typed: func(_ *web.Visit, t url.Values, bad *fault.Checks) Template {
			return Template{
				Title: paper.Text(t, "title"), About: paper.Text(t, "about"), Things: paper.Lines(t, "things"), Reason: paper.Text(t, "reason"), Hint: paper.Text(t, "hint"),
				Hours: paper.Number(t, "hours", bad),
			}
		},
	}
}
