package servicenow

import (
	"strings"
	"time"
)

// Request is a task as it stands: a request, an incident or a change.
type Request struct {
	Table, ID, Number string // ID is the sys_id
	Approval, State   string // as the fields say: requested, approved …
	Title, Price      string
	RequestedFor      string // login
	Opened            time.Time
	Items             []Ordered
	Approvals         []Approval
	Correlation       string
}

// Ordered is an item of a request.
type Ordered struct{ Number, Name, Quantity, Price, Stage string }

// Approval is an approver's row.
type Approval struct {
	ID, Approver, State, Comments string // Approver is a login
	Due, Updated                  time.Time
}

// Comment is an entry of a task's journal.
type Comment struct {
	By, Element, Text string // By is a login; Element is comments or work_notes
	At                time.Time
}

// Request is a task by its number.
func (s *System) Request(number string) (q Request, err error) {
	err = errNoRecord(number)
	s.stage.Do(func() {
		if row := s.find("task", "number", number); row != nil {
			q, err = s.look(row), nil
		}
	})
	return q, err
}

// Requests are all of them, the oldest first.
func (s *System) Requests() (all []Request) {
	s.stage.Do(func() {
		for _, row := range s.tables["sc_request"] {
			all = append(all, s.look(row))
		}
	})
	return all
}

func (s *System) login(id string) string { return s.find("sys_user", "sys_id", id)["user_name"] }

func when(text string) time.Time {
	at, _ := time.Parse(layout, text) // an empty one is none
	return at
}

func (s *System) look(row Row) Request {
	who := row["requested_for"]
	for _, other := range []string{"caller_id", "requested_by", "opened_by"} {
		if who == "" {
			who = row[other]
		}
	}
	q := Request{
		Table: row["sys_class_name"], ID: row["sys_id"], Number: row["number"], Approval: row["approval"], State: row["state"], Title: row["short_description"],
		Price: row["price"], RequestedFor: s.login(who), Opened: when(row["opened_at"]), Correlation: row["correlation_id"],
	}
	for _, item := range s.tables["sc_req_item"] {
		if item["request"] == row["sys_id"] {
			q.Items = append(q.Items, Ordered{item["number"], item["short_description"], item["quantity"], item["price"], item["stage"]})
		}
	}
	for _, a := range s.rowsOf(row["sys_id"]) {
		q.Approvals = append(q.Approvals, Approval{a["sys_id"], s.login(a["approver"]), a["state"], a["comments"], when(a["due_date"]), when(a["sys_updated_on"])})
	}
	return q
}

// Comments is the journal of a task, the oldest entry first.
func (s *System) Comments(number string) (all []Comment) {
	s.stage.Do(func() {
		id := s.find("task", "number", number)["sys_id"]
		for _, entry := range s.tables["sys_journal_field"] {
			if entry["element_id"] == id && id != "" {
				all = append(all, Comment{entry["sys_created_by"], entry["element"], entry["value"], when(entry["sys_created_on"])})
			}
		}
	})
	return all
}

// Looked is when somebody last saw the page of a request; the zero time if never.
func (s *System) Looked(login, number string) (at time.Time) {
	s.stage.Do(func() { at = s.looked[[2]string{login, number}] })
	return at
}

// SysID is the sys_id of a login, or of what has a number or a name; "" if
// there is none.
func (s *System) SysID(name string) (id string) {
	s.stage.Do(func() {
		for _, at := range [][2]string{{"sys_user", "user_name"}, {"task", "number"}, {"sc_cat_item", "name"}, {"sc_category", "title"}} {
			if row := s.find(at[0], at[1], name); row != nil {
				id = row["sys_id"]
				return
			}
		}
	})
	return id
}

// Order lets somebody order an item by its name, whatever the switches of the
// checkout say.
func (s *System) Order(login, item string, quantity int) (q Request, err error) {
	s.stage.Do(func() {
		row := s.find("sc_cat_item", "name", item)
		if row == nil || s.user(login) == nil {
			err = errNoRecord(login + " " + item)
			return
		}
		s.as(login, func() { q = s.look(s.order(login, login, []line{{Item: row["sys_id"], Quantity: quantity}})) })
	})
	return q, err
}

// Open makes an incident or a change for somebody, from fields such as
// short_description and cmdb_ci (a name or a sys_id).
func (s *System) Open(table, login string, fields Row) (q Request) {
	s.stage.Do(func() {
		s.as(login, func() { q = s.look(s.open(table, "", s.caller(login), fields)) })
	})
	return q
}

// Ask asks approvers about any task; need is any or all of them.
func (s *System) Ask(number, need string, approvers ...string) (err error) {
	s.stage.Do(func() {
		row := s.find("task", "number", number)
		if row == nil {
			err = errNoRecord(number)
			return
		}
		s.as("system", func() { s.ask(row, need, approvers) })
	})
	return err
}

// Decide decides an approver's row inside the system, by somebody: approved,
// rejected or cancelled. The workflow goes on from there.
func (s *System) Decide(row, by, state, comments string) (err error) {
	s.stage.Do(func() {
		at := s.find("sysapproval_approver", "sys_id", row)
		if at == nil || at["state"] != "requested" {
			err = errNoRecord(strings.Join([]string{row, state}, " "))
			return
		}
		s.as(by, func() { s.decide(at, state, comments) })
	})
	return err
}

// Change writes fields of any record, as nobody is allowed to.
func (s *System) Change(table, id string, fields Row) (err error) {
	s.stage.Do(func() {
		row := s.find(table, "sys_id", id)
		if row == nil {
			err = errNoRecord(id)
			return
		}
		for name, value := range fields {
			row[name] = value
		}
		s.touch(row)
	})
	return err
}
