package people

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/sheet"
	"github.com/sekisho/sekisho/internal/people/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) peoplePages(m *web.Mux) {
	m.Page(route(http.MethodGet, PeoplePath, org.PeopleRead), inOrg(r.showPeople))
	m.Page(route(http.MethodGet, PeoplePath+"/suggest", org.PeopleRead), inOrg(r.suggest))
	m.Page(route(http.MethodGet, PeoplePath+"/people.csv", org.PeopleRead), inOrg(r.giveSheet))
	asks(m, route("", PeoplePath+"/new", org.PeopleWrite), inOrg(r.showNew), inOrg(r.takeNew))
	list := route("", PeoplePath+"/invite", org.PeopleWrite)
	list.Large = true
	asks(m, list, inOrg(r.showInvite), inOrg(r.takeInvite))
}

func (r *Room) showPeople(v *web.Visit) error {
	f := Filter{
		Org: here(v), Text: v.Query("q"), Role: id.Role(v.Query("role")), Group: id.Group(v.Query("group")),
		State: org.State(v.Query("state")), Cursor: v.Query("cursor"),
	}
	all, next, err := r.List(v.Context(), f)
	if err != nil {
		return err
	}
	page, err := r.peoplePage(v, f, all)
	if err != nil {
		return err
	}
	if next != "" {
		again := v.Request().URL.Query()
		again.Set("cursor", next)
		page.After = PeoplePath + "?" + again.Encode()
	}
	return v.Show(v.Say("people.list"), ui.List(page))
}

func (r *Room) peoplePage(v *web.Visit, f Filter, all []Listed) (ui.People, error) {
	page := ui.People{
		Text: f.Text, Role: string(f.Role), State: string(f.State), Group: string(f.Group), Action: PeoplePath, Saved: saved(v),
		Filtered: f.Text != "" || f.Role != "" || f.State != "" || f.Group != "" || f.Cursor != "",
		Roles:    []webui.Option{{Text: v.Say("people.any")}}, States: []webui.Option{{Text: v.Say("people.any")}}, Groups: []webui.Option{{Text: v.Say("people.any")}},
	}
	if v.May(org.PeopleWrite, "") == nil {
		page.Actions = []ui.Go{{Text: v.Say("people.invite"), Href: PeoplePath + "/new", Kind: webui.Main}, {Text: v.Say("people.import"), Href: PeoplePath + "/invite"}}
		page.First = page.Actions
	}
	page.Actions = append(page.Actions, ui.Go{Text: v.Say("people.export"), Href: PeoplePath + "/people.csv"})
	roles, err := r.org.Roles(v.Context(), f.Org)
	if err != nil {
		return page, err
	}
	for _, role := range roles {
		page.Roles = append(page.Roles, webui.Option{Value: string(role.ID), Text: roleTitle(v, role)})
	}
	for _, state := range []org.State{org.Active, org.Invited, org.Disabled} {
		page.States = append(page.States, webui.Option{Value: string(state), Text: v.Say("people.state." + string(state))})
	}
	groups, err := r.org.Groups(v.Context(), f.Org)
	for _, g := range groups {
		page.Groups = append(page.Groups, webui.Option{Value: string(g.ID), Text: g.Title})
	}
	page.List = someones(v, roles, all)
	return page, err
}

// someones are members as lists show them.
func someones(v *web.Visit, roles []org.Role, all []Listed) []ui.Someone {
	var list []ui.Someone
	for _, l := range all {
		one := someone(l.Person)
		one.Roles = titles(v, roles, l.Member.Roles)
		one.State = string(l.State())
		one.StateText = v.Say("people.state." + one.State)
		if i := l.Invitation; i != nil && l.Person.State == org.Invited {
			one.Invitation, one.InvitationText = string(i.State), v.Say("people.invitation."+string(i.State))
		}
		list = append(list, one)
	}
	return list
}

