package console

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// ManifestPath is the page of what manifests manage.
const ManifestPath = "/admin/manifests"

const documentsPath = ManifestPath + "/apply"

func (r *Room) manifestPages(m *web.Mux) {
	get := web.Route{Method: http.MethodGet, Path: ManifestPath, Permission: Manifest}
	m.Page(get, r.showManifests)
	get.Path = ManifestPath + "/export"
	m.Page(get, r.giveExport)
	// The proof is asked for before anything is typed: an answer to it would
	// lose what was sent.
	get.Path, get.Fresh = documentsPath, web.Recent
	m.Page(get, r.showDocuments)
	post := web.Route{Method: http.MethodPost, Path: ManifestPath + "/plan", Permission: Manifest, Large: true}
	m.Page(post, r.takePlan)
	post.Path, post.Fresh = documentsPath, web.Recent
	m.Page(post, r.takeApply)
}

// shownMost is how many lines of anything a page of manifests shows.
const shownMost = 50

func (r *Room) showManifests(v *web.Visit) error {
	ctx := v.Context()
	drift, err := r.kinds.Drift(ctx, r.store)
	if err != nil {
		return err
	}
	deeds, err := r.kinds.Deeds(ctx, r.store, 20)
	if err != nil {
		return err
	}
	page := ui.Manifests{
		Managed: drift.Managed, Unmanaged: len(drift.Unmanaged), More: max(0, len(drift.Objects)-shownMost),
		Apply: documentsPath, Export: ManifestPath + "/export", List: ManifestPath + "?unmanaged=yes", ListNone: ManifestPath,
	}
	if n, err := strconv.Atoi(v.Query("applied")); err == nil {
		page.Saved = v.Say("console.manifest.applied", "count", n)
	}
	if v.Query("unmanaged") != "" {
		for _, s := range drift.Unmanaged[:min(len(drift.Unmanaged), 10*shownMost)] {
			page.Strange = append(page.Strange, ui.Strange{Kind: s.Kind, Name: titled(s.Org, s.Name)})
		}
		page.StrangeMore = len(drift.Unmanaged) - len(page.Strange)
	}
	drifted := drift.Objects[:len(drift.Objects)-page.More]
	who, err := r.changers(v, drifted)
	if err != nil {
		return err
	}
	records := make([]audit.Record, 0, len(who)+len(deeds))
	for _, record := range who {
		records = append(records, record)
	}
	for _, d := range deeds {
		records = append(records, audit.Record{By: d.By})
	}
	parties, err := r.parties(ctx, records...)
	if err != nil {
		return err
	}
	for _, one := range drifted {
		page.Drift = append(page.Drift, driftedRow(v, one, who[one.Target+" "+string(one.OrgID)], parties))
	}
	for _, d := range deeds {
		page.Deeds = append(page.Deeds, ui.Deed{
			Log: about("manifest:"+d.ID, "", time.Time{}, v), At: d.At, By: parties.of(string(d.By)), Door: d.Door, Files: strings.Join(d.Files, ", "),
			Digest: d.Digest, Created: d.Created, Updated: d.Updated, Renamed: d.Renamed, Deleted: d.Deleted,
		})
	}
	return v.Show(v.Say("console.manifest"), ui.ShowManifests(page))
}

// titled is a name with its organization.
func titled(org, name string) string { return strings.TrimPrefix(org+"/"+name, "/") }

func driftedRow(v *web.Visit, one manifest.Drifted, record audit.Record, p parties) ui.Drifted {
	row := ui.Drifted{Kind: one.Kind, Name: one.Title(), Now: one.Now, Gone: one.Gone, Applied: one.At, Log: about(one.Target, one.OrgID, one.At, v)}
	if one.Name == "" {
		row.Name = titled(one.Org, v.Say("console.drift.erased"))
	}
	for _, d := range one.Differences {
		row.Changes = append(row.Changes, ui.Change(d))
	}
	if record.ID != "" {
		row.By, row.At = p.of(string(record.By)), record.At
	}
	return row
}

// about is the audit log with the records about a thing; from may be zero.
func about(target string, org id.Org, from time.Time, v *web.Visit) string {
	q := url.Values{"target": {target}}
	if org == "" {
		q.Set("of", OfHouse)
	}
	if !from.IsZero() {
		q.Set("from", webui.LocalTime(from, v.Zone()))
		q.Set(webui.ZoneField("from"), v.Zone().String())
	}
	return LogPath + "?" + q.Encode()
}

