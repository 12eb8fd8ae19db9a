// Package offer keeps what an organization says of the things that can be asked
// for: who owns them, what they are and cost, by what else policies tell them
// apart; and asks that are prepared, for people who need the same as others.
package offer

import (
	"context"
	"embed"
	"regexp"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// Words are the room's sentences.
//
//go:embed words
var Words embed.FS

// Thing is what is said of one thing that can be asked for.
type Thing struct {
	Target string   `yaml:"target,required" json:"target" doc:"What it is about: group:ID or role:ID, by name in manifests"`
	About  string   `yaml:"about,omitempty" json:"about,omitempty" doc:"What it is and what it is for, plain text"`
	Owners []string `yaml:"owners,omitempty" json:"owners,omitempty" doc:"Whom the approver owner means: ids, in manifests logins"`
	Price  Price    `yaml:"price,omitempty" json:"price,omitzero" doc:"What it costs"`
	// Attributes are what conditions of policies tell things apart by.
	Attributes map[string]string `yaml:"attributes,omitempty" json:"attributes,omitempty" doc:"What else policies tell it by: risk, and the like"`
}

// Price is an amount of money.
type Price struct {
	Amount   string `yaml:"amount,omitempty" json:"amount,omitempty" doc:"Decimal number: 1200.50"`
	Currency string `yaml:"currency,omitempty" json:"currency,omitempty" doc:"ISO 4217: JPY"`
}

// Template is an ask that somebody prepared.
type Template struct {
	Title  string   `yaml:"title,required" json:"title" doc:"What people call it"`
	About  string   `yaml:"about,omitempty" json:"about,omitempty" doc:"For whom it is, plain text"`
	Things []string `yaml:"things,required" json:"things" doc:"What is asked for, each by itself: group:ID or role:ID, by name in manifests"`
	Reason string   `yaml:"reason,omitempty" json:"reason,omitempty" doc:"Written into the form beforehand"`
	Hint   string   `yaml:"hint,omitempty" json:"hint,omitempty" doc:"What a reason should say"`
	Hours  int      `yaml:"hours,omitempty" json:"hours,omitempty" doc:"For how long; 0: as the policy proposes"`
}

// Bounds of what is said.
const (
	textMost, titleMost, thingsMost, ownersMost, attributesMost = 1000, 100, 10, 20, 20
	hoursMost                                                   = 366 * 24
)

var (
	amountForm    = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,4})?$`)
	currencyForm  = regexp.MustCompile(`^[A-Z]{3}$`)
	attributeForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

func checkThing(s *Thing, bad *fault.Checks) {
	checkTarget(bad, "target", s.Target)
	paper.CheckText(bad, "about", s.About, textMost, false)
	if len(s.Owners) > ownersMost {
		bad.Add("owners", "list-too-long", "limit", ownersMost)
	}
	if (s.Price.Amount == "") != (s.Price.Currency == "") || s.Price.Amount != "" && !amountForm.MatchString(s.Price.Amount) {
		bad.Add("price.amount", "offer-not-an-amount")
	}
	if s.Price.Currency != "" && !currencyForm.MatchString(s.Price.Currency) {
		bad.Add("price.currency", "offer-not-a-currency")
	}
	if len(s.Attributes) > attributesMost {
		bad.Add("attributes", "list-too-long", "limit", attributesMost)
	}
	for name, value := range s.Attributes {
		if !attributeForm.MatchString(name) {
			bad.Add("attributes", "paper-line-unclear", "line", name)
		}
		paper.CheckText(bad, "attributes", value, titleMost, true)
	}
}

func checkTarget(bad *fault.Checks, path, target string) {
	if kind, which, ok := strings.Cut(target, ":"); !ok || kind == "" || which == "" || kind == "person" {
		bad.Add(path, "paper-reference-unclear", "name", target, "form", "group:…, role:…")
	}
}

func checkTemplate(s *Template, bad *fault.Checks) {
	paper.CheckText(bad, "title", s.Title, titleMost, true)
	paper.CheckText(bad, "about", s.About, textMost, false)
	paper.CheckText(bad, "reason", s.Reason, request.ReasonMost, false)
	paper.CheckText(bad, "hint", s.Hint, titleMost*2, false)
	if len(s.Things) == 0 {
		bad.Add("things", "field-required")
	}
	if len(s.Things) > thingsMost {
		bad.Add("things", "list-too-long", "limit", thingsMost)
	}
	for _, target := range s.Things {
		checkTarget(bad, "things", target)
	}
	if s.Hours < 0 || s.Hours > hoursMost {
		bad.Add("hours", "paper-number-out-of-range", "least", 1, "most", hoursMost)
	}
}

// Room keeps both.
type Room struct {
	Things    *paper.Drawer[Thing]
	Templates *paper.Drawer[Template]
	hall      func() *request.Hall
}

// New makes the room; the hall is made after it.
func New(o paper.Options, hall func() *request.Hall) *Room {
	r := &Room{hall: hall}
	r.Things = paper.New(o, paper.Kind[Thing]{
		Name: "ask-target", Manifest: "AskTarget", Decides: true, Permission: request.Policy, Check: checkThing, Rename: renameThing, May: r.mayDescribe, Changed: followed, Drawn: drawnThing(),
		Says: func(s Thing) map[string]string {
			return map[string]string{"target": s.Target, "owners": strings.Join(s.Owners, " "), "price": strings.TrimSpace(s.Price.Amount + " " + s.Price.Currency)}
		},
	})
	r.Templates = paper.New(o, paper.Kind[Template]{
		Name: "ask-template", Manifest: "AskTemplate", Permission: request.Policy, Check: checkTemplate, Rename: renameTemplate, Drawn: drawnTemplate(),
		Says: func(s Template) map[string]string {
			return map[string]string{"title": s.Title, "things": strings.Join(s.Things, " ")}
		},
	})
	return r
}

func renameThing(s Thing, f func(path, named string) string) Thing {
	s.Target = f("target", s.Target)
	owners := []string{}
	for _, one := range s.Owners {
		owners = append(owners, paper.Bare(f("owners", paper.Person(one))))
	}
	if s.Owners = owners; len(owners) == 0 {
		s.Owners = nil
	}
	return s
}

func renameTemplate(s Template, f func(path, named string) string) Template {
	things := make([]string, len(s.Things))
	for i, one := range s.Things {
		things[i] = f("things", one)
	}
	s.Things = things
	return s
}

// mayDescribe refuses a second one of a thing, and who could not give it
// themselves: its owners decide about it, and policies go by the rest (A123). To
// say nothing of it any more changes as much.
func (r *Room) mayDescribe(v *store.View, by id.Principal, in id.Org, before, after *paper.Paper[Thing]) error {
	if before != nil {
		if err := r.hall().MayLend(v, by, in, before.Spec.Target); err != nil {
			return err
		}
	}
	if after == nil {
		return nil
	}
	all, err := r.Things.In(v, in)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(p paper.Paper[Thing]) bool { return p.ID != after.ID && p.Spec.Target == after.Spec.Target }) {
		var bad fault.Checks
		bad.Add("target", "offer-target-taken")
		return bad.Fault("paper-invalid")
	}
	return r.hall().MayLend(v, by, in, after.Spec.Target)
}

// followed has open questions go to whoever may decide by what is said now.
func followed(tx *store.Tx, before, after *paper.Paper[Thing]) error {
	p := after
	if p == nil {
		p = before
	}
	return request.Reseat(tx, p.Org, tx.Now())
}

// Describe implements request.Describer.
func (r *Room) Describe(v *store.View, in id.Org, all []request.Target) error {
	said, err := r.Things.In(v, in)
	if err != nil || len(said) == 0 {
		return err
	}
	by := map[string]Thing{}
	for _, p := range said {
		by[p.Spec.Target] = p.Spec
	}
	for i := range all {
		if s, ok := by[all[i].Kind+":"+all[i].ID]; ok {
			s.describe(&all[i])
		}
	}
	return nil
}

func (s Thing) describe(t *request.Target) {
	if s.About != "" {
		t.About = s.About
	}
	for _, one := range s.Owners {
		t.Owners = append(t.Owners, id.Person(one))
	}
	if s.Price.Amount != "" {
		t.Price = request.Price{Amount: s.Price.Amount, Currency: s.Price.Currency}
		t.Facts = append(t.Facts, request.Fact{Key: "ask.fact.price", Value: s.Price.Amount + " " + s.Price.Currency})
	}
	t.Attributes = s.Attributes
	for _, name := range sorted(s.Attributes) {
		t.Facts = append(t.Facts, request.Fact{Key: "ask.fact.attribute", Value: name + ": " + s.Attributes[name]})
	}
}

func sorted(all map[string]string) (names []string) {
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Prepared implements approval.Templates: the asks that are prepared in an
// organization, by title.
func (r *Room) Prepared(ctx context.Context, in id.Org) (all []request.Prepared, err error) {
	papers, err := r.Templates.List(ctx, in)
	for _, p := range papers {
		one := request.Prepared{ID: p.ID, Title: p.Spec.Title, About: p.Spec.About, Reason: p.Spec.Reason, Hint: p.Spec.Hint, Hours: p.Spec.Hours}
		for _, thing := range p.Spec.Things {
			kind, which, _ := strings.Cut(thing, ":")
			one.Things = append(one.Things, request.Thing{Kind: kind, Target: which})
		}
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b request.Prepared) int { return strings.Compare(a.Title, b.Title) })
	return all, err
}
