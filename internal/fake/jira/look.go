package jira

import (
	"maps"
	"slices"
	"time"
)

// Request is a request as it stands.
type Request struct {
	Site, ID, Key string
	Reporter      string // login
	Summary       string
	Status        string // name
	Category      string // NEW, INDETERMINATE or DONE
	Created       time.Time
	Approvals     []Approval
	Properties    map[string]any
}

// Approval is a stage.
type Approval struct {
	ID, Name, Final string // Final is pending, approved, declined or cancelled
	Answers         []Answer
}

// Answer is that of one approver.
type Answer struct{ Login, Decision string }

// Comment is one that was made.
type Comment struct {
	By, Text   string // By is a login
	Public     bool
	At         time.Time
	Properties map[string]any // of one that the platform was given
}

func look(one *site, q *request) Request {
	out := Request{
		Site: one.Key, ID: q.ID, Key: q.Key, Reporter: q.Reporter, Summary: q.summary(), Status: q.Status.Name, Category: q.Status.Category, Created: q.Created,
		Properties: q.Properties,
	}
	for _, a := range q.Approvals {
		stage := Approval{ID: a.ID, Name: a.Name, Final: a.Final}
		for _, own := range a.Answers {
			stage.Answers = append(stage.Answers, Answer{own.Login, own.Decision})
		}
		out.Approvals = append(out.Approvals, stage)
	}
	return out
}

// Request is a request of any site by its key.
func (s *System) Request(key string) (out Request, err error) {
	err = errNoRecord(key)
	s.stage.Do(func() {
		if one, q := s.find(key); q != nil {
			out, err = look(one, q.copy()), nil
		}
	})
	return out, err
}

// Requests are those of all sites, the oldest of each first.
func (s *System) Requests() (all []Request) {
	s.stage.Do(func() {
		for _, one := range s.sites {
			for _, q := range one.requests {
				all = append(all, look(one, q.copy()))
			}
		}
	})
	return all
}

// Comments are those of a request, the oldest first.
func (s *System) Comments(key string) (all []Comment) {
	s.stage.Do(func() {
		if _, q := s.find(key); q != nil {
			for _, c := range q.Comments {
				all = append(all, Comment{c.By, c.Text, c.Public, c.At, maps.Clone(c.Properties)})
			}
		}
	})
	return all
}

// Raise makes a request for somebody: the site's key, the name of the request
// type, and the values of its fields by id.
func (s *System) Raise(site, kind, login string, values map[string]any) (out Request, err error) {
	s.stage.Do(func() {
		one, who := s.siteOf(site), s.people[login]
		err = errNoRecord(site + " " + kind + " " + login)
		if one == nil || who == nil {
			return
		}
		for _, d := range one.Desks {
			at := slices.IndexFunc(d.Types, func(t requestType) bool { return t.Name == kind })
			if at < 0 {
				continue
			}
			q, wrong := s.create(one, who, wanted{Desk: d.ID, Type: d.Types[at].ID, Values: values})
			if wrong != "" {
				err = errNoRecord(wrong)
				return
			}
			out, err = look(one, q), nil
		}
	})
	return out, err
}

// Decide answers the pending approval of a request inside the system, as
// somebody who is asked: approved or declined.
func (s *System) Decide(key, login, word string) error {
	return s.within(key, func(one *site, q *request) bool {
		for _, a := range q.Approvals {
			if a.awaits(login) && (word == "approved" || word == "declined") {
				s.decide(one, q, a, login, word)
				return true
			}
		}
		return false
	})
}

// Move takes a transition by its name, such as Resolved, whoever may.
func (s *System) Move(key, login, name string) error {
	return s.within(key, func(one *site, q *request) bool {
		for _, t := range transitions {
			if t.name == name && s.people[login] != nil {
				s.move(one, q, t, login)
				return true
			}
		}
		return false
	})
}

// Say adds a comment of somebody.
func (s *System) Say(key, login, text string, public bool) error {
	return s.within(key, func(one *site, q *request) bool {
		if s.people[login] != nil {
			s.say(one, q, login, text, public, nil)
		}
		return s.people[login] != nil
	})
}

func (s *System) within(key string, do func(*site, *request) bool) (err error) {
	s.stage.Do(func() {
		if one, q := s.find(key); q == nil || !do(one, q) {
			err = errNoRecord(key)
		}
	})
	return err
}
