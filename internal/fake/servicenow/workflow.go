package servicenow

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
)

// decisions are the states that a row can be given by who decides.
var decisions = []string{"approved", "rejected"}

// putRow is what an update of an approver's row does: a decision counts once,
// and a rejection wants its reason.
func (s *System) putRow(row, fields Row, by string) fake.Answer {
	if other := s.switches.Elsewhere; other != "" && row["state"] == "requested" {
		s.switches.Elsewhere = ""
		s.as("system", func() { s.decide(row, other, "") })
	}
	state, decides := fields["state"]
	if decides && state == row["state"] || row["state"] != "requested" || !slices.Contains(decisions, state) {
		decides = false // a row that is final stays: the field is dropped, and the answer is 200
	}
	if decides && state == "rejected" && strings.TrimSpace(fields["comments"]) == "" && row["comments"] == "" && !s.switches.CommentOptional {
		return refuse(http.StatusForbidden, "Operation Failed", "Data Policy Exception: The following fields are mandatory: Comments")
	}
	if decides {
		s.decide(row, state, fields["comments"])
	} else if comment := fields["comments"]; comment != "" && row["state"] == "requested" {
		row["comments"] = comment
		s.touch(row)
		s.ring(row, "update")
	}
	return fake.Answer{}
}

// decide writes a decision into a row; what it is about follows by workflow.
func (s *System) decide(row Row, state, comments string) {
	row["state"] = state
	if comments != "" {
		row["comments"] = comments
	}
	s.touch(row)
	s.ring(row, "update")
	about := row["sysapproval"]
	s.stage.In(s.switches.Workflow, func() { s.as("system", func() { s.conclude(about) }) })
}

// conclude turns the states of all rows into the approval of what they are
// about.
func (s *System) conclude(id string) {
	about := s.find("task", "sys_id", id)
	if about == nil || about["approval"] != "requested" {
		return
	}
	count := map[string]int{}
	open := []Row{}
	for _, row := range s.rowsOf(id) {
		count[row["state"]]++
		if row["state"] == "requested" {
			open = append(open, row)
		}
	}
	all := about["need"] == "all"
	switch {
	case count["rejected"] > 0:
		s.close(open, "cancelled")
		s.settle(about, "rejected")
	case count["approved"] > 0 && (!all || len(open) == 0):
		s.close(open, "not_required")
		s.settle(about, "approved")
	case len(open) == 0:
		s.settle(about, "cancelled")
	}
}

// rowsOf are the approvers' rows about a task.
func (s *System) rowsOf(id string) (rows []Row) {
	for _, row := range s.tables["sysapproval_approver"] {
		if row["sysapproval"] == id {
			rows = append(rows, row)
		}
	}
	return rows
}

func (s *System) close(rows []Row, state string) {
	for _, row := range rows {
		row["state"] = state
		s.touch(row)
		s.ring(row, "update")
	}
}

// settle writes what came out into a task and, of a request, into its items.
func (s *System) settle(about Row, approval string) {
	set := func(row Row) {
		row["approval"] = approval
		stage := map[string]string{"approved": "fulfillment"}[approval]
		if stage == "" {
			stage = "Request Cancelled"
			row["state"], row["active"], row["closed_at"] = "4", "false", stamp(s.stage.Clock.Now())
		} else if row["sys_class_name"] != "change_request" {
			row["state"] = "2"
		}
		if strings.HasPrefix(row["sys_class_name"], "sc_req") {
			row["stage"] = stage
		}
		s.touch(row)
	}
	set(about)
	if about["sys_class_name"] == "change_request" && approval == "approved" {
		about["state"] = "-2"
	}
	if about["sys_class_name"] != "sc_request" {
		return
	}
	about["request_state"] = map[string]string{"approved": "in_process", "rejected": "closed_rejected", "cancelled": "closed_cancelled"}[approval]
	for _, item := range s.tables["sc_req_item"] {
		if item["request"] != about["sys_id"] {
			continue
		}
		set(item)
		if approval == "approved" {
			s.insert("sc_task", Row{
				"request": about["sys_id"], "request_item": item["sys_id"], "short_description": item["short_description"], "state": "1", "active": "true",
				"approval": "not requested", "opened_by": about["opened_by"], "opened_at": stamp(s.stage.Clock.Now()), "priority": "4",
			})
		}
	}
}

// ask makes a row for each approver of a task; need is "any" or "all" of them.
func (s *System) ask(about Row, need string, approvers []string) []Row {
	var rows []Row
	about["approval"], about["need"] = "requested", need
	now := s.stage.Clock.Now()
	for _, login := range approvers {
		approver := s.user(login)
		if approver == nil {
			continue
		}
		row := s.insert("sysapproval_approver", Row{
			"approver": approver["sys_id"], "sysapproval": about["sys_id"], "document_id": about["sys_id"], "source_table": about["sys_class_name"],
			"state": "requested", "due_date": stamp(now.Add(3 * 24 * time.Hour)), "comments": "",
		})
		rows = append(rows, row)
		s.ring(row, "insert")
	}
	return rows
}

// approversOf are who is asked about something for a person.
func (s *System) approversOf(login string) []string {
	if s.switches.Approvers != "" {
		return strings.Split(s.switches.Approvers, ",")
	}
	manager := s.find("sys_user", "sys_id", s.user(login)["manager"])
	if manager == nil {
		return []string{login} // nobody is above them
	}
	return []string{manager["user_name"]}
}

// ring calls the doorbell: what the business rule of an administrator does.
func (s *System) ring(row Row, operation string) {
	if s.switches.Doorbell == "" {
		return
	}
	about := s.find("task", "sys_id", row["sysapproval"])
	body, err := json.Marshal(map[string]string{
		"table": "sysapproval_approver", "operation": operation, "sys_id": row["sys_id"], "state": row["state"], "approver": row["approver"],
		"sysapproval": row["sysapproval"], "source_table": row["source_table"], "number": about["number"],
	})
	if err != nil {
		return
	}
	bell := fake.Ring{URL: s.switches.Doorbell, Header: http.Header{}, Body: body}
	if s.switches.DoorbellToken != "" {
		bell.Header.Set("Authorization", "Bearer "+s.switches.DoorbellToken)
	}
	s.stage.In(s.switches.DoorbellDelay, func() {
		s.stage.Beside(func(ctx context.Context) { bell.Send(ctx) })
	})
}
