package jira

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
)

//go:embed sites.json
var seeds embed.FS

// site is one of the cloud, such as https://kaede.atlassian.net.
type site struct {
	Key      string   `json:"key"`
	Name     string   `json:"name"`
	Desks    []desk   `json:"desks"`
	Members  []string `json:"members"` // logins; none is everybody
	Cloud    string   `json:"-"`       // cloudid
	requests []*request
}

// desk is a service desk, with the project of its issues.
type desk struct {
	ID      string        `json:"id"`
	Project string        `json:"project"`
	Name    string        `json:"name"`
	Ja      string        `json:"ja"`
	Types   []requestType `json:"types"`
}

// requestType is what can be asked for at a desk.
type requestType struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	About   string   `json:"about"`
	Ja      string   `json:"ja"`
	AboutJa string   `json:"about_ja"`
	Fields  []field  `json:"fields"`
	Stages  []staged `json:"stages"`
}

// field is one of a request type.
type field struct {
	ID       string   `json:"id"`
	Label    string   `json:"label"`
	Ja       string   `json:"ja"`
	Kind     string   `json:"kind"` // text, number, date, option, options or asset
	Required bool     `json:"required"`
	Options  []string `json:"options"`
}

// staged is an approval that a request type wants, one behind the other.
type staged struct {
	Name      string   `json:"name"`
	Ja        string   `json:"ja"`
	Status    string   `json:"status"`    // of the request while it waits
	Approvers []string `json:"approvers"` // logins; "manager" is the reporter's
	Need      string   `json:"need"`      // any or all
}

// status of a request.
type status struct {
	Name     string
	Category string // NEW, INDETERMINATE or DONE
	Since    time.Time
}

// request is an issue with its portal side.
type request struct {
	ID, Key     string
	Desk, Type  string
	Reporter    string // login
	Created     time.Time
	Updated     time.Time
	Status      status
	Values      map[string]any
	Approvals   []*approval
	Comments    []*comment
	Properties  map[string]any
	Watched     []status // what it has been
	nextOfStage int
}

type approval struct {
	ID, Name  string
	Ja        string
	Need      string
	Final     string // pending, approved or declined
	Answers   []answer
	Created   time.Time
	Completed time.Time
}

type answer struct {
	Login, Decision string // pending, approved or declined
	At              time.Time
}

type comment struct {
	ID, By, Text string
	Public       bool
	At           time.Time
	Properties   map[string]any
}

// seeded are the sites as they begin.
func seeded() ([]*site, error) {
	text, err := seeds.ReadFile("sites.json")
	if err != nil {
		return nil, err
	}
	var sites []*site
	if err := json.Unmarshal(text, &sites); err != nil {
		return nil, err
	}
	for _, one := range sites {
		id := fake.Stable("jira site:" + one.Key)
		one.Cloud = strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
	}
	return sites, nil
}

// siteOf finds a site by its key or its cloudid.
func (s *System) siteOf(name string) *site {
	for _, one := range s.sites {
		if one.Key == name || one.Cloud == name {
			return one
		}
	}
	return nil
}

// sitesOf are those of a person, the other one first.
func (s *System) sitesOf(login string) (all []*site) {
	for _, one := range s.sites {
		member := len(one.Members) == 0 || slices.Contains(one.Members, login)
		if member && !(s.switches.OneSite && one != s.sites[len(s.sites)-1]) {
			all = append(all, one)
		}
	}
	return all
}

func (one *site) desk(id string) *desk {
	for i := range one.Desks {
		if one.Desks[i].ID == id {
			return &one.Desks[i]
		}
	}
	return nil
}

func (d *desk) kind(id string) *requestType {
	if d == nil {
		return nil
	}
	for i := range d.Types {
		if d.Types[i].ID == id {
			return &d.Types[i]
		}
	}
	return nil
}

// request finds one by its id or its key.
func (one *site) request(name string) *request {
	for _, q := range one.requests {
		if strings.EqualFold(q.Key, name) || q.ID == name {
			return q
		}
	}
	return nil
}

// find is a request of any site.
func (s *System) find(key string) (*site, *request) {
	for _, one := range s.sites {
		if q := one.request(key); q != nil {
			return one, q
		}
	}
	return nil, nil
}

// next numbers things, each kind on its own.
func (s *System) next(kind string) string {
	s.numbers[kind]++
	return fmt.Sprint(s.numbers[kind])
}

func (s *System) byMail(mail string) *user {
	for _, u := range s.people {
		if strings.EqualFold(u.Email, mail) {
			return u
		}
	}
	return nil
}

func (s *System) byAccount(account string) *user {
	for _, u := range s.people {
		if u.Account == account {
			return u
		}
	}
	return nil
}

// agent says whether somebody works at the desks.
func (u *user) agent() bool {
	return slices.ContainsFunc(u.Roles, func(role string) bool { return role == "admin" || role == "itil" || role == "approver_user" })
}

// sees says whether somebody may read a request.
func (u *user) sees(q *request) bool {
	return u.agent() || q.Reporter == u.Login || q.approverOf(u.Login)
}

func (q *request) approverOf(login string) bool {
	return slices.ContainsFunc(q.Approvals, func(a *approval) bool { return a.answer(login) != nil })
}

// answer is that of somebody, or nil if they are not asked.
func (a *approval) answer(login string) *answer {
	for i := range a.Answers {
		if a.Answers[i].Login == login {
			return &a.Answers[i]
		}
	}
	return nil
}

// awaits says whether somebody can answer now.
func (a *approval) awaits(login string) bool {
	own := a.answer(login)
	return own != nil && a.Final == "pending" && own.Decision == "pending"
}

// save makes what puts all requests back as they are now.
func (s *System) save() func() {
	kept := make([][]*request, len(s.sites))
	for i, one := range s.sites {
		for _, q := range one.requests {
			kept[i] = append(kept[i], q.copy())
		}
	}
	return func() {
		for i, one := range s.sites {
			one.requests = kept[i]
		}
	}
}

func (q *request) copy() *request {
	out := *q
	out.Values, out.Properties, out.Watched = maps.Clone(q.Values), maps.Clone(q.Properties), slices.Clone(q.Watched)
	out.Approvals, out.Comments = nil, nil
	for _, a := range q.Approvals {
		copied := *a
		copied.Answers = slices.Clone(a.Answers)
		out.Approvals = append(out.Approvals, &copied)
	}
	for _, c := range q.Comments {
		copied := *c
		copied.Properties = maps.Clone(c.Properties)
		out.Comments = append(out.Comments, &copied)
	}
	return &out
}
