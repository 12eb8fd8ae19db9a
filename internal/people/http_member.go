package people

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/arrive"
	"github.com/sekisho/sekisho/internal/people/foresee"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Profile is what is said of a person.
type Profile struct {
	Login       string `json:"login" doc:"Unique in the house, in any case and width"`
	Email       string `json:"email,omitempty" doc:"Address for mails of the house"`
	DisplayName string `json:"display_name,omitempty" doc:"Made from the other names if empty"`
	FamilyName  string `json:"family_name,omitempty" doc:"Shown first where the language does so"`
	GivenName   string `json:"given_name,omitempty" doc:"Shown last where the language does so"`
	Reading     string `json:"reading,omitempty" doc:"Of the name, in kana"`
	Locale      string `json:"locale,omitempty" doc:"en or ja; empty for what the browser says"`
	TimeZone    string `json:"time_zone,omitempty" doc:"Such as Asia/Tokyo"`
}

func (b Profile) person() org.Person {
	return org.Person{
		Login: b.Login, Email: b.Email, DisplayName: b.DisplayName, FamilyName: b.FamilyName, GivenName: b.GivenName,
		Reading: b.Reading, Locale: b.Locale, TimeZone: b.TimeZone,
	}
}

func profileOf(p org.Person) Profile {
	return Profile{
		Login: p.Login, Email: p.Email, DisplayName: p.DisplayName, FamilyName: p.FamilyName, GivenName: p.GivenName,
		Reading: p.Reading, Locale: p.Locale, TimeZone: p.TimeZone,
	}
}

// MemberBody is a member as the API shows one.
type MemberBody struct {
	Person string `json:"person"`
	Profile
	EmailVerified bool        `json:"email_verified" doc:"The person has proved to read mails there"`
	State         string      `json:"state" enum:"active,disabled" doc:"Of the membership"`
	Account       string      `json:"account" enum:"active,disabled,invited" doc:"State of the person in the whole house"`
	Roles         []string    `json:"roles" doc:"Ids of roles; of a built-in one its name"`
	Manager       string      `json:"manager,omitempty" doc:"Id of a member"`
	Since         time.Time   `json:"since" doc:"When the membership began"`
	Invitation    *inviteBody `json:"invitation,omitempty"`
	Version       int64       `json:"version" doc:"Send it back with a change"`
}

type inviteBody struct {
	State  string    `json:"state" enum:"made,sent,refused,over,accepted"`
	At     time.Time `json:"at" doc:"When the link was made"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason,omitempty" doc:"What the mail server said"`
}

func texts[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, one := range all {
		out[i] = string(one)
	}
	return out
}

func idsIn[T ~string](all []string) []T {
	var out []T
	for _, one := range all {
		out = append(out, T(one))
	}
	return out
}

func bodyOfMember(l Listed) MemberBody {
	b := MemberBody{
		Person: string(l.Person.ID), Profile: profileOf(l.Person), EmailVerified: l.Person.Verified, State: string(l.Member.State),
		Account: string(l.Person.State), Roles: texts(l.Member.Roles), Manager: string(l.Member.Manager), Since: l.Member.Since, Version: l.Member.Version,
	}
	if i := l.Invitation; i != nil {
		b.Invitation = &inviteBody{string(i.State), i.At, i.Until, i.Reason}
	}
	return b
}

