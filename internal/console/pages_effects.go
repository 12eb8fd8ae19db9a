package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// EffectsPath is the page of the effects on other systems.
const EffectsPath = "/admin/effects"

func (r *Room) effectPages(m *web.Mux) {
	route := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: Operate, Or: Effects}
	}
	m.Page(route(http.MethodGet, EffectsPath), r.showEffects)
	m.Page(route(http.MethodGet, EffectsPath+"/{effect}"), r.showEffect)
	m.Page(route(http.MethodPost, EffectsPath+"/{effect}/retry"), r.retryEffect)
	m.Page(route(http.MethodPost, EffectsPath+"/{effect}/skip"), r.skipEffect)
}

// effectsPerPage is how many rows a list has.
const effectsPerPage = 50

func effectPath(which id.Effect) string { return EffectsPath + "/" + url.PathEscape(string(which)) }

// effectStates are the states in the order in which a filter offers them.
var effectStates = []job.State{job.Parked, job.Intended, job.Inflight, job.Done, job.Skipped}

// showEffects lists the parked ones first, since they wait for somebody, then
// all that the filter leaves, the newest first.
func (r *Room) showEffects(v *web.Visit) error {
	v.Follow(Topic)
	f := job.Filter{
		Org: id.Org(v.Query("org")), State: job.State(v.Query("state")), Driver: v.Query("driver"), Target: v.Query("target"),
		After: id.Effect(v.Query("cursor")), Newest: true, Limit: effectsPerPage + 1,
	}
	if f.State != "" && !slices.Contains(effectStates, f.State) {
		return fault.New(fault.Invalid, "effect-state-unknown", "state", string(f.State))
	}
	counts, err := r.counts(v.Context())
	if err != nil {
		return err
	}
	page := ui.Effects{Here: v.Request().URL.RequestURI(), Topic: Topic, Action: EffectsPath}
	page.Filtered = f.State != "" || f.Driver != "" || f.Target != "" || f.Org != ""
	var stuck []job.Status
	if f.State == "" && f.After == "" {
		parked := f
		parked.State, parked.Newest = job.Parked, false
		if stuck, err = r.search(v.Context(), parked); err != nil {
			return err
		}
		if len(stuck) > effectsPerPage {
			page.MoreParked, stuck = r.effectsAddress(v, "state", string(job.Parked)), stuck[:effectsPerPage]
		}
	}
	found, err := r.search(v.Context(), f)
	if err != nil {
		return err
	}
	if len(found) > effectsPerPage {
		found = found[:effectsPerPage]
		page.After = r.effectsAddress(v, "cursor", string(found[len(found)-1].ID))
	}
	if f.After != "" {
		page.Before = r.effectsAddress(v, "cursor", "")
	}
	if len(stuck) > 0 { // they stand above
		found = slices.DeleteFunc(found, func(e job.Status) bool { return e.State == job.Parked })
	}
	names, err := r.callings(v.Context(), targetsOf(counts, stuck, found)...)
	if err != nil {
		return err
	}
	page.Filter, page.Oldest = r.effectFilter(v, f, counts, names), r.oldest(v, counts, names)
	page.Parked, page.All = r.effectRows(v, stuck, names), r.effectRows(v, found, names)
	return v.Show(v.Say("console.effects"), ui.ShowEffects(page))
}

// effectsAddress is the list with one value of its address changed.
func (r *Room) effectsAddress(v *web.Visit, name, value string) string {
	q := url.Values{}
	for _, one := range []string{"state", "driver", "target", "org"} {
		if typed := v.Query(one); typed != "" {
			q.Set(one, typed)
		}
	}
	if q.Del(name); value != "" {
		q.Set(name, value)
	}
	return EffectsPath + "?" + q.Encode()
}