// changers finds who changed last what has drifted, in the records that the
// reader may see: those of the house, and those of the organization in which
// they act. By target and organization.
func (r *Room) changers(v *web.Visit, drifted []manifest.Drifted) (map[string]audit.Record, error) {
	found := map[string]audit.Record{}
	groups := map[id.Org][]manifest.Drifted{}
	for _, one := range drifted {
		groups[one.OrgID] = append(groups[one.OrgID], one)
	}
	for org, all := range groups {
		of := OfHouse
		if org != "" {
			of = OfOrganization
		}
		reader, err := r.reader(v.Context(), of)
		if err != nil || org != "" && reader.Org != "" && reader.Org != org {
			continue // the page says less then
		}
		q := query(reader, audit.Query{From: slices.MinFunc(all, func(a, b manifest.Drifted) int { return a.At.Compare(b.At) }).At})
		if org != "" {
			q.Org, q.House, q.Own = org, false, false
		}
		var targets []string
		for _, one := range all {
			targets = append(targets, one.Target)
		}
		records, err := r.audit.Newest(v.Context(), reader, q, targets)
		if err != nil {
			return nil, err
		}
		for _, one := range all {
			if record, ok := records[one.Target]; ok && record.At.After(one.At) {
				found[one.Target+" "+string(org)] = record
			}
		}
	}
	return found, nil
}

func (r *Room) giveExport(v *web.Visit) error {
	text, err := r.kinds.Export(v.Context(), r.store)
	if err != nil {
		return err
	}
	h := v.Writer().Header()
	h.Set("Content-Type", "application/yaml; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="house.yaml"`)
	h.Set("Cache-Control", "no-store")
	_, err = v.Writer().Write(text)
	return err
}

// sent is what the form of documents sent.
type sent struct {
	files  []ui.Typed
	prune  bool
	digest string
}

// typedName names what was typed into the page, in errors.
const typedName = "page.yaml"

func (r *Room) showDocuments(v *web.Visit) error {
	return r.answerDocuments(v, http.StatusOK, sent{}, ui.Documents{})
}

func (r *Room) answerDocuments(v *web.Visit, status int, s sent, page ui.Documents) error {
	page.Action, page.Back, page.Files, page.Prune = ManifestPath+"/plan", ManifestPath, s.files, s.prune
	if len(page.Files) == 0 {
		page.Files = []ui.Typed{{Name: typedName}}
	}
	v.Writer().Header().Set("Cache-Control", "no-store") // what was typed may hold secrets
	return v.ShowStatus(status, v.Say("console.manifest.apply"), ui.ShowDocuments(page))
}

// readSent reads the form: texts that were typed or came back, and files.
func readSent(v *web.Visit) (s sent, err error) {
	reader, err := v.Parts()
	if err != nil {
		return s, err
	}
	name := ""
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		var text []byte
		if err == nil {
			text, err = io.ReadAll(part)
		}
		if err != nil {
			return s, fault.New(fault.Invalid, "form-malformed").Because(err)
		}
		switch field := part.FormName(); {
		case field == "prune":
			s.prune = string(text) == "yes"
		case field == "digest":
			s.digest = string(text)
		case strings.HasPrefix(field, "name."):
			name = string(text)
		case strings.HasPrefix(field, "text."):
			s.add(name, strings.ReplaceAll(string(text), "\r\n", "\n"))
		case field == "file":
			s.add(part.FileName(), string(text))
		}
	}
}

// add takes a text in, unless there is none. A name that stands already is
// another file in another folder.
func (s *sent) add(name, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	if name == "" {
		name = typedName
	}
	for i := 2; slices.ContainsFunc(s.files, func(f ui.Typed) bool { return f.Name == name }); i++ {
		name = strconv.Itoa(i) + "-" + name
	}
	s.files = append(s.files, ui.Typed{Name: name, Text: text})
}

func (s sent) documents() (docs []manifest.Document, err error) {
	refused := fault.New(fault.Invalid, "manifest-invalid")
	for _, f := range s.files {
		more, err := manifest.Parse(f.Name, []byte(f.Text))
		if wrong := fault.As(err); wrong != nil {
			refused.Fields = append(refused.Fields, wrong.Fields...)
		} else if err != nil {
			return nil, err
		}
		docs = append(docs, more...)
	}
	switch {
	case len(refused.Fields) > 0:
		refused.Args = fault.Args{"count": len(refused.Fields), "place": refused.Fields[0].Args["place"]}
		return nil, refused
	case len(docs) == 0:
		return nil, fault.New(fault.Invalid, "manifest-nothing")
	}
	return docs, nil
}

