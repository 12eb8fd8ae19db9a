package servicenow

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
)

// caller is who asks, as the sys_user.
type caller struct {
	login string
	id    string
	roles []string
}

func (c caller) has(roles ...string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(c.roles, role) })
}

// refuse is the shape of every error.
func refuse(status int, message, detail string) fake.Answer {
	var more any
	if detail != "" {
		more = detail
	}
	return fake.Answer{Status: status, Body: map[string]any{"error": map[string]any{"message": message, "detail": more}, "status": "failure"}}
}

func broken() fake.Answer {
	return refuse(http.StatusInternalServerError, "Transaction cancelled: maximum execution time exceeded", "")
}

// throttled is what a rule of sys_rate_limit_rules answers.
func (s *System) throttled(retry time.Duration) fake.Answer {
	a := refuse(http.StatusTooManyRequests, "Rate limit exceeded", "Number of requests for this rule exceeded")
	a.Header = http.Header{
		"Retry-After":       {strconv.Itoa(int(retry.Seconds()))},
		"X-Ratelimit-Limit": {"100"}, "X-Ratelimit-Rule": {"table api per user"},
		"X-Ratelimit-Reset": {strconv.FormatInt(s.stage.Clock.Now().Add(retry).Unix(), 10)},
	}
	return a
}

// signed finds who calls, by a bearer token or by name and password.
func (s *System) signed(do func(http.ResponseWriter, *http.Request, caller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		login := ""
		if name, password, basic := r.BasicAuth(); basic && s.fits(name, password) {
			login = name
		} else if bearer, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); given {
			login = s.bearer(bearer)
		}
		if login == "" {
			a := refuse(http.StatusUnauthorized, "User Not Authenticated", "Required to provide Auth information")
			a.Header = http.Header{"Www-Authenticate": {`BASIC realm="Service-now"`}}
			a.Write(w)
			return
		}
		fake.Known(r, login)
		var c caller
		s.stage.Do(func() { c = s.caller(login) })
		do(w, r, c)
	}
}

func (s *System) caller(login string) caller {
	return caller{login, s.user(login)["sys_id"], s.people[login].Roles}
}

// reads says whether somebody may see a record. Approvers and who runs the
// service see the rows of others; everybody else what is about them.
func (s *System) reads(c caller, table string, row Row) bool {
	if c.has("admin", "itil") || table == "sysapproval_approver" && c.has("approver_user") {
		return true
	}
	if class := row["sys_class_name"]; table == "task" && class != "" {
		table = class
	}
	switch table {
	case "sysapproval_approver":
		about := s.find("task", "sys_id", row["sysapproval"])
		return row["approver"] == c.id || about != nil && s.reads(c, about["sys_class_name"], about)
	case "sc_req_item", "sc_task":
		parent := s.find("sc_request", "sys_id", row["request"])
		return parent == nil || s.reads(c, "sc_request", parent)
	case "sc_request", "incident", "change_request":
		return slices.Contains([]string{row["requested_for"], row["opened_by"], row["caller_id"], row["requested_by"], row["assigned_to"]}, c.id) ||
			slices.ContainsFunc(s.tables["sysapproval_approver"], func(a Row) bool { return a["sysapproval"] == row["sys_id"] && a["approver"] == c.id })
	case "sys_journal_field":
		about := s.find("task", "sys_id", row["element_id"])
		return about != nil && s.reads(c, about["sys_class_name"], about) && (row["element"] != "work_notes" || c.has("itil", "admin"))
	}
	return true
}

func (s *System) tableAPI(w http.ResponseWriter, r *http.Request, c caller) {
	table := r.PathValue("table")
	if columns[table] == nil {
		refuse(http.StatusBadRequest, "Invalid table "+table, "").Write(w)
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.list(table, r, c).Write(w)
	case http.MethodPost:
		s.create(w, r, table, c)
	default:
		refuse(http.StatusMethodNotAllowed, "Method not supported", "").Write(w)
	}
}

func (s *System) list(table string, r *http.Request, c caller) (a fake.Answer) {
	asked := r.URL.Query()
	limit, offset := number(asked.Get("sysparm_limit"), 10000), number(asked.Get("sysparm_offset"), 0)
	s.stage.Do(func() {
		me := s.user(c.login)
		q := s.parse(table, asked.Get("sysparm_query"), me)
		s.plain(&q, table, asked)
		found := []Row{}
		for _, row := range s.rows(table) {
			if !(q.bad && s.switches.NoRows) && s.meets(q, table, row) && s.reads(c, table, row) {
				found = append(found, row)
			}
		}
		s.sortRows(q, table, found)
		total := len(found)
		found = found[min(offset, total):min(offset+limit, total)]
		view := s.view(r, c)
		result := []map[string]any{}
		for _, row := range found {
			result = append(result, view.record(table, row))
		}
		a = fake.Answer{Body: map[string]any{"result": result}, Header: http.Header{"X-Total-Count": {strconv.Itoa(total)}}}
		if links := pageLinks(r, limit, offset, total); links != "" {
			a.Header.Set("Link", links)
		}
	})
	return a
}

