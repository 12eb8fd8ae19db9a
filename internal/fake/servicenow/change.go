package servicenow

import (
	"net/http"
	"slices"

	"github.com/sekisho/sekisho/internal/fake"
)

// writable are the fields that anybody may write of a record that is theirs, and
// those for who runs the service.
var (
	writable = map[string][]string{
		"sysapproval_approver": {"state", "comments"},
		"task":                 {"comments", "short_description", "description", "urgency", "impact", "correlation_id", "correlation_display"},
	}
	forStaff = []string{"work_notes", "state", "assigned_to", "assignment_group", "priority", "close_notes", "close_code", "due_date", "cmdb_ci", "start_date", "end_date"}
)

// writes says whether a caller may write a field.
func (s *System) writes(c caller, table string, row Row, field string) bool {
	if _, known := columnOf(table, field); !known {
		return false
	}
	if table == "sysapproval_approver" {
		return slices.Contains(writable[table], field) && (row["approver"] == c.id || c.has("admin"))
	}
	if _, below := tasks[table]; !below {
		return false
	}
	return slices.Contains(writable["task"], field) || c.has("admin", "itil") && slices.Contains(forStaff, field)
}

// update is PATCH and PUT. Fields that the caller may not write are dropped; if
// all are, the record is refused.
func (s *System) update(w http.ResponseWriter, r *http.Request, table, id string, c caller) {
	fields, body, err := fieldsIn(r)
	if err != nil {
		refuse(http.StatusBadRequest, "Exception while reading request", "The payload is not valid JSON.").Write(w)
		return
	}
	s.stage.Written(w, r, fake.Write{By: c.login, Object: id, Body: body}, s.save, func(*fake.Write) (a fake.Answer) {
		row := s.find(table, "sys_id", id)
		if row == nil {
			return noRecord()
		}
		s.as(c.login, func() { a = s.put(table, row, fields, c) })
		if a.Status >= http.StatusBadRequest {
			return a
		}
		return fake.Answer{Body: map[string]any{"result": s.view(r, c).record(table, row)}}
	})
}

// put writes fields of a record, as far as the caller may.
func (s *System) put(table string, row, fields Row, c caller) fake.Answer {
	if s.switches.ACLDrop {
		return fake.Answer{}
	}
	allowed := Row{}
	for name, value := range fields {
		if s.writes(c, table, row, name) {
			allowed[name] = value
		}
	}
	if len(allowed) == 0 && len(fields) > 0 {
		return refuse(http.StatusForbidden, "Operation Failed", "ACL Exception Update Failed due to security constraints")
	}
	if table == "sysapproval_approver" {
		return s.putRow(row, allowed, c.login)
	}
	for name, value := range allowed {
		s.putField(table, row, name, value)
	}
	s.touch(row)
	return fake.Answer{}
}

func (s *System) putField(table string, row Row, name, value string) {
	if c, _ := columnOf(table, name); c.kind == "journal" {
		if value != "" {
			s.insert("sys_journal_field", Row{"element_id": row["sys_id"], "element": name, "name": table, "value": value})
		}
		return
	}
	row[name] = value
	if name == "state" && slices.Contains([]string{"3", "4", "7"}, value) && table != "incident" || table == "incident" && name == "state" && (value == "7" || value == "8") {
		row["active"], row["closed_at"] = "false", stamp(s.stage.Clock.Now())
	}
}

// create is POST: anybody opens an incident or a change, nothing else.
func (s *System) create(w http.ResponseWriter, r *http.Request, table string, c caller) {
	fields, body, err := fieldsIn(r)
	if err != nil {
		refuse(http.StatusBadRequest, "Exception while reading request", "The payload is not valid JSON.").Write(w)
		return
	}
	if table != "incident" && table != "change_request" && !c.has("admin") {
		refuse(http.StatusForbidden, "Operation Failed", "ACL Exception Insert Failed due to security constraints").Write(w)
		return
	}
	id := fake.Hex(16)
	s.stage.Written(w, r, fake.Write{By: c.login, Object: id, Body: body}, s.save, func(*fake.Write) fake.Answer {
		var row Row
		s.as(c.login, func() { row = s.open(table, id, c, fields) })
		return fake.Answer{
			Status: http.StatusCreated, Body: map[string]any{"result": s.view(r, c).record(table, row)},
			Header: http.Header{"Location": {fake.URLOf(r) + r.URL.Path + "/" + id}},
		}
	})
}

// open makes a task out of the fields that there are.
func (s *System) open(table, id string, c caller, fields Row) Row {
	now := stamp(s.stage.Clock.Now())
	row := Row{"sys_id": id, "active": "true", "state": "1", "approval": "not requested", "opened_by": c.id, "opened_at": now, "priority": "4", "urgency": "3", "impact": "3"}
	if table == "change_request" {
		row["state"], row["requested_by"], row["type"], row["risk"] = "-5", c.id, "normal", "4"
	}
	said := Row{}
	for name, value := range fields {
		at, known := columnOf(table, name)
		_, fixed := always[name]
		switch {
		case !known || fixed || name == "number" || name == "approval":
		case at.kind == "journal":
			said[name] = value
		default:
			row[name] = s.referred(at, value)
		}
	}
	if table == "incident" && row["caller_id"] == "" {
		row["caller_id"] = c.id
	}
	row = s.insert(table, row)
	for name, value := range said {
		s.putField(table, row, name, value)
	}
	return row
}

// referred lets a reference be written by what it shows too, or by a login.
func (s *System) referred(c column, value string) string {
	if c.kind != "ref" || s.find(c.of, "sys_id", value) != nil {
		return value
	}
	for _, by := range []string{"user_name", displays[c.of]} {
		if at := s.find(c.of, by, value); by != "" && at != nil {
			return at["sys_id"]
		}
	}
	return ""
}

func (s *System) remove(w http.ResponseWriter, r *http.Request, table, id string, c caller) {
	if !c.has("admin") {
		refuse(http.StatusForbidden, "Operation Failed", "ACL Exception Delete Failed due to security constraints").Write(w)
		return
	}
	s.stage.Written(w, r, fake.Write{By: c.login, Object: id}, s.save, func(*fake.Write) fake.Answer {
		s.tables[table] = slices.DeleteFunc(s.tables[table], func(row Row) bool { return row["sys_id"] == id })
		return fake.Answer{Status: http.StatusNoContent}
	})
}
