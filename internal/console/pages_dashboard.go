package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

// DashboardPath is the page of what happened over time.
const DashboardPath = "/admin/dashboard"

func (r *Room) dashboardPages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: DashboardPath, Permission: AuditRead, Or: AuditHouse}, r.showDashboard)
}

func (r *Room) showDashboard(v *web.Visit) error {
	reader, err := r.reader(v.Context(), v.Query("of"))
	if err != nil {
		return err
	}
	span := Span(v.Query("span"))
	if span == "" {
		span = Day
	}
	d, err := r.Dashboard(v.Context(), reader, span, v.Zone())
	if err != nil {
		return err
	}
	p := painter{v: v, d: d, reader: reader, book: r.book}
	page := ui.Dashboard{
		Of: p.switchOf(r.ofBoth(v.Context())), Spans: p.spans(), House: p.house(), Quiet: d.quiet(), Tiles: p.tiles(),
		SignIns: p.signIns(), Lines: append(p.drawings(r.drawings), p.members()), Reasons: p.reasons(), Ways: p.ways(), Log: p.log(nil),
	}
	return v.Show(v.Say("console.dashboard"), ui.ShowDashboard(page))
}

// quiet reports whether nothing happened at all.
func (d Dashboard) quiet() bool {
	for _, c := range d.Drawn {
		if c.Sum() > 0 {
			return false
		}
	}
	return d.Done.Sum()+d.Refused.Sum()+d.StepUps.Sum()+d.Invited.Sum()+d.Accepted.Sum()+d.Joined.Sum()+d.Left.Sum() == 0 && len(d.Reasons) == 0
}

// painter makes pictures of a dashboard for one reader.
type painter struct {
	v      *web.Visit
	d      Dashboard
	reader audit.Reader
	book   *words.Book
}

// house reports whether the figures are those of the whole house.
func (p painter) house() bool { return p.reader.Own || p.reader.Org == "" }

// address is the dashboard with another span or of another part.
func (p painter) address(of string, span Span) string {
	q := url.Values{"span": {string(span)}}
	if of != "" {
		q.Set("of", of)
	}
	return DashboardPath + "?" + q.Encode()
}

func (p painter) of() string {
	if p.reader.Own {
		return OfHouse
	}
	return ""
}

func (p painter) switchOf(both bool) []webui.Link {
	if !both {
		return nil
	}
	return []webui.Link{
		{Text: p.v.Say("console.audit.of.organization"), Href: p.address(OfOrganization, p.d.Span), Current: !p.reader.Own},
		{Text: p.v.Say("console.audit.of.house"), Href: p.address(OfHouse, p.d.Span), Current: p.reader.Own},
	}
}

func (p painter) spans() (all []webui.Link) {
	for _, s := range spans {
		all = append(all, webui.Link{Text: p.v.Say("console.span." + string(s.Span)), Href: p.address(p.of(), s.Span), Current: s.Span == p.d.Span})
	}
	return all
}

// log is the audit log with a filter.
func (p painter) log(filter url.Values) string {
	q := url.Values{}
	for name, values := range filter {
		q[name] = values
	}
	if p.reader.Own {
		q.Set("of", OfHouse)
	}
	if len(q) == 0 {
		return LogPath
	}
	return LogPath + "?" + q.Encode()
}

// between is the log from one moment to another, as its search form reads it.
func (p painter) between(names string, from, until time.Time) string {
	zone := p.v.Zone()
	return p.log(url.Values{
		"name": {names}, "from": {webui.LocalTime(from, zone)}, "until": {webui.LocalTime(until, zone)},
		webui.ZoneField("from"): {zone.String()}, webui.ZoneField("until"): {zone.String()},
	})
}

// series is a course with the way to its records; in the house's figures those
// of organizations have none, for their records are the organizations'.
func (p painter) series(key, names string, c Course, own bool) webui.Series {
	s := webui.Series{Name: p.v.Say("console.course." + key), Values: c}
	if p.house() && !own {
		return s
	}
	for i := range c {
		s.Hrefs = append(s.Hrefs, p.between(names, p.d.Moments[i], p.d.Moments[i+1]))
	}
	return s
}

