package review

import (
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// Campaign is what a campaign says.
type Campaign struct {
	Title     string   `yaml:"title,required" json:"title" doc:"What reviewers read"`
	Kind      string   `yaml:"kind,required" json:"kind" enum:"group,role,lease" doc:"Memberships in groups, roles, or what is out for a time"`
	Targets   []string `yaml:"targets,omitempty" json:"targets,omitempty" doc:"Only these: group:ID or role:ID, by name in manifests; none: all"`
	When      string   `yaml:"when,omitempty" json:"when,omitempty" doc:"A condition in CEL over member, grant and now"`
	Reviewers []string `yaml:"reviewers,required" json:"reviewers" doc:"owner, manager, person:ID, group:ID, role:ID or on-call:NAME"`
	Fallback  []string `yaml:"fallback,omitempty" json:"fallback,omitempty" doc:"Reviewers where nobody of the others can; administrators after them"`
	Days      int      `yaml:"days,omitempty" json:"days,omitempty" doc:"How long reviewers have; 14 if 0"`
	Reminders []int    `yaml:"reminders,omitempty" json:"reminders,omitempty" doc:"Days after the start"`
	Silence   string   `yaml:"silence,omitempty" json:"silence,omitempty" enum:"end,escalate" doc:"What becomes of what nobody answers: it is ended, or further people are asked first; end if empty"`
	Escalate  []string `yaml:"escalate_to,omitempty" json:"escalate_to,omitempty" doc:"Reviewers who are asked, too, when the days are over"`
	Further   int      `yaml:"escalate_days,omitempty" json:"escalate_days,omitempty" doc:"How long they have; 7 if 0"`
	Starts    string   `yaml:"starts,omitempty" json:"starts,omitempty" doc:"Day on which it begins by itself: 2026-12-01"`
	Months    int      `yaml:"every_months,omitempty" json:"every_months,omitempty" doc:"It begins again after so many months; 0: never"`
	TimeZone  string   `yaml:"time_zone,omitempty" json:"time_zone,omitempty" doc:"IANA name of the zone whose days these are; UTC if empty"`
}

// The kinds of grants, and what becomes of what nobody answers.
const (
	OfGroups, OfRoles, OfLeases = "group", "role", "lease"
	SilenceEnds                 = "end"
	SilenceEscalates            = "escalate"
)

// Bounds of a campaign.
const (
	titleMost, daysMost, monthsMost, listMost, remindersMost = 100, 180, 60, 50, 5
	usualDays, usualFurther                                  = 14, 7
)

// check fills in what was not said, and says all that is wrong.
func check(c *Campaign, bad *fault.Checks) {
	if c.Days == 0 {
		c.Days = usualDays
	}
	if c.Silence == "" {
		c.Silence = SilenceEnds
	}
	if c.Further == 0 && c.Silence == SilenceEscalates {
		c.Further = usualFurther
	}
	slices.Sort(c.Reminders)
	c.Reminders = slices.Compact(c.Reminders)
	paper.CheckText(bad, "title", c.Title, titleMost, true)
	if c.Kind != OfGroups && c.Kind != OfRoles && c.Kind != OfLeases {
		bad.Add("kind", "review-kind-unknown")
	}
	checkTimes(c, bad)
	for _, target := range c.Targets {
		if kind, which, _ := strings.Cut(target, ":"); which == "" || kind != c.Kind && (c.Kind != OfLeases || kind == "person") {
			bad.Add("targets", "paper-reference-unclear", "name", target, "form", "group:…, role:…")
		}
	}
	if len(c.Reviewers) == 0 {
		bad.Add("reviewers", "field-required")
	}
	if (len(c.Escalate) > 0) != (c.Silence == SilenceEscalates) {
		bad.Add("escalate_to", "review-escalation-half")
	}
	for path, list := range map[string][]string{"reviewers": c.Reviewers, "fallback": c.Fallback, "escalate_to": c.Escalate} {
		for _, one := range request.CheckApprovers(approvers(list)) {
			bad.Add(path, "policy-approver-unknown", "approver", string(one))
		}
		if len(list) > listMost {
			bad.Add(path, "list-too-long", "limit", listMost)
		}
	}
	if c.When != "" {
		compiles(bad, c.When)
	}
}

func checkTimes(c *Campaign, bad *fault.Checks) {
	paper.Within(bad, "days", c.Days, 1, daysMost)
	paper.Within(bad, "escalate_days", c.Further, 0, daysMost)
	paper.Within(bad, "every_months", c.Months, 0, monthsMost)
	if len(c.Reminders) > remindersMost {
		bad.Add("reminders", "list-too-long", "limit", remindersMost)
	}
	for _, n := range c.Reminders {
		if n < 1 || n >= c.Days {
			bad.Add("reminders", "policy-after-expiry")
		}
	}
	if c.Silence != SilenceEnds && c.Silence != SilenceEscalates {
		bad.Add("silence", "review-silence-unknown")
	}
	if _, err := time.Parse(time.DateOnly, c.Starts); c.Starts != "" && err != nil || c.Starts == "" && c.Months > 0 {
		bad.Add("starts", "review-not-a-day")
	}
	if _, err := time.LoadLocation(c.TimeZone); err != nil || c.TimeZone == "Local" {
		bad.Add("time_zone", "review-zone-unknown")
	}
}

func approvers(all []string) (some []request.Approver) {
	for _, one := range all {
		some = append(some, request.Approver(one))
	}
	return some
}

func rename(c Campaign, f func(path, named string) string) Campaign {
	each := func(path string, all []string) (some []string) {
		for _, one := range all {
			some = append(some, f(path, one))
		}
		return some
	}
	c.Targets, c.Reviewers = each("targets", c.Targets), each("reviewers", c.Reviewers)
	c.Fallback, c.Escalate = each("fallback", c.Fallback), each("escalate_to", c.Escalate)
	return c
}

func (c Campaign) zone() *time.Location {
	if zone, err := time.LoadLocation(c.TimeZone); err == nil {
		return zone
	}
	return time.UTC
}

// Next is when it begins by itself after a time; zero for never. What begins on
// the 31st begins on the last day of shorter months.
func (c Campaign) Next(after time.Time) time.Time {
	first, err := time.Parse(time.DateOnly, c.Starts)
	if err != nil {
		return time.Time{}
	}
	for n := 0; ; n += c.Months {
		year, month, day := first.Date()
		last := time.Date(year, month+time.Month(n)+1, 0, 0, 0, 0, 0, time.UTC).Day()
		at := time.Date(year, month+time.Month(n), min(day, last), 0, 0, 0, 0, c.zone())
		if at.After(after) {
			return at
		}
		if c.Months == 0 {
			return time.Time{}
		}
	}
}

// may refuses a campaign by who could not take what it may end: silence ends it
// in their place.
func (r *Room) may(v *store.View, by id.Principal, in id.Org, _, after *paper.Paper[Campaign]) error {
	if after == nil {
		return nil
	}
	switch after.Spec.Kind {
	case OfGroups:
		return r.Register.Need(v, by, in, org.GroupWrite)
	case OfLeases:
		return r.Register.Need(v, by, in, lease.Revoke)
	}
	if err := r.Register.Need(v, by, in, org.PeopleWrite); err != nil {
		return err
	}
	if len(after.Spec.Targets) == 0 {
		return r.Hall.MayLend(v, by, in, "role:")
	}
	for _, target := range after.Spec.Targets {
		if err := r.Hall.MayLend(v, by, in, target); err != nil {
			return err
		}
	}
	return nil
}