func someone(p org.Person) ui.Someone {
	return ui.Someone{Name: p.DisplayName, Reading: p.Reading, Login: p.Login, Href: under(PeoplePath, string(p.ID))}
}

// suggest answers a field in which a login is typed with who could be meant.
func (r *Room) suggest(v *web.Visit) error {
	text := v.Query("login") + v.Query("manager")
	var list []ui.Someone
	if text != "" {
		all, _, err := r.List(v.Context(), Filter{Org: here(v), Text: text, Limit: 6})
		if err != nil {
			return err
		}
		for _, l := range all {
			list = append(list, someone(l.Person))
		}
	}
	return v.Fragment(http.StatusOK, ui.Suggested(list))
}

// giveSheet is the list as a file that can be changed and read back.
func (r *Room) giveSheet(v *web.Visit) error {
	columns, rows, err := r.Sheet(v.Context(), here(v))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString("\ufeff") // without it spreadsheets take UTF-8 for something else
	if err := sheet.Write(&out, columns, rows); err != nil {
		return err
	}
	h := v.Writer().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="people.csv"`)
	_, err = v.Writer().Write(out.Bytes())
	return err
}

// profileFields are the fields of a person, filled with what is known.
func profileFields(v *web.Visit, p org.Person, own bool) []webui.Input {
	field := func(name, value, hint string, half bool, most int) webui.Input {
		return webui.Input{Name: name, Label: v.Say("people.field." + name), Value: value, Hint: hint, Half: half, Max: most}
	}
	var fields []webui.Input
	if !own {
		login := field("login", p.Login, v.Say("people.field.login.hint"), true, org.LoginMost)
		login.Required = true
		email := field("email", p.Email, v.Say("people.field.email.hint"), true, org.EmailMost)
		email.Kind = "email"
		fields = append(fields, login, email)
	}
	names := []webui.Input{field("family_name", p.FamilyName, "", true, org.NameMost), field("given_name", p.GivenName, "", true, org.NameMost)}
	if v.Lang() == "en" && p.Locale != "ja" {
		names[0], names[1] = names[1], names[0]
	}
	fields = append(fields, names...)
	zone := field("time_zone", p.TimeZone, v.Say("people.field.time_zone.hint"), true, 64)
	locale := field("locale", p.Locale, "", true, 0)
	locale.Kind = "select"
	locale.Options = []webui.Option{{Text: v.Say("people.browser")}, {Value: "en", Text: v.Say("language.en")}, {Value: "ja", Text: v.Say("language.ja")}}
	return append(fields, field("reading", p.Reading, v.Say("people.field.reading.hint"), true, org.NameMost),
		field("display_name", p.DisplayName, v.Say("people.field.display_name.hint"), true, org.NameMost), locale, zone)
}

// typedPerson puts what was typed onto a person.
func typedPerson(p org.Person, typed url.Values, own bool) org.Person {
	if !own {
		p.Login, p.Email = typed.Get("login"), typed.Get("email")
	}
	p.DisplayName, p.FamilyName, p.GivenName, p.Reading = typed.Get("display_name"), typed.Get("family_name"), typed.Get("given_name"), typed.Get("reading")
	p.Locale, p.TimeZone = typed.Get("locale"), typed.Get("time_zone")
	return p
}

func (r *Room) newForm(v *web.Visit) (ui.Form, error) {
	form := ui.Form{
		Heading: v.Say("people.invite"), Lead: v.Say("people.invite.lead"), Action: PeoplePath + "/new", Back: PeoplePath,
		Submit: v.Say("people.invite.do"), Fields: profileFields(v, org.Person{}, false), Suggest: map[string]string{"manager": PeoplePath + "/suggest"},
	}
	if r.inviter == nil {
		form.Notes = []string{v.Say("problem.invitations-unavailable")}
	}
	form.Fields[1].Required = true
	form.Fields = append(form.Fields, webui.Input{Name: "manager", Label: v.Say("people.manager"), Hint: v.Say("people.manager.hint")})
	pick, err := r.rolePick(v, here(v), "roles", []id.Role{org.User})
	form.Picks = []webui.Pick{pick}
	return form, err
}

func (r *Room) showNew(v *web.Visit) error {
	form, err := r.newForm(v)
	if err != nil {
		return err
	}
	return v.Show(form.Heading, ui.Write(form))
}

func (r *Room) takeNew(v *web.Visit) error {
	typed, err := readForm(v)
	if err != nil {
		return err
	}
	page, err := r.newForm(v)
	if err != nil {
		return err
	}
	n := Newcomer{Person: typedPerson(org.Person{}, typed.Values, false), Roles: pickedRoles(page.Picks[0], typed.Values)}
	var invited Invited
	if err = r.freshFor(v.Context(), n.Roles); err == nil {
		n.Manager, err = r.personOf(v, here(v), "manager", typed.Get("manager"))
	}
	if err == nil {
		invited, err = r.Invite(v.Context(), acting(v), here(v), n)
	}
	if err == nil && !invited.Link.Empty() {
		return r.showLinks(v, []Invited{invited})
	}
	refill(&page, typed.Values)
	return answer(v, err, func() (ui.Form, error) { page.Notes = nil; return page, nil }, PeoplePath+"?done=invited")
}

// showLinks shows links once, where no mail is sent.
func (r *Room) showLinks(v *web.Visit, invited []Invited) error {
	page := ui.Links{Heading: v.Say("people.links"), Lead: v.Say("people.links.lead"), Back: PeoplePath, BackText: v.Say("people.links.done")}
	ids := make([]id.Person, len(invited))
	for i, one := range invited {
		ids[i] = one.Person
	}
	people, err := r.org.People(v.Context(), ids)
	for _, one := range invited {
		if p := people[one.Person]; !one.Link.Empty() {
			page.List = append(page.List, ui.Link{Name: p.DisplayName, Login: p.Login, Link: one.Link.Reveal()})
		}
	}
	if err != nil {
		return err
	}
	v.Writer().Header().Set("Cache-Control", "no-store")
	return v.Show(page.Heading, ui.ShowLinks(page))
}

func (r *Room) inviteForm(v *web.Visit) ui.Form {
	return ui.Form{
		Heading: v.Say("people.import"), Lead: v.Say("people.import.lead"), Action: PeoplePath + "/invite", Back: PeoplePath,
		Submit: v.Say("people.import.check"), File: v.Say("people.import.file"),
		Fields: []webui.Input{{
			Name: "text", Label: v.Say("people.import.text"), Kind: "textarea", Rows: 8,
			Hint: v.Say("people.import.hint", "columns", strings.Join(sheet.Columns, ", ")),
		}},
		Picks: []webui.Pick{{Name: "invite", Legend: v.Say("people.import.new"), Choices: []webui.Choice{
			{Value: "yes", Text: v.Say("people.import.invite"), On: r.inviter != nil, Fixed: r.inviter == nil},
		}}},
	}
}

func (r *Room) showInvite(v *web.Visit) error {
	form := r.inviteForm(v)
	return v.Show(form.Heading, ui.Write(form))
}

// upload is what a form with a file sent.
type upload struct {
	text   []byte
	typed  string
	invite bool
	digest string
}

func readUpload(v *web.Visit) (u upload, err error) {
	reader, err := v.Parts()
	if err != nil {
		return u, err
	}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		var text []byte
		if err == nil {
			text, err = io.ReadAll(part)
		}
		if err != nil {
			return u, fault.New(fault.Invalid, "form-malformed").Because(err)
		}
		u.take(part.FormName(), text)
	}
	if len(u.text) == 0 {
		u.text = []byte(u.typed)
	}
	return u, nil
}

func (u *upload) take(name string, text []byte) {
	switch name {
	case "file":
		u.text = text
	case "text":
		u.typed = string(text)
	case "invite":
		u.invite = string(text) == "yes"
	case "digest":
		u.digest = string(text)
	}
}

// takeInvite shows the dry run of a list, or does what was shown.
func (r *Room) takeInvite(v *web.Visit) error {
	u, err := readUpload(v)
	if err != nil {
		return err
	}
	plan, err := r.PlanImport(v.Context(), acting(v), here(v), u.text, u.invite)
	if err != nil {
		page := r.inviteForm(v)
		page.Fields[0].Value = u.typed
		return answer(v, err, func() (ui.Form, error) { return page, nil }, "")
	}
	if u.digest == "" {
		return r.showPlan(v, http.StatusOK, plan, u, nil)
	}
	if err := r.freshFor(v.Context(), plan.Roles()); err != nil {
		return err
	}
	plan, invited, err := r.ApplyImport(v.Context(), acting(v), here(v), u.text, u.invite, u.digest)
	if f := fault.As(err); f != nil && f.Kind != fault.Broken && f.Kind != fault.Busy && plan != nil {
		return r.showPlan(v, f.Status(), plan, u, f)
	}
	if err != nil {
		return err
	}
	if len(invited) > 0 && !invited[0].Link.Empty() {
		return r.showLinks(v, invited)
	}
	return v.See(PeoplePath + "?done=imported")
}

// mostShown bounds the lines of a dry run on a page; those with problems come
// first.
const mostShown = 300

func (r *Room) showPlan(v *web.Visit, status int, plan *Import, u upload, f *fault.Fault) error {
	page := ui.Plan{
		Heading: v.Say("people.import.plan"), Lead: v.Say("people.import.plan.lead"), Action: PeoplePath + "/invite", Back: PeoplePath + "/invite",
		Submit: v.Say("people.import.do"),
	}
	for _, action := range []Action{Create, Update, Unchanged, Problem} {
		page.Counts = append(page.Counts, webui.Detail{Key: v.Say("people.import." + string(action)), Value: webui.Text(strconv.Itoa(plan.Counts[action]))})
	}
	switch {
	case f != nil:
		page.Problem, page.Do = say(v, f)
		for _, bad := range f.Fields {
			text, _ := say(v, &fault.Fault{Code: bad.Code, Args: bad.Args})
			page.Do += " " + bad.Path + ": " + text
		}
	case plan.Counts[Problem] > 0:
		page.Problem, page.Do = say(v, fault.New(fault.Invalid, "import-refused", "count", plan.Counts[Problem]))
	case plan.Counts[Create]+plan.Counts[Update] == 0:
		page.Lead = v.Say("people.import.nothing")
	default:
		page.Hidden = []ui.Pair{{Name: "digest", Value: plan.Digest}, {Name: "text", Value: sheet.Readable(u.text)}}
		if u.invite {
			page.Hidden = append(page.Hidden, ui.Pair{Name: "invite", Value: "yes"})
		}
	}
	page.Rows = planRows(v, plan)
	if len(page.Rows) > mostShown {
		page.More = v.Say("people.import.more", "count", len(page.Rows)-mostShown)
		page.Rows = page.Rows[:mostShown]
	}
	return v.ShowStatus(status, page.Heading, ui.ShowPlan(page))
}

func planRows(v *web.Visit, plan *Import) []ui.Row {
	var bad, good []ui.Row
	for _, row := range plan.Rows {
		line := ui.Row{
			Line: strconv.Itoa(row.Line), Login: row.Login, Name: row.Name, Action: string(row.Action), ActionText: v.Say("people.import." + string(row.Action)),
			Changes: strings.Join(row.Changes, ", "),
		}
		for _, t := range row.Troubles {
			text, _ := say(v, &fault.Fault{Code: t.Code, Args: t.Args})
			if t.Path != "" {
				text = t.Path + ": " + text
			}
			line.Troubles = append(line.Troubles, text)
		}
		if row.Action == Problem {
			bad = append(bad, line)
		} else {
			good = append(good, line)
		}
	}
	return append(bad, good...)
}
