package sender

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/sender/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Path is where an organization keeps its card senders, GuidePath where their
// programmers read.
const (
	Path      = "/admin/senders"
	GuidePath = "/help/apps"
)

const perPage = 20

func (r *Room) pages(m *web.Mux) {
	read := func(path string, handler web.Handler) {
		m.Page(web.Route{Method: http.MethodGet, Path: path, Permission: Read}, handler)
	}
	write := func(path string, show, save web.Handler) {
		m.Page(web.Route{Method: http.MethodGet, Path: path, Permission: Write}, show)
		m.Page(web.Route{Method: http.MethodPost, Path: path, Permission: Write, Fresh: web.Recent}, save)
	}
	read(Path, r.showSenders)
	write(Path+"/new", r.showNew, r.saveNew)
	read(Path+"/{sender}", r.showSender)
	write(Path+"/{sender}/edit", r.showEdit, r.saveEdit)
	write(Path+"/{sender}/remove", r.askRemove, r.remove)
	write(Path+"/{sender}/tokens/new", r.showNewToken, r.saveToken)
	write(Path+"/{sender}/tokens/{token}/revoke", r.askRevoke, r.revokeToken)
}

func pathOf(which id.Sender, below ...string) string {
	return strings.Join(append([]string{Path, url.PathEscape(string(which))}, below...), "/")
}

// here is the organization of the console.
func here(v *web.Visit) (id.Org, error) {
	if v.Actor().Org == "" {
		return "", fault.New(fault.NotFound, "organization-unknown")
	}
	return v.Actor().Org, nil
}

// done is the sentence for what was just done.
func done(v *web.Visit, keys ...string) string {
	if key := v.Query("done"); slices.Contains(keys, key) {
		return v.Say("sender.done." + key)
	}
	return ""
}

