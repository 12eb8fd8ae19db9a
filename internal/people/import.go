package people

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/arrive"
	"github.com/sekisho/sekisho/internal/people/sheet"
	"github.com/sekisho/sekisho/internal/store"
)

// Action is what a list does with one row.
type Action string

// The actions.
const (
	Create    Action = "create"
	Update    Action = "update"
	Unchanged Action = "unchanged"
	Problem   Action = "problem"
)

// Row is one line of a list with what it would do.
type Row struct {
	Line     int
	Login    string
	Name     string
	Action   Action
	Changes  []string      // columns that differ
	Troubles []fault.Field // by column; "" is the row

	entry  entry
	before org.Member // of an update
	was    entry
	person bool // the person changes
	member bool // the membership changes
	bad    fault.Checks
}

// Import is a list with everything that it would do. Nothing is done while any
// row has a problem.
type Import struct {
	Rows   []Row
	Counts map[Action]int
	// Digest names what was shown, so that exactly that is done.
	Digest string

	groups []org.Group     // those that change, with their members after it
	names  [2]arrive.Names // before it and after it
}

// importMost bounds the one transaction of a list: on a busy PostgreSQL the
// largest takes minutes, and nobody waits for it there.
const importMost = 5 * time.Minute

// PlanImport says what a list would do in an organization: who is added, who
// changes, and every problem by row and column. With invite, people who are
// added are sent an invitation. Columns that the file does not have leave things
// as they are; an empty cell empties.
func (r *Room) PlanImport(ctx context.Context, by id.Principal, to id.Org, file []byte, invite bool) (*Import, error) {
	p, f := r.reader(by, to, file, invite)
	if f != nil {
		return nil, f
	}
	if err := r.store.Org(to).Read(ctx, p.load); err != nil {
		return nil, err
	}
	return p.done(), nil
}

// reader reads a list as by would take it in.
func (r *Room) reader(by id.Principal, to id.Org, file []byte, invite bool) (*planner, *fault.Fault) {
	read, f := sheet.Read(file)
	if f == nil && invite && r.inviter == nil {
		f = errNoInvitations
	}
	return &planner{room: r, by: by, org: to, sheet: read, invite: invite, seen: map[string]int{}, given: map[string]error{}}, f
}

// ApplyImport does what PlanImport says, all or nothing. digest is that of the
// plan that somebody saw; "" takes any.
func (r *Room) ApplyImport(ctx context.Context, by id.Principal, to id.Org, file []byte, invite bool, digest string) (*Import, []Invited, error) {
	plan, err := r.PlanImport(ctx, by, to, file, invite)
	switch {
	case err != nil:
		return nil, nil, err
	case plan.Counts[Problem] > 0:
		return plan, nil, plan.refused()
	case digest != "" && digest != plan.Digest:
		return plan, nil, fault.New(fault.Conflict, "import-changed")
	case plan.Counts[Create]+plan.Counts[Update]+len(plan.groups) == 0:
		return plan, nil, nil
	}
	rows := inOrder(plan.Rows)
	drafts := make([]org.Draft, len(rows))
	if invite {
		if drafts, err = r.prepareRows(ctx, by, to, rows); err != nil {
			return plan, nil, err
		}
	}
	err = r.write(ctx, r.store.Org(to).Within(importMost), func(tx *store.Tx) ([]store.Event, error) {
		return r.applyRows(tx, by, plan, rows, drafts)
	})
	if held(err) {
		return nil, nil, r.orHold(ctx, err, arrive.List, to, arrive.Kept{By: by, File: file, Invite: invite, Digest: plan.Digest})
	}
	var invited []Invited
	for i, row := range rows {
		if invite && row.Action == Create && row.entry.person.State == org.Invited {
			invited = append(invited, Invited{row.entry.person.ID, drafts[i].Link})
		}
	}
	return plan, invited, err
}

