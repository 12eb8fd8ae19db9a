package people

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/arrive"
	"github.com/sekisho/sekisho/internal/people/sheet"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// planner compares a list with what is there, in one snapshot.
type planner struct {
	room   *Room
	by     id.Principal
	org    id.Org
	sheet  sheet.Sheet
	invite bool

	rows    []Row
	seen    map[string]int   // folded login → line
	given   map[string]error // roles → whether they may be given
	members map[id.Person]org.Member
	roles   []org.Role
	groups  []org.Group
	before  []org.Group          // as they are
	keeps   error                // whether who acts keeps groups
	logins  map[string]id.Person // of members and of people in the list
}

// load runs again if the read does: it begins from nothing.
func (p *planner) load(v *store.View) (err error) {
	p.rows, p.members, p.logins = nil, map[id.Person]org.Member{}, map[string]id.Person{}
	clear(p.seen)
	clear(p.given)
	if err := p.room.org.Need(v, p.by, p.org, org.PeopleWrite); err != nil {
		return err
	}
	all, err := org.AllMembers(v, p.org)
	for _, m := range all {
		p.members[m.Person] = m
	}
	if err == nil {
		p.groups, err = org.AllGroups(v, p.org)
		p.before = slices.Clone(p.groups)
	}
	if err == nil {
		p.roles, err = p.room.org.RolesIn(v, p.org)
	}
	if err != nil {
		return err
	}
	if p.keeps = p.room.org.Need(v, p.by, p.org, org.GroupWrite); fault.As(p.keeps) == nil && p.keeps != nil {
		return p.keeps
	}
	for _, l := range p.sheet.Lines {
		if err := p.who(v, l); err != nil {
			return err
		}
	}
	for i := range p.rows {
		if err := p.compare(v, &p.rows[i], p.sheet.Lines[i]); err != nil {
			return err
		}
	}
	p.circles()
	for i := range p.rows {
		if f := p.rows[i].bad.Fault("import-refused"); f != nil {
			p.rows[i].Action, p.rows[i].Troubles = Problem, f.Fields
		}
	}
	return nil
}

// who finds the person of a row: a member, or somebody new. A login that
// somebody outside of the organization has is only taken; more is not said.
func (p *planner) who(v *store.View, l sheet.Line) error {
	row := Row{Line: l.Number, Login: l.Cells["login"]}
	fold := org.LoginFold(row.Login)
	if l.Odd {
		row.bad.Add("", "import-cells", "want", len(p.sheet.Columns))
	}
	if first, twice := p.seen[fold]; twice && fold != "" {
		row.bad.Add("login", "import-login-twice", "line", first)
	} else {
		p.seen[fold] = l.Number
	}
	found, err := p.room.org.LoginOf(v, row.Login)
	member, here := p.members[found.ID]
	switch {
	case err == nil && here:
		row.Action, row.before = Update, member
		row.entry = entry{person: found, member: member}
	case err == nil:
		row.bad.Add("login", "login-taken", "login", row.Login)
		fallthrough
	case fault.As(err) != nil:
		row.Action = Create
		row.entry = p.room.entry(p.org, Newcomer{Person: org.Person{Login: row.Login}}, org.Invited)
	default:
		return err
	}
	p.rows = append(p.rows, row)
	p.logins[fold] = row.entry.person.ID
	return nil
}

