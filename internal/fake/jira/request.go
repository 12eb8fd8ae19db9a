package jira

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
)

// requests is the list, the newest first, as far as the caller sees it.
func (s *System) requests(r *http.Request, v visit) fake.Answer {
	asked := r.URL.Query()
	for name, known := range map[string][]string{
		"requestOwnership": {"", "OWNED_REQUESTS", "PARTICIPATED_REQUESTS", "ORGANIZATION", "ALL_ORGANIZATIONS", "APPROVER", "ALL_REQUESTS"},
		"requestStatus":    {"", "OPEN_REQUESTS", "CLOSED_REQUESTS", "ALL_REQUESTS"},
		"approvalStatus":   {"", "MY_PENDING_APPROVAL", "MY_HISTORY_APPROVAL"},
	} {
		if !slices.Contains(known, asked.Get(name)) {
			return refuse(http.StatusBadRequest, "The value '"+asked.Get(name)+"' is not valid for "+name+".")
		}
	}
	if asked.Get("approvalStatus") != "" && asked.Get("requestOwnership") != "APPROVER" {
		return refuse(http.StatusBadRequest, "approvalStatus is only valid when requestOwnership is APPROVER.")
	}
	all := []map[string]any{}
	for _, q := range slices.Backward(v.site.requests) {
		if listed(q, v.user, asked.Get) {
			all = append(all, s.shown(q, v, asked.Get("expand")))
		}
	}
	return s.paged(r, v, all)
}

// listed says whether a request meets what a list asks for.
func listed(q *request, u *user, asked func(string) string) bool {
	own := q.Reporter == u.Login
	switch asked("requestOwnership") {
	case "APPROVER":
		pending := slices.ContainsFunc(q.Approvals, func(a *approval) bool { return a.awaits(u.Login) })
		if !q.approverOf(u.Login) || asked("approvalStatus") == "MY_PENDING_APPROVAL" && !pending || asked("approvalStatus") == "MY_HISTORY_APPROVAL" && pending {
			return false
		}
	case "OWNED_REQUESTS", "":
		if !own {
			return false
		}
	default:
		if !u.sees(q) {
			return false
		}
	}
	closed := q.Status.Category == "DONE"
	return !(asked("requestStatus") == "OPEN_REQUESTS" && closed || asked("requestStatus") == "CLOSED_REQUESTS" && !closed) &&
		(asked("serviceDeskId") == "" || asked("serviceDeskId") == q.Desk) && (asked("requestTypeId") == "" || asked("requestTypeId") == q.Type) &&
		strings.Contains(strings.ToLower(q.summary()+" "+q.Key), strings.ToLower(asked("searchTerm")))
}

func (q *request) summary() string {
	text, _ := q.Values["summary"].(string)
	return text
}

// shown is a request as a customer's program sees it.
func (s *System) shown(q *request, v visit, expand string) map[string]any {
	d := v.site.desk(q.Desk)
	t := d.kind(q.Type)
	values := []map[string]any{}
	for _, f := range t.Fields {
		one := map[string]any{"fieldId": f.ID, "label": f.Label}
		if value, there := q.Values[f.ID]; there {
			one["value"] = value
		}
		values = append(values, one)
	}
	out := map[string]any{
		"_expands": []string{"participant", "status", "sla", "requestType", "serviceDesk", "attachment", "action", "comment"},
		"issueId":  q.ID, "issueKey": q.Key, "requestTypeId": q.Type, "serviceDeskId": q.Desk, "summary": q.summary(),
		"createdDate": v.user.moment(q.Created), "reporter": s.person(v, q.Reporter), "requestFieldValues": values,
		"currentStatus": map[string]any{"status": q.Status.Name, "statusCategory": q.Status.Category, "statusDate": v.user.moment(q.Status.Since)},
		"_links": map[string]any{
			"jiraRest": v.root + "/rest/api/3/issue/" + q.ID, "self": v.root + "/rest/servicedeskapi/request/" + q.ID,
			"web": v.web + "/servicedesk/customer/portal/" + q.Desk + "/" + q.Key, "agent": v.web + "/browse/" + q.Key,
		},
	}
	for part := range strings.SplitSeq(expand, ",") {
		switch part {
		case "requestType":
			out["requestType"] = t.shown(v, d)
		case "serviceDesk":
			out["serviceDesk"] = d.shown(v)
		}
	}
	return out
}