func (r *Room) showSenders(v *web.Visit) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	all, err := r.List(v.Context(), in)
	if err != nil {
		return err
	}
	page := webui.Things{
		Heading: v.Say("sender.list"), Lead: v.Say("sender.list.lead"), Saved: done(v, "removed"), None: v.Say("sender.none"), NoneDo: v.Say("sender.none.do"),
		Columns: []string{v.Say("sender.name"), v.Say("sender.role"), v.Say("sender.audience"), v.Say("sender.callback"), v.Say("sender.state")},
	}
	if v.May(Write, "") == nil {
		page.New, page.NewText = Path+"/new", v.Say("sender.new")
	}
	for _, s := range all {
		page.Rows = append(page.Rows, webui.Row{Href: pathOf(s.ID), Cells: []templ.Component{
			webui.Text(s.Shown()), webui.Text(v.Say("sender.role." + string(s.Role))), webui.Text(audienceLine(v, s)), webui.Text(orDash(s.Callback)), stateBadge(v, s),
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

func stateBadge(v *web.Visit, s Sender) templ.Component {
	if s.Enabled {
		return webui.Badge("good", v.Say("sender.on"))
	}
	return webui.Badge("wait", v.Say("sender.off"))
}

func audienceLine(v *web.Visit, s Sender) string {
	if s.Audience.Everybody {
		return v.Say("sender.everybody")
	}
	var some []string
	for key, n := range map[string]int{"sender.audience.groups": len(s.Audience.Groups), "sender.audience.people": len(s.Audience.People)} {
		if n > 0 {
			some = append(some, v.Say(key, "n", n))
		}
	}
	if len(some) == 0 {
		return v.Say("sender.nobody")
	}
	slices.Sort(some) // a map has no order
	return strings.Join(some, v.Say("sender.comma"))
}

func (r *Room) theSender(v *web.Visit) (Sender, error) {
	in, err := here(v)
	if err != nil {
		return Sender{}, err
	}
	return r.Get(v.Context(), in, id.Sender(v.Path("sender")))
}

func (r *Room) showSender(v *web.Visit) error {
	s, err := r.theSender(v)
	if err != nil {
		return err
	}
	page := ui.Sender{
		Heading: s.Shown(), Lead: v.Say("sender.role." + string(s.Role) + ".lead"), Saved: done(v, "added", "saved", "revoked"), Guide: GuidePath,
		TokenColumns: []string{v.Say("sender.token.made"), v.Say("sender.token.by"), v.Say("sender.token.used"), v.Say("sender.token.ends"), v.Say("sender.token.do")},
		SentColumns:  []string{v.Say("sender.sent.title"), v.Say("sender.sent.made"), v.Say("sender.sent.people"), v.Say("sender.sent.cards"), v.Say("sender.state")},
	}
	writes := v.May(Write, "") == nil
	if writes {
		page.Edit, page.Remove, page.NewToken = pathOf(s.ID, "edit"), pathOf(s.ID, "remove"), pathOf(s.ID, "tokens", "new")
	}
	if page.Facts, err = r.facts(v, s); err != nil {
		return err
	}
	tokens, err := r.Tokens(v.Context(), s.Org, s.ID)
	if err != nil {
		return err
	}
	makers := make([]id.Person, len(tokens))
	for i, t := range tokens {
		makers[i] = t.By.Person()
	}
	names, err := r.Register.Names(v.Context(), makers)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		page.Tokens = append(page.Tokens, tokenRow(v, s, t, names[t.By.Person()], writes))
	}
	sent, next, err := r.Letters(v.Context(), s.Org, s.ID, v.Query("cursor"), perPage)
	if err != nil {
		return err
	}
	if next != "" {
		page.After = pathOf(s.ID) + "?cursor=" + url.QueryEscape(next)
	}
	for _, l := range sent {
		counts, _, err := r.Standings(v.Context(), l, "", 0)
		if err != nil {
			return err
		}
		page.Sent = append(page.Sent, sentRow(v, l, counts))
	}
	if err := v.About("card-sender:" + string(s.ID)); err != nil {
		return err
	}
	return v.Show(page.Heading, ui.ShowSender(page))
}

// facts are what a sender may do.
func (r *Room) facts(v *web.Visit, s Sender) ([]webui.Detail, error) {
	who, err := r.audienceText(v, s)
	callback := webui.Text("—")
	if s.Callback != "" {
		callback = webui.Copy(s.Callback)
	}
	facts := []webui.Detail{
		{Key: v.Say("sender.state"), Value: stateBadge(v, s)},
		{Key: v.Say("sender.name"), Value: webui.Text(s.Name)},
		{Key: v.Say("sender.role"), Value: webui.Text(v.Say("sender.role." + string(s.Role)))},
		{Key: v.Say("sender.audience"), Value: webui.Text(who)},
		{Key: v.Say("sender.callback"), Value: callback},
		{Key: v.Say("sender.signature"), Value: webui.Text(v.Say("sender.signature." + string(s.Signature) + "." + string(s.Alg)))},
		{Key: v.Say("sender.keys"), Value: webui.Copy(r.BaseURL + SetPath)},
		{Key: v.Say("sender.rate"), Value: webui.Text(v.Say("sender.rate.n", "n", s.Rate))},
		{Key: v.Say("sender.urgent"), Value: webui.Text(v.Say("sender.urgent." + yesNo(s.Urgent)))},
	}
	if len(s.Templates) > 0 {
		var all []string
		for _, t := range s.Templates {
			all = append(all, templateLine(v, t))
		}
		facts = append(facts, webui.Detail{Key: v.Say("sender.templates"), Value: webui.Text(strings.Join(all, v.Say("sender.comma")))})
	}
	return facts, err
}

// templateLine is a template with the languages that it has besides its own.
func templateLine(v *web.Visit, t Template) string {
	var langs []string
	for _, lang := range slices.Sorted(maps.Keys(t.Languages)) {
		langs = append(langs, v.Say("sender.language."+lang))
	}
	if len(langs) == 0 {
		return t.Name
	}
	return v.Say("sender.template.languages", "name", t.Name, "languages", strings.Join(langs, v.Say("sender.comma")))
}

// audienceText names whom a sender may reach.
func (r *Room) audienceText(v *web.Visit, s Sender) (string, error) {
	if s.Audience.Everybody {
		return v.Say("sender.everybody"), nil
	}
	names, err := r.callsOf(v, s.Org)
	spec := specOf(s, names).Audience
	if all := append(spec.Groups, spec.People...); len(all) > 0 {
		return strings.Join(all, v.Say("sender.comma")), err
	}
	return v.Say("sender.nobody"), err
}

func tokenRow(v *web.Visit, s Sender, t Issued, maker string, writes bool) webui.Row {
	by := webui.Who(string(t.By))
	if maker != "" {
		by = webui.Text(maker)
	}
	ends := webui.Time(t.Ends)
	var do templ.Component = webui.Text("—")
	if over := !v.Now().Before(t.Ends); over {
		ends = webui.Badge("wait", v.Say("sender.token.over"))
	} else if writes {
		do = webui.Go(webui.Plain, v.Say("sender.token.revoke"), pathOf(s.ID, "tokens", t.ID, "revoke"))
	}
	return webui.Row{Cells: []templ.Component{webui.Time(t.Made), by, webui.At(t.Used, v.Say("sender.never")), ends, do}}
}

func sentRow(v *web.Visit, l Letter, counts map[string]int) webui.Row {
	var cards []string
	for _, state := range []string{"open", "deciding", "applied", "failed", "superseded", "withdrawn", "expired"} {
		if n := counts[state]; n > 0 {
			cards = append(cards, v.Say("sender.cards."+state, "n", n))
		}
	}
	kind := map[State]string{Sent: "good", Withdrawn: "", Expired: "wait"}[l.StateAt(v.Now())]
	return webui.Row{Cells: []templ.Component{
		webui.Text(l.Content.in(v.Lang()).Title), webui.Ago(l.Made), webui.Text(strconv.Itoa(l.Reached)), webui.Text(orDash(strings.Join(cards, v.Say("sender.comma")))),
		webui.Badge(kind, v.Say("sender.sent."+string(l.StateAt(v.Now())))),
	}}
}

func (r *Room) askRemove(v *web.Visit) error {
	s, err := r.theSender(v)
	if err != nil {
		return err
	}
	ending, err := v.Ending("card-sender:" + string(s.ID))
	if err != nil {
		return err
	}
	return v.Show(v.Say("sender.remove"), ui.ShowRemoval(ui.Removal{
		Heading: v.Say("sender.remove.ask", "name", s.Shown()), Lead: v.Say("sender.remove.lead"), Action: pathOf(s.ID, "remove"), Back: pathOf(s.ID), Ending: ending,
	}))
}

func (r *Room) remove(v *web.Visit) error {
	s, err := r.theSender(v)
	if err == nil {
		err = r.Drop(v.Context(), v.Actor().Principal, s.Org, s.ID)
	}
	if err != nil {
		return err
	}
	return v.See(Path + "?done=removed")
}

// tokenDays are the lives that the form offers, overlaps how long older tokens
// stay, in hours.
var (
	tokenDays = []int{30, 90, 180, DaysMost}
	overlaps  = []int{0, 1, 24, 168}
)

func tokenForm(v *web.Visit, s Sender, typed url.Values) webui.SettingForm {
	days := webui.Input{Name: "days", Label: v.Say("sender.token.life"), Kind: "select", Value: "90", Required: true}
	for _, n := range tokenDays {
		days.Options = append(days.Options, webui.Option{Value: strconv.Itoa(n), Text: v.Say("sender.token.days", "n", n)})
	}
	overlap := webui.Input{Name: "overlap", Label: v.Say("sender.token.overlap"), Hint: v.Say("sender.token.overlap.hint"), Kind: "select", Required: true, Value: "24"}
	for _, n := range overlaps {
		overlap.Options = append(overlap.Options, webui.Option{Value: strconv.Itoa(n), Text: v.Say("sender.token.overlap." + strconv.Itoa(n))})
	}
	overlap.Options = append(overlap.Options, webui.Option{Value: "-1", Text: v.Say("sender.token.overlap.none")})
	if typed.Has("days") {
		days.Value, overlap.Value = typed.Get("days"), typed.Get("overlap")
	}
	return webui.SettingForm{
		Heading: v.Say("sender.token.new"), Lead: v.Say("sender.token.new.lead", "name", s.Shown()), Action: pathOf(s.ID, "tokens", "new"), Back: pathOf(s.ID),
		Submit: v.Say("sender.token.make"), Kind: webui.Main, Fields: []webui.Input{days, overlap},
	}
}

func (r *Room) showNewToken(v *web.Visit) error {
	s, err := r.theSender(v)
	if err != nil {
		return err
	}
	form := tokenForm(v, s, nil)
	return v.Show(form.Heading, webui.EditSetting(form))
}

// saveToken answers with the value itself: it is nowhere to be shown from again.
func (r *Room) saveToken(v *web.Visit) error {
	s, err := r.theSender(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	days, _ := strconv.Atoi(typed.Get("days")) // 0 is refused
	hours, err := strconv.Atoi(typed.Get("overlap"))
	if err != nil || hours > 24*DaysMost {
		hours = 24 * DaysMost // refused
	}
	t, value, err := r.MakeToken(v.Context(), v.Actor().Principal, v.Actor().Session, s.Org, s.ID, Lease{days, time.Duration(hours) * time.Hour})
	if f := factor.Typed(err); f != nil {
		form := tokenForm(v, s, typed)
		for i := range f.Fields {
			f.Fields[i].Path = strings.TrimSuffix(f.Fields[i].Path, "_hours")
		}
		factor.Refuse(v, &form, f, "")
		return v.ShowStatus(f.Status(), form.Heading, webui.EditSetting(form))
	}
	if err != nil {
		return err
	}
	return v.Show(s.Shown(), webui.ShowCodes(webui.Codes{
		Heading: v.Say("sender.token.yours", "name", s.Shown()), Lead: v.Say("sender.token.once"), Back: pathOf(s.ID), Codes: []string{value.Reveal()}, All: value.Reveal(),
		Notes: []string{v.Say("sender.token.use"), v.Say("sender.token.until", "day", t.Ends.In(v.Zone()).Format("2006-01-02"))},
	}))
}

func (r *Room) askRevoke(v *web.Visit) error {
	s, err := r.theSender(v)
	if err != nil {
		return err
	}
	all, err := r.Tokens(v.Context(), s.Org, s.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(t Issued) bool { return t.ID == v.Path("token") }) {
		return fault.New(fault.NotFound, "token-missing")
	}
	form := webui.SettingForm{
		Heading: v.Say("sender.token.revoke.ask", "name", s.Shown()), Lead: v.Say("sender.token.revoke.lead"),
		Action: pathOf(s.ID, "tokens", url.PathEscape(v.Path("token")), "revoke"), Back: pathOf(s.ID), Submit: v.Say("sender.token.revoke"), Kind: webui.Danger,
	}
	return v.Show(form.Heading, webui.EditSetting(form))
}

func (r *Room) revokeToken(v *web.Visit) error {
	s, err := r.theSender(v)
	if err == nil {
		err = r.Revoke(v.Context(), v.Actor().Principal, s.Org, s.ID, v.Path("token"))
	}
	if err != nil {
		return err
	}
	return v.See(pathOf(s.ID) + "?done=revoked")
}