// compare fills a row with its cells and says what differs and what is wrong.
func (p *planner) compare(v *store.View, row *Row, l sheet.Line) error {
	was := row.entry
	row.was = was
	p.profile(row, l)
	p.secret(row, l)
	if err := p.belonging(v, row, l); err != nil {
		return err
	}
	if f := row.entry.person.Check(); f != nil {
		for _, field := range f.Fields {
			row.bad.AddFault(field.Path, &fault.Fault{Code: field.Code, Args: field.Args})
		}
	}
	if p.invite && row.Action == Create && row.entry.person.Email == "" && row.entry.hash.Empty() {
		row.bad.Add("email", "field-required")
	}
	row.Name = row.entry.person.DisplayName
	if row.Action == Update {
		if err := p.differences(v, row, was); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) profile(row *Row, l sheet.Line) {
	who := &row.entry.person
	for column, field := range map[string]*string{
		"email": &who.Email, "display_name": &who.DisplayName, "family_name": &who.FamilyName, "given_name": &who.GivenName,
		"reading": &who.Reading, "locale": &who.Locale, "time_zone": &who.TimeZone,
	} {
		if cell, given := l.Cells[column]; given {
			*field = cell
		}
	}
}

// secret takes the hash of a password for somebody new; who is there already
// keeps their own.
func (p *planner) secret(row *Row, l sheet.Line) {
	cell := l.Cells["password_hash"]
	if cell == "" || row.before.Version > 0 {
		return
	}
	if p.room.passwords == nil {
		row.bad.Add("password_hash", "import-no-passwords")
		return
	}
	row.entry.hash, row.entry.person.State = secret.Of(cell), org.Active
	if f := p.room.passwords.Check(row.entry.hash); f != nil {
		row.bad.AddFault("password_hash", f)
	}
}

// belonging reads roles, groups and manager.
func (p *planner) belonging(v *store.View, row *Row, l sheet.Line) error {
	m := &row.entry.member
	if cell, given := l.Cells["roles"]; given && (cell != "" || row.Action == Update) {
		m.Roles = nil
		for _, name := range sheet.Names(cell) {
			i := slices.IndexFunc(p.roles, func(r org.Role) bool { return r.Name == strings.ToLower(name) })
			if i < 0 {
				row.bad.Add("roles", "role-unknown", "role", name)
				continue
			}
			m.Roles = append(m.Roles, p.roles[i].ID)
		}
		slices.Sort(m.Roles)
		m.Roles = slices.Compact(m.Roles)
	}
	if cell, given := l.Cells["manager"]; given {
		m.Manager = p.logins[org.LoginFold(cell)]
		if m.Manager == "" && cell != "" {
			manager, err := p.room.org.LoginOf(v, cell)
			if _, here := p.members[manager.ID]; err == nil && here {
				m.Manager = manager.ID
			} else {
				row.bad.Add("manager", "manager-unknown")
			}
			if err != nil && fault.As(err) == nil {
				return err
			}
		}
	}
	p.grouping(row, l)
	if row.Action == Create || !slices.Equal(m.Roles, row.before.Roles) {
		return p.may(v, row, slices.Concat(m.Roles, row.before.Roles))
	}
	return nil
}

func (p *planner) may(v *store.View, row *Row, roles []id.Role) error {
	key := ""
	for _, role := range roles {
		key += string(role) + " "
	}
	err, known := p.given[key]
	if !known {
		err = p.room.org.MayGive(v, p.by, p.org, roles)
		p.given[key] = err
	}
	if f := fault.As(err); f != nil {
		row.bad.AddFault("roles", f)
		return nil
	}
	return err
}

// grouping puts a person into exactly the groups of the cell.
func (p *planner) grouping(row *Row, l sheet.Line) {
	cell, given := l.Cells["groups"]
	if !given {
		return
	}
	want, who := sheet.Names(strings.ToLower(cell)), row.entry.person.ID
	for _, name := range want {
		if !slices.ContainsFunc(p.groups, func(g org.Group) bool { return g.Name == name }) {
			row.bad.Add("groups", "group-unknown")
		}
	}
	changed := false
	for i := range p.groups {
		g := &p.groups[i]
		in, shall := slices.Contains(g.Members, who), slices.Contains(want, g.Name)
		switch {
		case shall && !in:
			g.Members = append(slices.Clip(g.Members), who)
		case in && !shall:
			g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(one id.Person) bool { return one == who })
		default:
			continue
		}
		changed = true
	}
	if !changed {
		return
	}
	row.Changes = append(row.Changes, "groups")
	if f := fault.As(p.keeps); f != nil {
		row.bad.AddFault("groups", f)
	}
}

// differences decides whether a row changes anything, and whether who acts may.
func (p *planner) differences(v *store.View, row *Row, was entry) error {
	a, b := was.person, row.entry.person
	for _, d := range []struct{ column, before, after string }{
		{"email", a.Email, b.Email},
		{"display_name", a.DisplayName, b.DisplayName},
		{"family_name", a.FamilyName, b.FamilyName},
		{"given_name", a.GivenName, b.GivenName},
		{"reading", a.Reading, b.Reading},
		{"locale", a.Locale, b.Locale},
		{"time_zone", a.TimeZone, b.TimeZone},
	} {
		if d.before != d.after {
			row.person, row.Changes = true, append(row.Changes, d.column)
		}
	}
	if !slices.Equal(was.member.Roles, row.entry.member.Roles) {
		row.member, row.Changes = true, append(row.Changes, "roles")
	}
	if was.member.Manager != row.entry.member.Manager {
		row.member, row.Changes = true, append(row.Changes, "manager")
	}
	if len(row.Changes) == 0 {
		row.Action = Unchanged
	}
	if !row.person {
		return nil
	}
	err := p.room.org.MayTouch(v, p.by, b.ID)
	if f := fault.As(err); f != nil {
		row.bad.AddFault("login", f)
		return nil
	}
	return err
}

// circles finds managers who lead back to whose manager they are.
func (p *planner) circles() {
	over := map[id.Person]id.Person{}
	for who, m := range p.members {
		over[who] = m.Manager
	}
	for _, row := range p.rows {
		over[row.entry.person.ID] = row.entry.member.Manager
	}
	for i := range p.rows {
		who := p.rows[i].entry.person.ID
		next := over[who]
		for range 64 {
			if next == "" || next == who {
				break
			}
			next = over[next]
		}
		if next != "" {
			p.rows[i].bad.Add("manager", "manager-of-themselves")
		}
	}
}

func (p *planner) done() *Import {
	plan := &Import{Rows: p.rows, Counts: map[Action]int{}, Digest: p.digest(), groups: p.touched(), names: [2]arrive.Names{{Roles: p.roles, Groups: p.before}, {Roles: p.roles, Groups: p.groups}}}
	for _, row := range p.rows {
		plan.Counts[row.Action]++
	}
	return plan
}

// touched are the groups that change.
func (p *planner) touched() []org.Group {
	var all []org.Group
	for i, g := range p.groups {
		if !slices.Equal(g.Members, p.before[i].Members) {
			all = append(all, g)
		}
	}
	return all
}

// digest is of the file and of everything that would be done.
func (p *planner) digest() string {
	all := []any{p.org, p.invite}
	for i, row := range p.rows {
		all = append(all, row.Line, row.Action, row.Changes, row.Troubles, row.before.Version, row.entry.person.Version, p.sheet.Lines[i].Cells)
	}
	text, _ := json.Marshal(all)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
