package servicenow

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
)

// Row is one record: all values are text, as over the wire. A reference holds
// the sys_id of another record.
type Row map[string]string

// column is what is known of a field.
type column struct {
	kind string // text ref bool price date choice journal
	of   string // table of a reference
}

var (
	text    = column{kind: "text"}
	flag    = column{kind: "bool"}
	price   = column{kind: "price"}
	date    = column{kind: "date"}
	choice  = column{kind: "choice"}
	journal = column{kind: "journal"}
	ofUser  = column{"ref", "sys_user"}
	ofGroup = column{"ref", "sys_user_group"}
	ofTask  = column{"ref", "task"}
)

// every table has these.
var always = map[string]column{
	"sys_id": text, "sys_created_on": date, "sys_created_by": text, "sys_updated_on": date, "sys_updated_by": text, "sys_mod_count": text,
}

// task is what its children share.
var task = map[string]column{
	"number": text, "short_description": text, "description": text, "state": choice, "active": flag, "approval": choice, "opened_by": ofUser, "opened_at": date,
	"assigned_to": ofUser, "assignment_group": ofGroup, "priority": choice, "urgency": choice, "impact": choice, "due_date": date, "closed_at": date,
	"comments": journal, "work_notes": journal, "cmdb_ci": {"ref", "cmdb_ci"}, "sys_class_name": text, "parent": ofTask,
	"correlation_id": text, "correlation_display": text, "close_notes": text,
}

// columns are the fields of each table beside those.
var columns = map[string]map[string]column{
	"task": {},
	"sc_request": {
		"requested_for": ofUser, "price": price, "request_state": choice, "stage": choice, "special_instructions": text,
	},
	"sc_req_item": {
		"request": {"ref", "sc_request"}, "cat_item": {"ref", "sc_cat_item"}, "quantity": text, "price": price, "stage": choice, "requested_for": ofUser, "variables": text,
	},
	"sc_task":  {"request": {"ref", "sc_request"}, "request_item": {"ref", "sc_req_item"}},
	"incident": {"caller_id": ofUser, "category": text, "subcategory": text, "close_code": text},
	"change_request": {
		"requested_by": ofUser, "type": choice, "risk": choice, "start_date": date, "end_date": date, "justification": text, "category": text,
	},
	"sysapproval_approver": {
		"approver": ofUser, "sysapproval": ofTask, "source_table": text, "document_id": ofTask, "state": choice, "comments": text, "due_date": date, "group": text,
	},
	"sys_user": {
		"user_name": text, "name": text, "first_name": text, "last_name": text, "email": text, "active": flag, "locked_out": flag, "manager": ofUser, "title": text,
		"department": text, "time_zone": text,
	},
	"sys_user_group":    {"name": text, "manager": ofUser},
	"cmdb_ci":           {"name": text, "sys_class_name": text},
	"sc_catalog":        {"title": text, "description": text, "active": flag},
	"sc_category":       {"title": text, "description": text, "sc_catalog": {"ref", "sc_catalog"}, "active": flag},
	"sc_cat_item":       {"name": text, "short_description": text, "description": text, "price": price, "category": {"ref", "sc_category"}, "active": flag, "ja": text, "about_ja": text, "asks": text},
	"sys_journal_field": {"element_id": text, "element": text, "name": text, "value": text},
}

// tasks are the tables below task, with the beginning of their numbers.
var tasks = map[string]string{"sc_request": "REQ", "sc_req_item": "RITM", "sc_task": "SCTASK", "incident": "INC", "change_request": "CHG"}

// hidden fields are ours and not of the API.
var hidden = []string{"ja", "about_ja", "asks", "need"}

// displays are the fields that stand for a whole record.
var displays = map[string]string{
	"sys_user": "name", "sys_user_group": "name", "cmdb_ci": "name", "sc_cat_item": "name", "sc_catalog": "title", "sc_category": "title", "sysapproval_approver": "state",
}

