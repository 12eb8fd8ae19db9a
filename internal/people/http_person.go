package people

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/foresee"
	"github.com/sekisho/sekisho/internal/web"
)

type personBody struct {
	ID string `json:"id"`
	Profile
	EmailVerified bool      `json:"email_verified" doc:"The person has proved to read mails there"`
	State         string    `json:"state" enum:"active,disabled,invited"`
	Organizations []string  `json:"organizations" doc:"Those in which the caller reads people, or all of one's own"`
	Created       time.Time `json:"created"`
	Version       int64     `json:"version" doc:"Send it back with a change"`
}

func bodyOfPerson(p org.Person, shared []id.Org) personBody {
	return personBody{string(p.ID), profileOf(p), p.Verified, string(p.State), texts(shared), p.Created, p.Version}
}

type (
	peopleInput struct {
		Paged
		Query string `query:"q" doc:"Words of name, reading, login or address"`
		IDs   string `query:"ids" doc:"Up to 200 ids, by comma: exactly these, in this order, without who is not there"`
	}
	personInput struct {
		Person string `path:"person"`
	}
	deleteInput struct {
		Person string `path:"person"`
		Login  string `query:"login" required:"true" doc:"Of the person, typed by whoever deletes"`
	}
	changeBody struct {
		Login       *string `json:"login,omitempty" doc:"Unique in the house, in any case and width"`
		Email       *string `json:"email,omitempty" doc:"Address for mails of the house; a new one must be proved anew"`
		DisplayName *string `json:"display_name,omitempty" doc:"Made from the other names if empty"`
		FamilyName  *string `json:"family_name,omitempty" doc:"Shown first where the language does so"`
		GivenName   *string `json:"given_name,omitempty" doc:"Shown last where the language does so"`
		Reading     *string `json:"reading,omitempty" doc:"Of the name, in kana"`
		Locale      *string `json:"locale,omitempty" doc:"en or ja; empty for what the browser says"`
		TimeZone    *string `json:"time_zone,omitempty" doc:"Such as Asia/Tokyo"`
		Version     int64   `json:"version" doc:"As read; a change in between is a conflict"`
	}
	changePersonInput struct {
		Person string `path:"person"`
		Body   changeBody
	}
	changeMeInput struct {
		Body struct {
			DisplayName *string `json:"display_name,omitempty" doc:"Made from the other names if empty"`
			FamilyName  *string `json:"family_name,omitempty" doc:"Shown first where the language does so"`
			GivenName   *string `json:"given_name,omitempty" doc:"Shown last where the language does so"`
			Reading     *string `json:"reading,omitempty" doc:"Of the name, in kana"`
			Locale      *string `json:"locale,omitempty" doc:"en or ja; empty for what the browser says"`
			TimeZone    *string `json:"time_zone,omitempty" doc:"Such as Asia/Tokyo"`
			Version     int64   `json:"version"`
		}
	}
)

func (r *Room) personAPI(m *web.Mux) {
	const tag = "people"
	web.API(m, web.Route{Permission: org.Everything}, op(http.MethodGet, "/people", "list-people", "People of the whole house", tag), r.apiPeople)
	read, write, erase := web.Route{Permission: org.PeopleRead}, web.Route{Permission: org.PeopleWrite}, web.Route{Permission: org.PeopleErase}
	web.API(m, read, op(http.MethodGet, "/people/{person}", "get-person", "One person", tag), r.apiPerson)
	web.API(m, write, web.MayWait(op(http.MethodPatch, "/people/{person}", "change-person", "Change what is said of a person; what is left out stays", tag)), r.apiChangePerson)
	enable, disable := op(http.MethodPost, "/people/{person}/enable", "enable-person", "Let a person sign in again", tag), op(http.MethodPost, "/people/{person}/disable", "disable-person", "End a person's sessions and let them in nowhere", tag)
	enable.DefaultStatus, disable.DefaultStatus = http.StatusOK, http.StatusOK
	web.API(m, write, web.MayWait(web.Foreseeing(enable)), r.apiState(org.Active))
	web.API(m, write, web.Foreseeing(disable), r.apiState(org.Disabled))
	web.API(m, read, op(http.MethodGet, "/people/{person}/deletion", "plan-person-deletion", "What a deletion would erase and keep", tag), r.apiDeletion)
	web.API(m, fresh(erase), op(http.MethodDelete, "/people/{person}", "delete-person", "Delete a person for good", tag), r.apiDelete)
	web.API(m, web.Route{Permission: web.SignedIn}, op(http.MethodGet, "/me", "get-profile", "One's own profile", tag), r.apiMe)
	web.API(m, web.Route{Permission: web.SignedIn}, op(http.MethodPatch, "/me", "change-profile", "Change one's own profile; what is left out stays", tag), r.apiChangeMe)
}