// effectFilter offers what there is, and keeps what was asked for.
func (r *Room) effectFilter(v *web.Visit, f job.Filter, counts []job.Count, names called) []webui.Input {
	state := webui.Input{Name: "state", Label: v.Say("console.record.state"), Kind: "select", Value: string(f.State), Options: []webui.Option{{Text: v.Say("console.effect.any")}}}
	for _, s := range effectStates {
		state.Options = append(state.Options, webui.Option{Value: string(s), Text: v.Say("console.effect." + string(s))})
	}
	drivers, targets, orgs := map[string]bool{f.Driver: true}, map[string]bool{f.Target: true}, map[string]bool{string(f.Org): true}
	for _, c := range counts {
		drivers[c.Driver], targets[c.Target], orgs[string(c.Org)] = true, true, true
	}
	options := func(name, label, value string, from map[string]bool, title func(string) string) webui.Input {
		delete(from, "")
		in := webui.Input{Name: name, Label: v.Say(label), Kind: "select", Value: value, Options: []webui.Option{{Text: v.Say("console.effect.any")}}}
		for _, one := range sortedKeys(from) {
			in.Options = append(in.Options, webui.Option{Value: one, Text: title(one)})
		}
		return in
	}
	return []webui.Input{
		state, options("driver", "console.effect.driver", f.Driver, drivers, func(driver string) string { return r.deed(v, driver) }),
		options("target", "console.effect.target", f.Target, targets, func(target string) string { return cmp.Or(names.targets[target], target) }),
		options("org", "console.record.org", string(f.Org), orgs, func(org string) string { return org }),
	}
}

// oldest are the ages of the oldest open effect of each driver and target, in
// minutes, the longest first.
func (r *Room) oldest(v *web.Visit, counts []job.Count, names called) (all []webui.Rank) {
	ages := map[string]time.Duration{}
	for _, c := range counts {
		name := r.effectName(v, c.Driver, c.Target, names)
		ages[name] = max(ages[name], v.Now().Sub(c.Oldest))
	}
	for _, name := range sortedKeys(ages) {
		all = append(all, webui.Rank{Text: name, N: int64(ages[name].Minutes())})
	}
	slices.SortStableFunc(all, func(a, b webui.Rank) int { return int(b.N - a.N) })
	return all[:min(len(all), ranksMost)]
}

var effectLevels = map[job.State]string{job.Parked: "bad", job.Inflight: "wait", job.Intended: "wait", job.Done: "good"}

// deed is what a driver does, in words.
func (r *Room) deed(v *web.Visit, driver string) string {
	if key := "console.driver." + driver; r.book.Has(key) {
		return v.Say(key)
	}
	return driver
}

// effectName says what is done and to which system; a target that the driver
// has anyway (the mail server) is not said.
func (r *Room) effectName(v *web.Visit, driver, target string, names called) string {
	deed, name := r.deed(v, driver), names.targets[target]
	switch {
	case name != "":
		return v.Say("console.effect.to", "deed", deed, "target", name)
	case deed == driver:
		return driver + " " + target
	case id.Valid(target) || target == onlyTarget[driver]:
		return deed
	}
	return v.Say("console.effect.to", "deed", deed, "target", target)
}

// onlyTarget are the targets of drivers that have no other.
var onlyTarget = map[string]string{"mail": "relay"}

// targetsOf are the targets of what is shown, each once.
func targetsOf(counts []job.Count, shown ...[]job.Status) []string {
	all := map[string]bool{}
	for _, c := range counts {
		all[c.Target] = true
	}
	for _, e := range slices.Concat(shown...) {
		all[e.Target] = true
	}
	return sortedKeys(all)
}

func (r *Room) effectRows(v *web.Visit, found []job.Status, names called) (all []webui.Row) {
	for _, e := range found {
		act := templ.Component(templ.NopComponent)
		if e.State == job.Parked {
			act = ui.Act(effectPath(e.ID)+"/retry", effectPath(e.ID))
		}
		all = append(all, webui.Row{Href: effectPath(e.ID), Cells: []templ.Component{
			webui.Text(r.effectName(v, e.Driver, e.Target, names)), webui.Badge(effectLevels[e.State], v.Say("console.effect."+string(e.State))),
			webui.Text(r.why(v, e)), webui.Time(e.IntendedAt), act,
		}})
	}
	return all
}

// why says in words what went wrong last.
func (r *Room) why(v *web.Visit, e job.Status) string {
	key := "console.why." + e.Why
	switch {
	case e.Why == "" && e.Waits:
		return v.Say("console.why.waits")
	case e.Why == "":
		return ""
	case r.book.Has(key):
		return v.Say(key)
	}
	return e.Why
}