type (
	membersInput struct {
		Org string `path:"org"`
		Paged
		Query string `query:"q" doc:"Words of name, reading, login or address"`
		Role  string `query:"role"`
		Group string `query:"group" doc:"In the group directly or through others"`
		State string `query:"state" enum:"active,disabled,invited"`
	}
	memberInput struct {
		Org    string `path:"org"`
		Person string `path:"person"`
	}
	newMemberInput struct {
		Org  string `path:"org"`
		Body struct {
			Person  string   `json:"person,omitempty" doc:"Somebody whom the caller sees already; or else invite"`
			Invite  *Profile `json:"invite,omitempty" doc:"Somebody new, asked in by mail"`
			Roles   []string `json:"roles,omitempty" doc:"user if left out"`
			Groups  []string `json:"groups,omitempty" doc:"Ids of groups to put the member into"`
			Manager string   `json:"manager,omitempty" doc:"Id of a member; empty for none"`
		}
	}
	changeMemberInput struct {
		Org    string `path:"org"`
		Person string `path:"person"`
		Body   struct {
			Roles   *[]string `json:"roles,omitempty" doc:"Ids of roles; of a built-in one its name"`
			Manager *string   `json:"manager,omitempty" doc:"Id of a member; empty for none"`
			State   *string   `json:"state,omitempty" enum:"active,disabled"`
			Version int64     `json:"version" doc:"As read; a change in between is a conflict"`
		}
	}
	newMember struct {
		MemberBody
		Link string `json:"link,omitempty" doc:"To hand on, where the house sends no mail; shown once"`
	}
)

func (r *Room) memberAPI(m *web.Mux) {
	const path, tag = "/organizations/{org}/members", "members"
	web.API(m, in(org.PeopleRead), op(http.MethodGet, path, "list-members", "Members, by reading or by how well they fit", tag), r.apiMembers)
	web.API(m, in(org.PeopleWrite), web.MayWait(op(http.MethodPost, path, "add-member", "Make somebody a member, or invite somebody new", tag)), r.apiAddMember)
	web.API(m, in(org.PeopleRead), op(http.MethodGet, path+"/{person}", "get-member", "One member", tag), r.apiMember)
	web.API(m, in(org.PeopleWrite), web.MayWait(web.Foreseeing(op(http.MethodPatch, path+"/{person}", "change-member", "Change roles, manager or state; what is left out stays", tag))), r.apiChangeMember)
	web.API(m, in(org.PeopleWrite), op(http.MethodDelete, path+"/{person}", "remove-member", "End a membership; the person stays", tag), r.apiDropMember)
	again := op(http.MethodPost, path+"/{person}/invitation", "invite-again", "Send a new link to somebody who has not accepted yet", tag)
	web.API(m, in(org.PeopleWrite), again, r.apiInviteAgain)
}

func (r *Room) apiMembers(ctx context.Context, input *membersInput) (*items[MemberBody], error) {
	all, next, err := r.List(ctx, Filter{
		Org: id.Org(input.Org), Text: input.Query, Role: id.Role(input.Role), Group: id.Group(input.Group), State: org.State(input.State),
		Cursor: input.Cursor, Limit: input.Limit,
	})
	var bodies []MemberBody
	for _, l := range all {
		bodies = append(bodies, bodyOfMember(l))
	}
	return list(bodies, next), err
}

// Member returns one member as lists show them.
func (r *Room) Member(ctx context.Context, in id.Org, who id.Person) (Listed, error) {
	m, err := r.org.Member(ctx, in, who)
	if err != nil {
		return Listed{}, err
	}
	people, err := r.org.People(ctx, slices.DeleteFunc([]id.Person{who, m.Manager}, func(one id.Person) bool { return one == "" }))
	p, found := people[who]
	if err != nil || !found {
		return Listed{}, cmp.Or(err, error(errNoPerson))
	}
	l := Listed{Person: p, Member: m, Manager: people[m.Manager].DisplayName}
	invitations, err := r.invitations(ctx, in, []id.Person{who})
	if i, ok := invitations[who]; ok {
		l.Invitation = &i
	}
	return l, err
}

func (r *Room) apiMember(ctx context.Context, input *memberInput) (*one[MemberBody], error) {
	l, err := r.Member(ctx, id.Org(input.Org), id.Person(input.Person))
	return &one[MemberBody]{bodyOfMember(l)}, err
}