func (s *System) oneRequest(r *http.Request, v visit) fake.Answer {
	q := v.seen(r)
	if q == nil {
		return refuse(http.StatusNotFound, noIssue)
	}
	return fake.Answer{Body: s.shown(q, v, r.URL.Query().Get("expand"))}
}

// wanted is the body that makes a request.
type wanted struct {
	Desk    string         `json:"serviceDeskId"`
	Type    string         `json:"requestTypeId"`
	Values  map[string]any `json:"requestFieldValues"`
	Account string         `json:"raiseOnBehalfOf"`
}

func (s *System) createRequest(w http.ResponseWriter, r *http.Request, v visit) {
	var ask wanted
	if err := fake.ReadJSON(r, &ask); err != nil {
		refuse(http.StatusBadRequest, "Cannot parse the request body.").Write(w)
		return
	}
	body, err := json.Marshal(ask)
	if err != nil {
		refuse(http.StatusBadRequest, "Cannot parse the request body.").Write(w)
		return
	}
	s.stage.Written(w, r, fake.Write{By: v.user.Login, Object: ask.Type, Body: string(body)}, s.save, func(write *fake.Write) fake.Answer {
		reporter := v.user
		if ask.Account != "" {
			if reporter = s.byAccount(ask.Account); reporter == nil || !v.user.agent() {
				return refuse(http.StatusForbidden, "You cannot raise requests on behalf of others.")
			}
		}
		q, wrong := s.create(v.site, reporter, ask)
		if wrong != "" {
			return refuse(http.StatusBadRequest, wrong)
		}
		write.Object = q.Key
		return fake.Answer{Status: http.StatusCreated, Body: s.shown(q, v, "")}
	})
}

// create makes a request and begins its first stage; else it says what is wrong.
func (s *System) create(one *site, reporter *user, ask wanted) (*request, string) {
	d := one.desk(ask.Desk)
	t := d.kind(ask.Type)
	if t == nil {
		return nil, "The request type could not be found."
	}
	values := map[string]any{}
	for _, f := range t.Fields {
		value, given := ask.Values[f.ID]
		if !given || value == "" || value == nil {
			if f.Required {
				return nil, "Field " + f.Label + " is required."
			}
			continue
		}
		read, good := f.read(value)
		if !good {
			return nil, "The value of field " + f.Label + " is not valid."
		}
		values[f.ID] = read
	}
	now := s.stage.Clock.Now()
	q := &request{
		ID: "1000" + s.next("issue"), Key: d.Project + "-" + s.next(d.Project), Desk: d.ID, Type: t.ID, Reporter: reporter.Login, Created: now, Updated: now,
		Values: values, Properties: map[string]any{},
	}
	one.requests = append(one.requests, q)
	q.become("Waiting for support", "NEW", now)
	s.advance(one, q)
	s.announce(one, q, "jira:issue_created", "issue_created", reporter.Login)
	return q, ""
}

// read is a value of a field as it is kept: text as it stands, a choice as an
// object, several of them as a list.
func (f field) read(value any) (any, bool) {
	switch f.Kind {
	case "option":
		return f.option(value)
	case "options", "asset":
		list, several := value.([]any)
		if !several {
			list = []any{value}
		}
		out := []any{}
		for _, one := range list {
			read, good := f.option(one)
			if !good {
				return nil, false
			}
			out = append(out, read)
		}
		return out, true
	case "number":
		n, err := strconv.ParseFloat(fmt.Sprint(value), 64)
		return n, err == nil
	case "date":
		text, _ := value.(string)
		_, err := time.Parse(time.DateOnly, text)
		return text, err == nil
	}
	text, is := value.(string)
	return text, is
}

// option is one of a field's choices, given by its name or as an object.
func (f field) option(value any) (any, bool) {
	if object, is := value.(map[string]any); is {
		if value = object["value"]; value == nil {
			value = object["id"]
		}
	}
	for i, name := range f.Options {
		if value != name && value != optionID(f, i) {
			continue
		}
		if f.Kind == "asset" {
			return map[string]any{"workspaceId": "a1", "id": "a1:" + assetID(f, i), "objectId": assetID(f, i)}, true
		}
		return map[string]any{"id": optionID(f, i), "value": name}, true
	}
	return nil, false
}

// become gives a request another status.
func (q *request) become(name, category string, at time.Time) {
	q.Status = status{name, category, at}
	q.Watched = append(q.Watched, q.Status)
	q.Updated = at
}