// prepareRows makes the invitations of those who come anew; the others' drafts
// are empty.
func (r *Room) prepareRows(ctx context.Context, by id.Principal, to id.Org, rows []*Row) ([]org.Draft, error) {
	o, err := r.org.Organization(ctx, to)
	if err != nil {
		return nil, err
	}
	var fresh []org.Person
	var at []int
	for i, row := range rows {
		if row.Action == Create && row.entry.person.State == org.Invited {
			fresh, at = append(fresh, row.entry.person), append(at, i)
		}
	}
	made, err := r.inviter.Prepare(ctx, by, o, fresh)
	drafts := make([]org.Draft, len(rows))
	for i, draft := range made {
		drafts[at[i]] = draft
	}
	return drafts, err
}

// refused is every problem of a list as one fault; paths are LINE.COLUMN.
func (i *Import) refused() *fault.Fault {
	f := fault.New(fault.Invalid, "import-refused", "count", i.Counts[Problem])
	for _, row := range i.Rows {
		for _, t := range row.Troubles {
			f.Fields = append(f.Fields, fault.Field{Path: path(row.Line, t.Path), Code: t.Code, Args: t.Args})
		}
	}
	return f
}

func (r *Room) applyRows(tx *store.Tx, by id.Principal, plan *Import, rows []*Row, drafts []org.Draft) (events []store.Event, err error) {
	for i, row := range rows {
		var more []store.Event
		switch row.Action {
		case Create:
			draft := drafts[i]
			if row.entry.person.State != org.Invited {
				draft = org.Draft{}
			}
			more, err = r.enter(tx, by, row.entry, draft)
		case Update:
			more, err = r.update(tx, by, row)
		}
		if err != nil {
			return nil, atLine(row.Line, err)
		}
		events = append(events, more...)
	}
	for _, g := range plan.groups {
		event, err := r.org.SetGroup(tx, by, g)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

func (r *Room) update(tx *store.Tx, by id.Principal, row *Row) (events []store.Event, err error) {
	if row.person {
		event, err := r.org.PutPerson(tx, by, row.entry.person)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	if row.member {
		event, err := r.org.SetMember(tx, by, row.entry.member)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// atLine says at which line a rule refused what the plan could not see.
func atLine(number int, err error) error {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Broken || f.Kind == fault.Busy || held(err) {
		return err
	}
	refused := fault.New(fault.Invalid, "import-refused", "count", 1)
	refused.Fields = []fault.Field{{Path: path(number, ""), Code: f.Code, Args: f.Args}}
	for _, field := range f.Fields {
		refused.Fields = append(refused.Fields, fault.Field{Path: path(number, field.Path), Code: field.Code, Args: field.Args})
	}
	return refused
}

func path(number int, column string) string {
	if column == "" {
		return strconv.Itoa(number)
	}
	return strconv.Itoa(number) + "." + column
}

// inOrder puts managers before those whose manager they are.
func inOrder(rows []Row) []*Row {
	at := map[id.Person]*Row{}
	for i := range rows {
		at[rows[i].entry.person.ID] = &rows[i]
	}
	var all []*Row
	seen := map[*Row]bool{}
	var visit func(*Row)
	visit = func(row *Row) {
		if seen[row] {
			return
		}
		seen[row] = true
		if manager := at[row.entry.member.Manager]; manager != nil {
			visit(manager)
		}
		all = append(all, row)
	}
	for i := range rows {
		visit(&rows[i])
	}
	return all
}

// Sheet writes the members of an organization as a list that can be read back.
func (r *Room) Sheet(ctx context.Context, in id.Org) (columns []string, rows [][]string, err error) {
	var members []org.Member
	var groups []org.Group
	err = r.store.Org(in).Read(ctx, func(v *store.View) (err error) {
		if members, err = org.AllMembers(v, in); err == nil {
			groups, err = org.AllGroups(v, in)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	roles, err := r.org.Roles(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]id.Person, len(members))
	for i, m := range members {
		ids[i] = m.Person
	}
	people, err := r.org.People(ctx, ids)
	for _, m := range members {
		p := people[m.Person]
		rows = append(rows, []string{
			p.Login, p.Email, p.DisplayName, p.FamilyName, p.GivenName, p.Reading, p.Locale, p.TimeZone,
			strings.Join(arrive.RoleNames(roles, m.Roles), " "), strings.Join(arrive.GroupNames(groups, m.Person), " "), people[m.Manager].Login,
		})
	}
	slices.SortFunc(rows, slices.Compare)
	return sheet.Columns[:len(sheet.Columns)-1], rows, err
}