// meets returns a person whom the caller sees; a token sees who is in its own
// organization.
func (r *Room) meets(ctx context.Context, which string) (org.Person, []id.Org, error) {
	p, shared, err := r.sees(ctx, by(ctx), id.Person(which))
	if a := web.ActorOf(ctx); err == nil && a.Token && !slices.Contains(shared, a.Org) {
		err = errNoPerson
	}
	return p, shared, err
}

func (r *Room) apiPeople(ctx context.Context, input *peopleInput) (*items[personBody], error) {
	if input.IDs != "" {
		return r.apiPeopleByID(ctx, strings.Split(input.IDs, ","))
	}
	found, err := r.org.Search(ctx, org.Query{Text: input.Query, Cursor: input.Cursor, Limit: input.Limit})
	var bodies []personBody
	for _, p := range found.People {
		bodies = append(bodies, bodyOfPerson(p, nil))
	}
	return list(bodies, found.Next), err
}

func (r *Room) apiPeopleByID(ctx context.Context, ids []string) (*items[personBody], error) {
	if len(ids) > 200 {
		return nil, withField(fault.New(fault.Invalid, "input-invalid"), "ids", "field-too-many", "limit", 200)
	}
	found, err := r.org.People(ctx, idsIn[id.Person](ids))
	var bodies []personBody
	for _, which := range ids {
		if p, ok := found[id.Person(which)]; ok && p.State != org.Deleted {
			bodies = append(bodies, bodyOfPerson(p, nil))
		}
	}
	return list(bodies, ""), err
}

func (r *Room) apiPerson(ctx context.Context, input *personInput) (*one[personBody], error) {
	p, shared, err := r.meets(ctx, input.Person)
	return &one[personBody]{bodyOfPerson(p, shared)}, err
}

func (b changeBody) onto(p *org.Person) {
	set(&p.Login, b.Login)
	set(&p.Email, b.Email)
	set(&p.DisplayName, b.DisplayName)
	set(&p.FamilyName, b.FamilyName)
	set(&p.GivenName, b.GivenName)
	set(&p.Reading, b.Reading)
	set(&p.Locale, b.Locale)
	set(&p.TimeZone, b.TimeZone)
	p.Version = b.Version
}

func (r *Room) apiChangePerson(ctx context.Context, input *changePersonInput) (*one[personBody], error) {
	p, shared, err := r.meets(ctx, input.Person)
	if err != nil {
		return nil, err
	}
	next := p
	input.Body.onto(&next)
	if identity(p, next) {
		if err := web.ActorOf(ctx).Fresh(web.Recent, r.clock.Now()); err != nil {
			return nil, err
		}
	}
	if err := r.Change(ctx, by(ctx), next); err != nil {
		return nil, err
	}
	p, err = r.org.Person(ctx, p.ID)
	return &one[personBody]{bodyOfPerson(p, shared)}, err
}