// logOf is where the log tells of an effect: that of an organization or of the
// house.
func logOf(e job.Status) string {
	query := url.Values{"target": {"effect:" + string(e.ID)}}
	if e.Org == "" {
		query.Set("of", OfHouse)
	}
	return LogPath + "?" + query.Encode()
}

func (r *Room) showEffect(v *web.Visit) error {
	return r.effectPage(v, http.StatusOK, "", nil)
}

// effectPage shows one effect, with the reason as it was typed and why it was
// refused.
func (r *Room) effectPage(v *web.Visit, status int, typed string, refused *fault.Fault) error {
	v.Follow(Topic)
	e, err := r.effect(v.Context(), id.Effect(v.Path("effect")))
	if err != nil {
		return err
	}
	names, err := r.callings(v.Context(), e.Target)
	if err != nil {
		return err
	}
	parties, err := r.parties(v.Context(), audit.Record{By: e.By, Org: e.Org})
	if err != nil {
		return err
	}
	page := ui.EffectPage{
		Here: effectPath(e.ID), Topic: Topic, Title: r.effectName(v, e.Driver, e.Target, names), State: string(e.State), Level: effectLevels[e.State],
		Why: r.why(v, e), Code: e.Why, Unsure: e.Unsure && e.Why != "job-cannot-be-known", Payload: string(shown(e.Payload)), Back: EffectsPath,
		Log: logOf(e),
		Reason: webui.Input{
			Name: "reason", Label: v.Say("console.effect.reason"), Hint: v.Say("console.effect.reason.hint"), Kind: "textarea", Value: typed, Required: true, Max: reasonMost,
		},
	}
	page.Details = r.effectDetails(v, e, parties)
	if done := v.Query("done"); refused == nil && (done == "retried" || done == "skipped") {
		page.Saved = v.Say("console.effect.saved." + done)
	}
	if refused != nil {
		page.Problem, page.Do = problem(v, refused)
		for _, bad := range refused.Fields {
			page.Reason.Error, _ = problem(v, fault.New(fault.Invalid, bad.Code, pairsOf(bad.Args)...))
		}
	}
	return v.ShowStatus(status, page.Title, ui.ShowEffect(page))
}

func pairsOf(args fault.Args) (all []any) {
	for name, value := range args {
		all = append(all, name, value)
	}
	return all
}

func (r *Room) effectDetails(v *web.Visit, e job.Status, p parties) (all []webui.Detail) {
	add := func(key string, value templ.Component) {
		all = append(all, webui.Detail{Key: v.Say(key), Value: value})
	}
	moment := func(key string, at time.Time) {
		if !at.IsZero() {
			add(key, webui.Time(at))
		}
	}
	add("console.record.by", ui.Whole(p.of(string(e.By))))
	if e.Org != "" {
		add("console.record.org", ui.Whole(p.of(thingOrg+string(e.Org))))
	}
	moment("console.effect.intended-at", e.IntendedAt)
	moment("console.effect.sent-at", e.SentAt)
	if e.State == job.Intended {
		moment("console.effect.due", e.Due)
	}
	moment("console.effect.ended-at", e.EndedAt)
	add("console.effect.tries", webui.Text(webui.Number(v.Context(), int64(e.Tries))))
	if e.Line != "" {
		add("console.effect.line", webui.Text(e.Line))
	}
	add("console.effect.driver", webui.Text(e.Driver))
	add("console.effect.target", webui.Text(e.Target))
	add("console.effect.id", webui.Copy(string(e.ID)))
	return all
}

func (r *Room) retryEffect(v *web.Visit) error {
	which := id.Effect(v.Path("effect"))
	return r.settled(v, r.Retry(v.Context(), which), "", "retried")
}

func (r *Room) skipEffect(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	reason := typed.Get("reason")
	return r.settled(v, r.Skip(v.Context(), id.Effect(v.Path("effect")), reason), reason, "skipped")
}

// settled leads back to the effect. What was refused, such as the second of two
// clicks, says what the effect is now; the reason stays as it was typed.
func (r *Room) settled(v *web.Visit, err error, reason, done string) error {
	f := fault.As(err)
	switch {
	case err == nil:
		return v.See(effectPath(id.Effect(v.Path("effect"))) + "?done=" + done)
	case f != nil && (f.Kind == fault.Conflict || f.Kind == fault.Invalid):
		return r.effectPage(v, f.Status(), reason, f)
	}
	return err
}
