package jira

import (
	"net/http"
	"slices"

	"github.com/sekisho/sekisho/internal/fake"
)

// say adds a comment.
func (s *System) say(one *site, q *request, login, text string, public bool, properties map[string]any) *comment {
	now := s.stage.Clock.Now()
	c := &comment{ID: "2000" + s.next("comment"), By: login, Text: text, Public: public, At: now, Properties: properties}
	q.Comments = append(q.Comments, c)
	q.Updated = now
	s.announce(one, q, "comment_created", "", login)
	return c
}

func (s *System) shownComment(q *request, c *comment, v visit) map[string]any {
	return map[string]any{
		"id": c.ID, "body": c.Text, "public": c.Public, "author": s.person(v, c.By), "created": v.user.moment(c.At),
		"_links": map[string]any{"self": v.root + "/rest/servicedeskapi/request/" + q.ID + "/comment/" + c.ID},
	}
}

func (s *System) comments(r *http.Request, v visit) fake.Answer {
	q := v.seen(r)
	if q == nil {
		return refuse(http.StatusNotFound, noIssue)
	}
	all := []map[string]any{}
	for _, c := range q.Comments {
		if c.Public || v.user.agent() {
			all = append(all, s.shownComment(q, c, v))
		}
	}
	return s.paged(r, v, all)
}

func (s *System) addComment(w http.ResponseWriter, r *http.Request, v visit) {
	var ask struct {
		Body   string `json:"body"`
		Public bool   `json:"public"`
	}
	if err := fake.ReadJSON(r, &ask); err != nil || ask.Body == "" {
		refuse(http.StatusBadRequest, "The comment body must not be empty.").Write(w)
		return
	}
	s.stage.Written(w, r, fake.Write{By: v.user.Login, Object: r.PathValue("key"), Body: ask.Body}, s.save, func(*fake.Write) fake.Answer {
		q := v.seen(r)
		switch {
		case q == nil:
			return refuse(http.StatusNotFound, noIssue)
		case !ask.Public && !v.user.agent():
			return refuse(http.StatusForbidden, "You do not have permission to add internal comments.")
		}
		c := s.say(v.site, q, v.user.Login, ask.Body, ask.Public, nil)
		return fake.Answer{Status: http.StatusCreated, Body: s.shownComment(q, c, v)}
	})
}

// transition is a way from one status to another.
type transition struct {
	id, name, to, category string
	from                   []string // categories of status; of Waiting ones only their withdrawal
	agents                 bool
}

var transitions = []transition{
	{"11", "In progress", "In progress", "INDETERMINATE", []string{"NEW", "INDETERMINATE"}, true},
	{"21", "Resolved", "Resolved", "DONE", []string{"NEW", "INDETERMINATE"}, true},
	{"31", "Cancel request", "Canceled", "DONE", []string{"NEW", "INDETERMINATE"}, false},
}

// open are the transitions that somebody may take now. While an approval waits,
// a request can only be cancelled.
func (q *request) open(u *user) (open []transition) {
	waits := slices.ContainsFunc(q.Approvals, func(a *approval) bool { return a.Final == "pending" })
	for _, t := range transitions {
		if slices.Contains(t.from, q.Status.Category) && t.to != q.Status.Name && (!t.agents || u.agent() && !waits) {
			open = append(open, t)
		}
	}
	return open
}

func (s *System) transitions(r *http.Request, v visit) fake.Answer {
	q := v.seen(r)
	if q == nil {
		return refuse(http.StatusNotFound, noIssue)
	}
	all := []map[string]any{}
	for _, t := range q.open(v.user) {
		all = append(all, map[string]any{"id": t.id, "name": t.name})
	}
	return s.paged(r, v, all)
}

func (s *System) doTransition(w http.ResponseWriter, r *http.Request, v visit) {
	var ask struct {
		ID         string `json:"id"`
		Additional struct {
			Body string `json:"body"`
		} `json:"additionalComment"`
	}
	if err := fake.ReadJSON(r, &ask); err != nil {
		refuse(http.StatusBadRequest, "Cannot parse the request body.").Write(w)
		return
	}
	s.stage.Written(w, r, fake.Write{By: v.user.Login, Object: r.PathValue("key"), Body: ask.ID}, s.save, func(*fake.Write) fake.Answer {
		q := v.seen(r)
		if q == nil {
			return refuse(http.StatusNotFound, noIssue)
		}
		for _, t := range q.open(v.user) {
			if t.id == ask.ID {
				s.move(v.site, q, t, v.user.Login)
				if ask.Additional.Body != "" {
					s.say(v.site, q, v.user.Login, ask.Additional.Body, true, nil)
				}
				return fake.Answer{Status: http.StatusNoContent}
			}
		}
		return refuse(http.StatusBadRequest, "The transition is not valid for the current status.")
	})
}

// move takes a transition; what waits for an approval waits no more.
func (s *System) move(one *site, q *request, t transition, login string) {
	now := s.stage.Clock.Now()
	for _, a := range q.Approvals {
		if a.Final == "pending" {
			a.Final, a.Completed = "cancelled", now
		}
	}
	q.become(t.to, t.category, now)
	s.announce(one, q, "jira:issue_updated", "issue_generic", login)
}