func (r *Room) apiAddMember(ctx context.Context, input *newMemberInput) (*one[newMember], error) {
	where, b := id.Org(input.Org), input.Body
	if (b.Person == "") == (b.Invite == nil) {
		return nil, withField(fault.New(fault.Invalid, "member-invalid"), "person", "member-person-or-invite")
	}
	roles := idsIn[id.Role](b.Roles)
	if err := r.freshFor(ctx, roles); err != nil {
		return nil, err
	}
	added := Invited{Person: id.Person(b.Person)}
	var err error
	if b.Invite != nil {
		added, err = r.Invite(ctx, by(ctx), where, Newcomer{b.Invite.person(), roles, id.Person(b.Manager), idsIn[id.Group](b.Groups)})
	} else {
		err = r.AddMember(ctx, by(ctx), org.Member{Org: where, Person: added.Person, Roles: roles, Manager: id.Person(b.Manager)}, idsIn[id.Group](b.Groups))
	}
	if err != nil {
		return nil, err
	}
	l, err := r.Member(ctx, where, added.Person)
	return &one[newMember]{newMember{bodyOfMember(l), added.Link.Reveal()}}, err
}

// AddMember makes a person whom who acts sees already a member. Whom they do
// not see is not there, even to somebody who knows the identifier.
func (r *Room) AddMember(ctx context.Context, by id.Principal, m org.Member, groups []id.Group) error {
	if _, _, err := r.sees(ctx, by, m.Person); err != nil {
		return err
	}
	if len(m.Roles) == 0 {
		m.Roles = []id.Role{org.User}
	}
	err := r.write(ctx, r.store.Org(m.Org), func(tx *store.Tx) ([]store.Event, error) { return r.sit(tx, by, m, groups) })
	return r.orHold(ctx, err, arrive.Newcomer, m.Org, arrive.Kept{By: by, Member: m, Groups: groups})
}

// sit makes somebody a member and puts them into groups.
func (r *Room) sit(tx *store.Tx, by id.Principal, m org.Member, groups []id.Group) ([]store.Event, error) {
	event, err := r.org.SetMember(tx, by, m)
	if err != nil {
		return nil, err
	}
	more, err := r.join(tx, by, m.Org, m.Person, groups)
	return append([]store.Event{event}, more...), err
}

func (r *Room) apiChangeMember(ctx context.Context, input *changeMemberInput) (*one[MemberBody], error) {
	where, who, b := id.Org(input.Org), id.Person(input.Person), input.Body
	m, err := r.org.Member(ctx, where, who)
	if err != nil {
		return nil, err
	}
	before := m
	if b.Roles != nil {
		m.Roles = idsIn[id.Role](*b.Roles)
		if err := r.freshFor(ctx, m.Roles); err != nil {
			return nil, err
		}
	}
	set(&m.Manager, (*id.Person)(b.Manager))
	set(&m.State, (*org.State)(b.State))
	m.Version = b.Version
	r.foresees(ctx, where, func(e foresee.Eye) ([]string, error) { return e.Member(before, m) })
	if err := r.org.PutMember(ctx, by(ctx), m); err != nil {
		return nil, err
	}
	l, err := r.Member(ctx, where, who)
	return &one[MemberBody]{bodyOfMember(l)}, err
}

func (r *Room) apiDropMember(ctx context.Context, input *memberInput) (*nothing, error) {
	return &nothing{}, r.org.DropMember(ctx, by(ctx), id.Org(input.Org), id.Person(input.Person))
}

type linkBody struct {
	Link string `json:"link,omitempty" doc:"To hand on, where the house sends no mail; shown once"`
}

func (r *Room) apiInviteAgain(ctx context.Context, input *memberInput) (*one[linkBody], error) {
	m, err := r.org.Member(ctx, id.Org(input.Org), id.Person(input.Person))
	if err == nil {
		err = r.freshFor(ctx, m.Roles)
	}
	if err != nil {
		return nil, err
	}
	again, err := r.InviteAgain(ctx, by(ctx), id.Org(input.Org), id.Person(input.Person))
	return &one[linkBody]{linkBody{again.Link.Reveal()}}, err
}
