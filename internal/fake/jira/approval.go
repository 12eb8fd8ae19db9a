package jira

import (
	"net/http"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
)

// advance begins the next stage of a request, or ends the approvals.
func (s *System) advance(one *site, q *request) {
	now := s.stage.Clock.Now()
	stages := one.desk(q.Desk).kind(q.Type).Stages
	switch {
	case len(stages) == 0:
		return
	case q.nextOfStage >= len(stages):
		q.become("Approved", "INDETERMINATE", now)
		return
	}
	stage := stages[q.nextOfStage]
	logins, need := stage.Approvers, stage.Need
	if q.nextOfStage == 0 && s.switches.Approvers != "" {
		logins = strings.Split(s.switches.Approvers, ",")
	}
	if q.nextOfStage == 0 && s.switches.Need != "" {
		need = s.switches.Need
	}
	q.nextOfStage++
	a := &approval{ID: s.next("approval"), Name: stage.Name, Ja: stage.Ja, Need: need, Final: "pending", Created: now}
	for _, login := range logins {
		if login == "manager" {
			if login = s.people[q.Reporter].Manager; login == "" {
				login = q.Reporter // nobody is above them
			}
		}
		if s.people[login] != nil {
			a.Answers = append(a.Answers, answer{Login: login, Decision: "pending"})
		}
	}
	q.Approvals = append(q.Approvals, a)
	q.become(stage.Status, "INDETERMINATE", now)
}

// decide notes what somebody answered to an approval that awaits them. The word
// is the one that is read: approved or declined.
func (s *System) decide(one *site, q *request, a *approval, login, word string) {
	now := s.stage.Clock.Now()
	own := a.answer(login)
	own.Decision, own.At = word, now
	open := 0
	for _, other := range a.Answers {
		if other.Decision == "pending" {
			open++
		}
	}
	switch {
	case word == "declined":
		a.Final, a.Completed = "declined", now
	case a.Need != "all" || open == 0:
		a.Final, a.Completed = "approved", now
	}
	q.Updated = now
	s.announce(one, q, "jira:issue_updated", "issue_generic", login)
	if a.Final == "pending" {
		return
	}
	key, id := q.Key, a.ID
	s.stage.In(s.switches.Workflow, func() {
		if one, q := s.find(key); q != nil { // a lie may have put other records in its place
			s.conclude(one, q, id, login)
		}
	})
}

// conclude is the status behind a decision.
func (s *System) conclude(one *site, q *request, id, login string) {
	a := q.approval(id)
	if a == nil || q.Status.Category == "DONE" {
		return
	}
	if a.Final == "declined" || a.Final == "cancelled" {
		q.become(map[string]string{"declined": "Declined", "cancelled": "Canceled"}[a.Final], "DONE", s.stage.Clock.Now())
	} else {
		s.advance(one, q)
	}
	s.announce(one, q, "jira:issue_updated", "issue_generic", login)
}

func (q *request) approval(id string) *approval {
	for _, a := range q.Approvals {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// elsewhere decides an approval by somebody else before the caller's answer
// arrives, if the switch says so.
func (s *System) elsewhere(one *site, q *request, a *approval) {
	word := map[string]string{"approved": "approved", "rejected": "declined", "cancelled": "cancelled"}[s.switches.Elsewhere]
	if word == "" || a.Final != "pending" || len(a.Answers) == 0 {
		return
	}
	s.switches.Elsewhere = ""
	if word == "cancelled" {
		a.Final, a.Completed = word, s.stage.Clock.Now()
		s.conclude(one, q, a.ID, a.Answers[0].Login)
		return
	}
	a.Need = "any"
	s.decide(one, q, a, a.Answers[len(a.Answers)-1].Login, word)
}

// shownApproval is an approval as the API gives it.
func (s *System) shownApproval(q *request, a *approval, v visit) map[string]any {
	final := a.Final
	if final == "cancelled" {
		final = "declined"
	}
	approvers := []map[string]any{}
	for _, one := range a.Answers {
		approvers = append(approvers, map[string]any{"approver": s.person(v, one.Login), "approverDecision": one.Decision})
	}
	out := map[string]any{
		"id": a.ID, "name": a.Name, "finalDecision": final, "canAnswerApproval": a.awaits(v.user.Login), "approvers": approvers, "createdDate": v.user.moment(a.Created),
		"_links": map[string]any{"self": v.root + "/rest/servicedeskapi/request/" + q.ID + "/approval/" + a.ID},
	}
	if !a.Completed.IsZero() {
		out["completedDate"] = v.user.moment(a.Completed)
	}
	return out
}

func (s *System) approvals(r *http.Request, v visit) fake.Answer {
	q := v.seen(r)
	if q == nil {
		return refuse(http.StatusNotFound, noIssue)
	}
	all := []map[string]any{}
	for _, a := range q.Approvals { // a finished stage comes first
		all = append(all, s.shownApproval(q, a, v))
	}
	return s.paged(r, v, all)
}

func (s *System) oneApproval(r *http.Request, v visit) fake.Answer {
	q := v.seen(r)
	if q == nil {
		return refuse(http.StatusNotFound, noIssue)
	}
	a := q.approval(r.PathValue("id"))
	if a == nil {
		return refuse(http.StatusNotFound, "The approval could not be found.")
	}
	return fake.Answer{Body: s.shownApproval(q, a, v)}
}

// answerApproval takes approve or decline, which read approved and declined
// afterwards.
func (s *System) answerApproval(w http.ResponseWriter, r *http.Request, v visit) {
	var ask struct {
		Decision string `json:"decision"`
	}
	if err := fake.ReadJSON(r, &ask); err != nil {
		refuse(http.StatusBadRequest, "Cannot parse the request body.").Write(w)
		return
	}
	key, id := r.PathValue("key"), r.PathValue("id")
	s.stage.Written(w, r, fake.Write{By: v.user.Login, Object: key + ":" + id, Body: ask.Decision}, s.save, func(*fake.Write) fake.Answer {
		q := v.seen(r)
		if q == nil {
			return refuse(http.StatusNotFound, noIssue)
		}
		a := q.approval(id)
		if a == nil {
			return refuse(http.StatusNotFound, "The approval could not be found.")
		}
		s.elsewhere(v.site, q, a)
		word := map[string]string{"approve": "approved", "decline": "declined"}[ask.Decision]
		switch {
		case word == "":
			return refuse(http.StatusBadRequest, "The decision must be either 'approve' or 'decline'.")
		case a.answer(v.user.Login) == nil:
			return refuse(http.StatusForbidden, "You are not an approver of this request.")
		case !a.awaits(v.user.Login):
			return refuse(http.StatusBadRequest, "The approval has already been answered.")
		}
		s.decide(v.site, q, a, v.user.Login, word)
		return fake.Answer{Body: s.shownApproval(q, a, v)}
	})
}

// stamp is a time as the platform writes it.
func (u *user) stamp(at time.Time) string {
	return at.In(u.zone()).Format("2006-01-02T15:04:05.000-0700")
}