func (r *Room) apiState(state org.State) func(context.Context, *personInput) (*one[personBody], error) {
	return func(ctx context.Context, input *personInput) (*one[personBody], error) {
		p, shared, err := r.meets(ctx, input.Person)
		if err == nil {
			r.foresees(ctx, web.ActorOf(ctx).Org, func(e foresee.Eye) ([]string, error) { return e.State(p, false, state == org.Disabled) })
			err = r.SetState(ctx, by(ctx), p.ID, state)
		}
		if err != nil {
			return nil, err
		}
		p, err = r.org.Person(ctx, p.ID)
		return &one[personBody]{bodyOfPerson(p, shared)}, err
	}
}

type deletionBody struct {
	Erased  []partBody `json:"erased" doc:"What is erased"`
	Kept    []partBody `json:"kept" doc:"What stays"`
	Allowed bool       `json:"allowed" doc:"It can be deleted now"`
	Refused string     `json:"refused,omitempty" doc:"Code of the problem that a deletion would answer"`
}

type partBody struct {
	Part string `json:"part" doc:"Stable name of it"`
	Text string `json:"text" doc:"In the caller's language"`
}

// erased and kept are what becomes of the parts of a person.
var (
	erased = []string{"profile", "memberships", "signin", "sessions", "tokens"}
	kept   = []string{"identifier", "log", "login"}
)

func (r *Room) apiDeletion(ctx context.Context, input *personInput) (*one[deletionBody], error) {
	p, _, err := r.meets(ctx, input.Person)
	if err != nil {
		return nil, err
	}
	d, err := r.PlanDeletion(ctx, by(ctx), web.ActorOf(ctx).Org, p.ID)
	body := deletionBody{Allowed: d.Refused == nil}
	if d.Refused != nil {
		body.Refused = d.Refused.Code
	}
	say := func(parts []string, group string) (all []partBody) {
		for _, part := range parts {
			all = append(all, partBody{part, r.book.Say(web.LangOf(ctx), "people.deletion."+group+"."+part, map[string]any{"count": len(d.Orgs)})})
		}
		return all
	}
	body.Erased, body.Kept = say(erased, "erased"), say(kept, "kept")
	return &one[deletionBody]{body}, err
}

func (r *Room) apiDelete(ctx context.Context, input *deleteInput) (*nothing, error) {
	p, _, err := r.meets(ctx, input.Person)
	if err != nil {
		return nil, err
	}
	return &nothing{}, r.Delete(ctx, by(ctx), p.ID, input.Login)
}

// me is the person who calls; who is none has no profile.
func me(ctx context.Context) (id.Person, error) {
	if who := by(ctx).Person(); who != "" {
		return who, nil
	}
	return "", errNoPerson
}

var errPresent = fault.New(fault.Forbidden, "person-must-be-present")