// number reads a count; what is none is the default.
func number(text string, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

// pageLinks is the header Link of a list of several pages.
func pageLinks(r *http.Request, limit, offset, total int) string {
	if limit == 0 || total <= limit && offset == 0 {
		return ""
	}
	var links []string
	add := func(rel string, offset int) {
		query := r.URL.Query()
		query.Set("sysparm_offset", strconv.Itoa(offset))
		query.Set("sysparm_limit", strconv.Itoa(limit))
		links = append(links, fmt.Sprintf(`<%s%s?%s>;rel="%s"`, fake.URLOf(r), r.URL.Path, query.Encode(), rel))
	}
	add("first", 0)
	if offset > 0 {
		add("prev", max(offset-limit, 0))
	}
	if offset+limit < total {
		add("next", offset+limit)
	}
	add("last", max(total-1, 0)/limit*limit)
	return strings.Join(links, ",")
}

// view is how records are shown to one caller.
type view struct {
	s       *System
	root    string // URL of the instance
	fields  []string
	display string // "false", "true" or "all"
	bare    bool   // sysparm_exclude_reference_link
	zone    *time.Location
	caller  caller
}

func (s *System) view(r *http.Request, c caller) view {
	asked := r.URL.Query()
	v := view{s: s, root: fake.URLOf(r), display: asked.Get("sysparm_display_value"), bare: asked.Get("sysparm_exclude_reference_link") == "true", caller: c}
	if fields := asked.Get("sysparm_fields"); fields != "" {
		for _, name := range strings.Split(fields, ",") {
			v.fields = append(v.fields, strings.TrimSpace(name))
		}
	}
	v.zone = s.zone(c.login)
	return v
}

func (s *System) zone(login string) *time.Location {
	name := s.people[login].Zone
	if name == "" {
		name = "Asia/Tokyo"
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// record is a record as JSON; a field that does not exist is left out.
func (v view) record(table string, row Row) map[string]any {
	out := map[string]any{}
	fields := v.fields
	if fields == nil {
		fields = fieldsOf(table)
	}
	for _, path := range fields {
		in, at, field, known := v.s.walk(table, row, path)
		if known {
			out[path] = v.field(in, at, field)
		}
	}
	return out
}

func (v view) field(table string, row Row, field string) any {
	c, _ := columnOf(table, field)
	value, shown := row[field], v.s.shown(table, row, field, v.zone)
	if c.kind == "journal" {
		value = ""
	}
	link := v.root + "/api/now/table/" + c.of + "/" + url.PathEscape(value)
	reference := c.kind == "ref" && value != ""
	switch v.display {
	case "all":
		out := map[string]any{"value": value, "display_value": shown}
		if reference && !v.bare {
			out["link"] = link
		}
		return out
	case "true":
		if reference && !v.bare {
			return map[string]any{"display_value": shown, "link": link}
		}
		return shown
	}
	if reference && !v.bare {
		return map[string]any{"value": value, "link": link}
	}
	return value
}

// shown is a value as a person reads it.
func (s *System) shown(table string, row Row, field string, zone *time.Location) string {
	c, _ := columnOf(table, field)
	value := row[field]
	switch c.kind {
	case "ref":
		at := s.find(c.of, "sys_id", value)
		name := displays[c.of]
		if name == "" {
			name = "number"
		}
		return at[name]
	case "price":
		return dollars(value)
	case "date":
		if at, err := time.Parse(layout, value); err == nil {
			return at.In(zone).Format(layout)
		}
	case "choice":
		return labelOf(table, field, value)
	case "journal":
		return s.journalText(row["sys_id"], field, zone)
	}
	return value
}

// dollars writes 1299.5 as $1,299.50.
func dollars(value string) string {
	amount, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return value
	}
	whole, cents, _ := strings.Cut(strconv.FormatFloat(amount, 'f', 2, 64), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return "$" + whole + "." + cents
}

// journalText is all entries of a field, the newest first.
func (s *System) journalText(id, element string, zone *time.Location) string {
	titles := map[string]string{"comments": "Additional comments", "work_notes": "Work notes"}
	var out strings.Builder
	for _, entry := range slices.Backward(s.tables["sys_journal_field"]) {
		if entry["element_id"] == id && entry["element"] == element {
			at, _ := time.Parse(layout, entry["sys_created_on"])
			fmt.Fprintf(&out, "%s - %s (%s)\n%s\n\n", at.In(zone).Format(layout), s.user(entry["sys_created_by"])["name"], titles[element], entry["value"])
		}
	}
	return out.String()
}

// noRecord is the answer for what is not there, or not for this caller.
func noRecord() fake.Answer {
	return refuse(http.StatusNotFound, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
}

func (s *System) recordAPI(w http.ResponseWriter, r *http.Request, c caller) {
	table := r.PathValue("table")
	if columns[table] == nil {
		refuse(http.StatusBadRequest, "Invalid table "+table, "").Write(w)
		return
	}
	var row Row
	var a fake.Answer
	s.stage.Do(func() {
		row = s.find(table, "sys_id", r.PathValue("id"))
		if row != nil && !s.reads(c, table, row) {
			row = nil
		}
		if class := row["sys_class_name"]; table == "task" && class != "" {
			table = class
		}
		a = noRecord()
		if row != nil {
			a = fake.Answer{Body: map[string]any{"result": s.view(r, c).record(table, row)}}
		}
	})
	switch {
	case row == nil || r.Method == http.MethodGet:
		a.Write(w)
	case r.Method == http.MethodPatch || r.Method == http.MethodPut:
		s.update(w, r, table, row["sys_id"], c)
	case r.Method == http.MethodDelete:
		s.remove(w, r, table, row["sys_id"], c)
	default:
		refuse(http.StatusMethodNotAllowed, "Method not supported", "").Write(w)
	}
}

// fieldsIn reads the fields of a body; whatever stands there becomes text.
func fieldsIn(r *http.Request) (Row, string, error) {
	read := map[string]any{}
	if err := fake.ReadJSON(r, &read); err != nil {
		return nil, "", err
	}
	row := Row{}
	for name, value := range read {
		switch value := value.(type) {
		case nil:
			row[name] = ""
		case string:
			row[name] = value
		case map[string]any:
			row[name] = fmt.Sprint(value["value"])
		default:
			row[name] = fmt.Sprint(value)
		}
	}
	body, err := json.Marshal(read)
	return row, string(body), err
}