// takePlan shows what documents would change.
func (r *Room) takePlan(v *web.Visit) error {
	s, err := readSent(v)
	if err != nil {
		return err
	}
	return r.showPlan(v, http.StatusOK, s, "")
}

func (r *Room) showPlan(v *web.Visit, status int, s sent, notice string) error {
	docs, err := s.documents()
	var plan *manifest.Plan
	if err == nil {
		o := r.options(v.Context(), "page")
		o.Prune = s.prune
		plan, err = r.kinds.Plan(v.Context(), r.store, docs, o)
	}
	if err != nil {
		return r.refuseDocuments(v, s, err)
	}
	return r.answerDocuments(v, status, s, ui.Documents{Notice: notice, Plan: planOf(v, plan)})
}

// takeApply does what was shown, or shows the new plan if things have changed
// since.
func (r *Room) takeApply(v *web.Visit) error {
	s, err := readSent(v)
	if err != nil {
		return err
	}
	if s.digest == "" {
		return r.showPlan(v, http.StatusOK, s, "")
	}
	docs, err := s.documents()
	var plan *manifest.Plan
	if err == nil {
		o := r.options(v.Context(), "page")
		o.Prune, o.Digest = s.prune, s.digest
		plan, err = r.kinds.Apply(v.Context(), r.store, docs, o)
	}
	switch {
	case fault.Code(err) == "manifest-plan-changed":
		return r.showPlan(v, http.StatusConflict, s, v.Say("problem.manifest-plan-changed"))
	case err != nil:
		return r.refuseDocuments(v, s, err)
	}
	return v.See(ManifestPath + "?applied=" + strconv.Itoa(plan.Changes()))
}

// refuseDocuments says what is wrong with documents, keeping them.
func (r *Room) refuseDocuments(v *web.Visit, s sent, err error) error {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Broken || f.Kind == fault.Busy {
		return err
	}
	args := func(args map[string]any) (pairs []any) {
		for name, value := range args {
			pairs = append(pairs, name, value)
		}
		return pairs
	}
	say := func(key string, a map[string]any) string { return v.Say(key, args(a)...) }
	wrong := manifest.Complaints(f, say)
	if do := "problem." + f.Code + ".do"; r.book.Has(do) {
		wrong = append(wrong, say(do, f.Args))
	}
	page := ui.Documents{Title: say("problem."+f.Code, f.Args), Wrong: wrong, WrongMore: max(0, len(wrong)-2*shownMost)}
	page.Wrong = wrong[:len(wrong)-page.WrongMore]
	return r.answerDocuments(v, f.Status(), s, page)
}

// stepsMost is how many objects of a plan a page shows.
const stepsMost = 200

func planOf(v *web.Visit, plan *manifest.Plan) *ui.Plan {
	n := plan.Counts()
	out := &ui.Plan{Empty: plan.Empty(), Held: plan.Held, Digest: plan.Digest, Apply: documentsPath, More: max(0, plan.Changes()-stepsMost), Counts: v.Say(
		"manifest.counts", "create", n[manifest.Create], "update", n[manifest.Update], "rename", n[manifest.Rename], "delete", n[manifest.Delete],
	)}
	if many := len(plan.Spared); many > 0 {
		out.Spared = v.Say("manifest.spared", "count", many, "first", strings.Join(plan.Spared[:min(many, 10)], ", "))
	}
	if plan.Takes > 0 {
		out.Takes = v.Say("console.plan.takes", "count", plan.Takes)
	}
	for _, step := range plan.Steps {
		if step.Action == manifest.None || len(out.Steps) == stepsMost {
			continue
		}
		one := ui.Step{
			Action: string(step.Action), Sign: step.Action.Sign(), Kind: step.Kind, Name: titled(step.Org, step.Name), From: step.From,
		}
		if step.Needs > 0 {
			one.Needed = v.Say("manifest.needed", "count", step.Needs, "first", strings.Join(step.NeededBy, ", "))
		}
		for _, d := range step.Differences {
			one.Changes = append(one.Changes, ui.Change(d))
		}
		out.Steps = append(out.Steps, one)
	}
	return out
}