func (r *Room) apiMe(ctx context.Context, _ *struct{}) (*one[personBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	p, shared, err := r.sees(ctx, by(ctx), who)
	return &one[personBody]{bodyOfPerson(p, shared)}, err
}

func (r *Room) apiChangeMe(ctx context.Context, input *changeMeInput) (*one[personBody], error) {
	who, err := me(ctx)
	if err == nil && limited(ctx) {
		err = errPresent
	}
	if err != nil {
		return nil, err
	}
	p, shared, err := r.sees(ctx, by(ctx), who)
	if err != nil {
		return nil, err
	}
	b := input.Body
	changeBody{nil, nil, b.DisplayName, b.FamilyName, b.GivenName, b.Reading, b.Locale, b.TimeZone, b.Version}.onto(&p)
	if err := r.Change(ctx, by(ctx), p); err != nil {
		return nil, err
	}
	p, err = r.org.Person(ctx, who)
	return &one[personBody]{bodyOfPerson(p, shared)}, err
}

type (
	importInput struct {
		Org  string `path:"org"`
		Body struct {
			CSV    string `json:"csv" doc:"The list, with a head; at most 10,000 rows and 5 MB"`
			Invite bool   `json:"invite,omitempty" doc:"Send an invitation to whoever is added without a password"`
			Apply  bool   `json:"apply,omitempty" doc:"Do it; without it, say what would be done"`
			Digest string `json:"digest,omitempty" doc:"Of the dry run that was seen: anything else is refused"`
		}
	}
	importBody struct {
		Applied bool           `json:"applied" doc:"It was done, not only planned"`
		Digest  string         `json:"digest" doc:"Of this plan: send it back to apply just that"`
		Counts  map[string]int `json:"counts" doc:"Rows by action"`
		Rows    []rowBody      `json:"rows" doc:"One for each line of the list"`
	}
	rowBody struct {
		Line     int           `json:"line" doc:"In the file, from 1"`
		Login    string        `json:"login" doc:"As the list says it"`
		Action   string        `json:"action" enum:"create,update,unchanged,problem" doc:"What is done about it"`
		Changes  []string      `json:"changes,omitempty" doc:"Columns that differ"`
		Problems []troubleBody `json:"problems,omitempty" doc:"What is wrong with the line"`
		Link     string        `json:"link,omitempty" doc:"To hand on, where the house sends no mail; shown once"`
	}
	troubleBody struct {
		Column  string `json:"column,omitempty" doc:"Where it is"`
		Code    string `json:"code" doc:"Stable name of what is wrong"`
		Message string `json:"message" doc:"In the caller's language"`
	}
)

func (r *Room) importAPI(m *web.Mux) {
	route := in(org.PeopleWrite)
	route.Large = true
	o := op(http.MethodPost, "/organizations/{org}/import", "import-people", "Add and change people by a list: a dry run, then all or nothing", "members")
	o.DefaultStatus = http.StatusOK
	web.API(m, route, web.MayWait(o), r.apiImport)
}

func (r *Room) apiImport(ctx context.Context, input *importInput) (*one[importBody], error) {
	where, b := id.Org(input.Org), input.Body
	if !b.Apply {
		plan, err := r.PlanImport(ctx, by(ctx), where, []byte(b.CSV), b.Invite)
		if err != nil {
			return nil, err
		}
		return &one[importBody]{r.bodyOfImport(ctx, plan, nil)}, nil
	}
	plan, err := r.PlanImport(ctx, by(ctx), where, []byte(b.CSV), b.Invite)
	if err == nil {
		err = r.freshFor(ctx, plan.Roles())
	}
	if err != nil {
		return nil, err
	}
	plan, invited, err := r.ApplyImport(ctx, by(ctx), where, []byte(b.CSV), b.Invite, b.Digest)
	if err != nil {
		return nil, err
	}
	body := r.bodyOfImport(ctx, plan, invited)
	body.Applied = true
	return &one[importBody]{body}, nil
}

// Roles are those that a list gives to somebody.
func (i *Import) Roles() (all []id.Role) {
	for _, row := range i.Rows {
		if row.Action == Create || row.member {
			all = append(all, row.entry.member.Roles...)
		}
	}
	return all
}

func (r *Room) bodyOfImport(ctx context.Context, plan *Import, invited []Invited) importBody {
	body := importBody{Digest: plan.Digest, Counts: map[string]int{}, Rows: []rowBody{}}
	for _, action := range []Action{Create, Update, Unchanged, Problem} {
		body.Counts[string(action)] = plan.Counts[action]
	}
	links := map[id.Person]string{}
	for _, one := range invited {
		links[one.Person] = one.Link.Reveal()
	}
	for _, row := range plan.Rows {
		b := rowBody{Line: row.Line, Login: row.Login, Action: string(row.Action), Changes: row.Changes, Link: links[row.entry.person.ID]}
		for _, t := range row.Troubles {
			b.Problems = append(b.Problems, troubleBody{t.Path, t.Code, r.book.Say(web.LangOf(ctx), "problem."+t.Code, t.Args)})
		}
		body.Rows = append(body.Rows, b)
	}
	return body
}
