package rota

import (
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Path is where the console keeps rotas.
const Path = "/admin/rotas"

const localForm = "2006-01-02T15:04"

func (r *Room) drawn() paper.Drawn[Rota] {
	return paper.Drawn[Rota]{
		Path: Path, Key: "rota", Param: "rota", Operation: "rota", Plural: "rotas",
		Columns: func(v *web.Visit) []string {
			return []string{v.Say("rota.title"), v.Say("rota.now"), v.Say("rota.until"), v.Say("rota.zone")}
		},
		Row: func(v *web.Visit, p paper.Paper[Rota], named func(string) string) []templ.Component {
			now := p.Spec.At(v.Now())
			return []templ.Component{webui.Text(orDash(p.Spec.Title)), who(v, now, named), webui.At(now.Until, "—"), webui.Text(p.Spec.TimeZone)}
		},
		Fields: fields, Values: values, Typed: typed, Below: r.ahead,
	}
}

func orDash(text string) string {
	if text == "" {
		return "—"
	}
	return text
}

func who(v *web.Visit, t Turn, named func(string) string) templ.Component {
	if t.Person == "" {
		return webui.Text(v.Say("rota.nobody"))
	}
	name := named(paper.Person(t.Person))
	if t.Instead {
		name = v.Say("rota.instead", "person", name)
	}
	return webui.Text(name)
}

func fields(v *web.Visit, typed url.Values) []webui.Input {
	field := func(name, kind string, required, half bool) webui.Input {
		return webui.Input{Name: name, Label: v.Say("rota." + name), Hint: v.Say("rota." + name + ".hint"), Kind: kind, Value: typed.Get(name), Required: required, Half: half, Max: 5000}
	}
	zone := field("time_zone", "text", true, true)
	if zone.Value == "" {
		zone.Value = v.Zone().String()
	}
	return []webui.Input{
		field("title", "text", false, false), zone, field("handover", "time", false, true), field("starts", "date", true, true), field("turn", "number", false, true),
		field("people", "textarea", true, false), field("overrides", "textarea", false, false),
	}
}

func values(s Rota) url.Values {
	var lines []string
	for _, o := range s.Overrides {
		lines = append(lines, o.Person+" "+o.From.In(s.zone()).Format(localForm)+" "+o.Until.In(s.zone()).Format(localForm))
	}
	return url.Values{
		"title": {s.Title}, "time_zone": {s.TimeZone}, "handover": {s.Handover}, "starts": {s.Starts}, "turn": {paper.Digits(s.Turn)},
		"people": {strings.Join(s.People, "\n")}, "overrides": {strings.Join(lines, "\n")},
	}
}

// typed reads the form; times of overrides are of the rota's own zone.
func typed(_ *web.Visit, t url.Values, bad *fault.Checks) Rota {
	s := Rota{
		Title: paper.Text(t, "title"), TimeZone: paper.Text(t, "time_zone"), Handover: paper.Text(t, "handover"), Starts: paper.Text(t, "starts"),
		Turn: paper.Number(t, "turn", bad), People: paper.Lines(t, "people"),
	}
	for _, line := range paper.Lines(t, "overrides") {
		parts := strings.Fields(line)
		if len(parts) != 3 {
			bad.Add("overrides", "paper-line-unclear", "line", line)
			continue
		}
		from, err := local(parts[1], s.zone())
		until, err2 := local(parts[2], s.zone())
		if err != nil || err2 != nil {
			bad.Add("overrides", "paper-line-unclear", "line", line)
			continue
		}
		s.Overrides = append(s.Overrides, Override{parts[0], from, until})
	}
	return s
}

func local(text string, zone *time.Location) (time.Time, error) {
	shown, err := time.Parse(localForm, text)
	return moment(day(shown.Date()), shown.Hour(), shown.Minute(), zone), err
}

// aheadShown is how many turns a page shows.
const aheadShown = 8

// ahead is who is on call now and next.
func (r *Room) ahead(v *web.Visit, p paper.Paper[Rota]) (templ.Component, error) {
	calls, err := r.Calls(v.Context(), p.Org)
	if err != nil {
		return nil, err
	}
	var rows []webui.Row
	for _, t := range p.Spec.Next(v.Now(), aheadShown) {
		rows = append(rows, webui.Row{Cells: []templ.Component{who(v, t, calls.Title), webui.Time(t.From), webui.Time(t.Until)}})
	}
	title := v.Say("rota.ahead")
	return webui.Titled("ahead", title, webui.Table(title, []string{v.Say("rota.person"), v.Say("rota.from"), v.Say("rota.until")}, rows)), nil
}