func (p painter) tiles() []webui.Tile {
	number := func(n int64) string { return webui.Number(p.v.Context(), n) }
	people := "console.tile.members"
	if p.house() {
		people = "console.tile.people"
	}
	return []webui.Tile{
		{Name: p.v.Say("console.tile.sessions"), Value: number(p.d.Sessions), Note: p.v.Say("console.tile.now")},
		{Name: p.v.Say(people), Value: number(p.d.Active), Note: p.v.Say("console.tile.invited", "n", number(p.d.Pending))},
		{Name: p.v.Say("console.course.done"), Value: number(p.d.Done.Sum()), Course: p.d.Done},
		{Name: p.v.Say("console.course.refused"), Value: number(p.d.Refused.Sum()), Course: p.d.Refused},
	}
}

func (p painter) signIns() webui.Chart {
	c := p.chart("sign-ins")
	c.Series = []webui.Series{
		p.series("done", signedIn, p.d.Done, false), p.series("refused", turnedOff+","+refused, p.d.Refused, true), p.series("step-ups", steppedUp, p.d.StepUps, false),
	}
	about := "console.chart.sign-ins.about"
	if p.house() {
		about += ".house"
	}
	c.About = p.v.Say(about, "done", webui.Number(p.v.Context(), p.d.Done.Sum()), "refused", webui.Number(p.v.Context(), p.d.Refused.Sum()))
	return c
}

func (p painter) members() webui.Chart {
	c := p.chart("members")
	c.Series = []webui.Series{
		p.series("invited", invited, p.d.Invited, false), p.series("accepted", accepted, p.d.Accepted, false),
		p.series("joined", joined, p.d.Joined, false), p.series("left", left, p.d.Left, false),
	}
	c.About = p.v.Say("console.chart.members.about")
	return c
}

// drawings are the further pictures of which there is something to show.
func (p painter) drawings(all []Drawing) (charts []webui.Chart) {
	for _, one := range all {
		c, n := p.chart(one.Name), int64(0)
		for _, line := range one.Lines {
			course := p.d.Drawn[line.Key]
			n += course.Sum()
			c.Series = append(c.Series, p.series(line.Key, strings.Join(line.Events, ","), course, false))
		}
		c.About = p.v.Say("console.chart." + one.Name + ".about")
		if n > 0 {
			charts = append(charts, c)
		}
	}
	return charts
}

// chart is a picture without its series.
func (p painter) chart(name string) webui.Chart {
	c := webui.Chart{ID: name, Title: p.v.Say("console.chart." + name), Along: p.v.Say("console.along." + string(p.d.Span))}
	every := map[Span]int{Day: 6, Month: 7, Quarter: 3}[p.d.Span]
	n := len(p.d.Moments) - 1
	for i, at := range p.d.Moments[:n] {
		s := webui.Stretch{Text: p.moment(at, true)}
		if (n-1-i)%every == 0 {
			s.Tick = p.moment(at, false)
		}
		c.Stretches = append(c.Stretches, s)
	}
	return c
}

// moment says when a stretch begins, as the language writes it.
func (p painter) moment(at time.Time, whole bool) string {
	layout, hour := p.v.Say("console.chart.day"), "15:04"
	local := at.In(p.v.Zone())
	switch {
	case p.d.Span != Day:
		return local.Format(layout)
	case whole:
		return local.Format(layout + " " + hour)
	}
	return local.Format(hour)
}

func (p painter) reasons() []webui.Rank {
	return p.ranks(p.d.Reasons, "console.reason.", func(s Share) string {
		return p.span(turnedOff+","+refused, s.Name)
	})
}

func (p painter) ways() []webui.Rank {
	return p.ranks(p.d.Ways, "console.way.", func(s Share) string { return p.span(signedIn, s.Name) })
}

// span is the log of the whole span, with a text.
func (p painter) span(names, text string) string {
	at, _ := url.Parse(p.between(names, p.d.Moments[0], p.d.Moments[len(p.d.Moments)-1]))
	q := at.Query()
	q.Set("text", text)
	return LogPath + "?" + q.Encode()
}

// ranksMost is how many lines a list of figures has.
const ranksMost = 12

func (p painter) ranks(shares []Share, words string, href func(Share) string) (all []webui.Rank) {
	for _, s := range shares {
		if len(all) == ranksMost {
			break
		}
		r := webui.Rank{Text: s.Name, N: s.N}
		if key := words + strings.ReplaceAll(s.Name, " ", "-"); p.book.Has(key) {
			r.Text = p.v.Say(key)
		}
		if s.Own == s.N {
			r.Href = href(s)
		}
		all = append(all, r)
	}
	return all
}