// labels are what choices are called, by table and field.
var labels = map[string]map[string]string{
	"approval":            {"not requested": "Not Yet Requested", "requested": "Requested", "approved": "Approved", "rejected": "Rejected", "cancelled": "Cancelled"},
	"row.state":           {"not requested": "Not Yet Requested", "requested": "Requested", "approved": "Approved", "rejected": "Rejected", "cancelled": "Cancelled", "not_required": "No Longer Required", "duplicate": "Duplicate"},
	"state":               {"-5": "Pending", "1": "Open", "2": "Work in Progress", "3": "Closed Complete", "4": "Closed Incomplete", "7": "Closed Skipped"},
	"incident.state":      {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"},
	"change.state":        {"-5": "New", "-4": "Assess", "-3": "Authorize", "-2": "Scheduled", "-1": "Implement", "0": "Review", "3": "Closed", "4": "Canceled"},
	"request_state":       {"requested": "Pending Approval", "in_process": "Approved", "closed_complete": "Closed Complete", "closed_rejected": "Closed Rejected", "closed_cancelled": "Closed Cancelled"},
	"stage":               {"requested": "Requested", "waiting_for_approval": "Waiting for Approval", "fulfillment": "Fulfillment", "complete": "Completed", "Request Cancelled": "Request Cancelled"},
	"priority":            {"1": "1 - Critical", "2": "2 - High", "3": "3 - Moderate", "4": "4 - Low", "5": "5 - Planning"},
	"urgency":             {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"},
	"impact":              {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"},
	"change_request.risk": {"2": "High", "3": "Moderate", "4": "Low"},
}

// columnOf is a field of a table.
func columnOf(table, field string) (column, bool) {
	if slices.Contains(hidden, field) {
		return column{}, false
	}
	for _, set := range []map[string]column{always, columns[table]} {
		if c, known := set[field]; known {
			return c, true
		}
	}
	if _, below := tasks[table]; below || table == "task" {
		c, known := task[field]
		return c, known
	}
	return column{}, false
}

// fieldsOf are all fields of a table, in order.
func fieldsOf(table string) (names []string) {
	sets := []map[string]column{always, columns[table]}
	if _, below := tasks[table]; below || table == "task" {
		sets = append(sets, task)
	}
	for _, set := range sets {
		for name := range set {
			if !slices.Contains(hidden, name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// labelOf is what a value of a choice is called.
func labelOf(table, field, value string) string {
	for _, key := range []string{map[string]string{"sysapproval_approver": "row", "change_request": "change"}[table] + "." + field, table + "." + field, field} {
		if label, known := labels[key][value]; known {
			return label
		}
	}
	return value
}

const layout = "2006-01-02 15:04:05"

func stamp(t time.Time) string { return t.UTC().Format(layout) }

// insert keeps a new record, with what every record has.
func (s *System) insert(table string, row Row) Row {
	now := stamp(s.stage.Clock.Now())
	filled := Row{"sys_id": fake.Hex(16), "sys_created_on": now, "sys_created_by": s.by, "sys_updated_on": now, "sys_updated_by": s.by, "sys_mod_count": "0"}
	for name, value := range filled {
		if row[name] == "" {
			row[name] = value
		}
	}
	if prefix, below := tasks[table]; below {
		row["sys_class_name"] = table
		if row["number"] == "" {
			s.numbers[prefix]++
			row["number"] = fmt.Sprintf("%s%07d", prefix, 10000+s.numbers[prefix])
		}
	}
	s.tables[table] = append(s.tables[table], row)
	return row
}

// touch notes that a record was changed.
func (s *System) touch(row Row) {
	n := 0
	_, _ = fmt.Sscan(row["sys_mod_count"], &n)
	row["sys_mod_count"] = fmt.Sprint(n + 1)
	row["sys_updated_on"], row["sys_updated_by"] = stamp(s.stage.Clock.Now()), s.by
}

// rows are the records of a table; of task, those of all below it.
func (s *System) rows(table string) []Row {
	if table != "task" {
		return s.tables[table]
	}
	var all []Row
	for _, name := range []string{"sc_request", "sc_req_item", "sc_task", "incident", "change_request"} {
		all = append(all, s.tables[name]...)
	}
	return all
}

// find is the record of a table with a value in a field, or nil.
func (s *System) find(table, field, value string) Row {
	if value == "" {
		return nil
	}
	for _, row := range s.rows(table) {
		if row[field] == value {
			return row
		}
	}
	return nil
}

func (s *System) user(login string) Row { return s.find("sys_user", "user_name", login) }

// walk follows a dotted path from a record: the table and the record in which
// the last field stands.
func (s *System) walk(table string, row Row, path string) (string, Row, string, bool) {
	for {
		field, rest, dotted := strings.Cut(path, ".")
		c, known := columnOf(table, field)
		if !known {
			return "", nil, "", false
		}
		if !dotted {
			return table, row, field, true
		}
		if c.kind != "ref" {
			return "", nil, "", false
		}
		table, path = c.of, rest
		if row != nil {
			row = s.find(table, "sys_id", row[field])
		}
		if class := row["sys_class_name"]; table == "task" && class != "" {
			table = class
		}
	}
}

// save makes what puts all records back as they are now.
func (s *System) save() func() {
	tables := map[string][]Row{}
	for name, rows := range s.tables {
		for _, row := range rows {
			copied := Row{}
			for field, value := range row {
				copied[field] = value
			}
			tables[name] = append(tables[name], copied)
		}
	}
	carts := map[string]*cart{}
	for login, c := range s.carts {
		copied := *c
		copied.Items = slices.Clone(c.Items)
		carts[login] = &copied
	}
	return func() { s.tables, s.carts = tables, carts }
}

// as runs f with a name on what it writes.
func (s *System) as(login string, f func()) {
	before := s.by
	s.by = login
	defer func() { s.by = before }()
	f()
}
