package demo

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/id"
)

// inviteStory: invite a person, they set a passkey, an administrator finds it in
// the log and proves it.
var inviteStory = story{Name: "invite", Steps: []step{
	{Name: "sign-in", Who: "chika", Open: "/signin", Done: chikaIsIn},
	{Name: "invite", Who: "chika", Open: "/admin/people/new", Done: somebodyIsInvited},
	{Name: "mail", Open: mailPage, Done: theMailIsOpened},
	{Name: "passkey", Open: mailPage, Done: theyAreIn},
	{Name: "find", Who: "chika", Open: "/admin/audit?of=organization", Done: chikaLooks},
	{Name: "read", Who: "chika", Open: "/admin/audit?of=organization&name=invitation.accepted", Done: chikaReads},
	{Name: "prove", Who: "chika", Open: "/admin/audit?of=organization&name=invitation.accepted", Done: chikaProves},
	{Name: "verify", Who: terminal, Run: verifyCommand, Done: theLogIsVerified},
}}

// by is who did something, as a test of records.
func (s *scene) by(login, name string) func(audit.Record) bool {
	return func(r audit.Record) bool { return r.Name == name && r.By == s.people[login] }
}

// chikaIsIn: she signed in, or still was when the story began again.
func chikaIsIn(s *scene, after time.Time) time.Time {
	return s.first(after, func(r audit.Record) bool { return r.By == s.people["chika"] }).At
}

// somebodyIsInvited: who came in already, else the newest, for who misspelled an
// address invites once more.
func somebodyIsInvited(s *scene, after time.Time) time.Time {
	var made audit.Record
	for _, r := range s.records {
		if r.At.Before(after) || !s.by("chika", "invitation.made")(r) {
			continue
		}
		made = r
		if s.accepted(r.Target, r.At).ID != "" {
			break
		}
	}
	if made.ID == "" {
		return time.Time{}
	}
	s.newcomer = s.person(context.Background(), id.Principal(made.Target))
	return made.At
}

// theMailIsOpened: it was shown on the mail page, or its link was followed.
func theMailIsOpened(s *scene, after time.Time) time.Time {
	for _, m := range s.demo.relay.Messages() {
		mine := slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, s.newcomer.Email) })
		if at := s.demo.relay.Opened(m.Number); mine && !at.Before(after) {
			return at
		}
	}
	return s.accepted(s.target(), after).At
}

// target is the newcomer as records name them.
func (s *scene) target() string { return string(id.OfPerson(s.newcomer.ID)) }

// accepted is the record that somebody came in.
func (s *scene) accepted(who string, after time.Time) audit.Record {
	return s.first(after, func(r audit.Record) bool { return r.Name == "invitation.accepted" && r.Target == who })
}

func theyAreIn(s *scene, after time.Time) time.Time {
	s.record = s.accepted(s.target(), after)
	return s.record.At
}

func chikaLooks(s *scene, after time.Time) time.Time {
	return s.first(after, s.by("chika", "audit.searched")).At
}

// aboutIt: the record in question was read, or one that was written with it.
func (s *scene) aboutIt(r audit.Record) bool {
	for _, one := range s.records {
		same := one.ID == s.record.ID || one.Name == "passkey.added" && one.By == s.record.By
		if same && r.Target == "record:"+string(one.ID) {
			return true
		}
	}
	return false
}

func chikaReads(s *scene, after time.Time) time.Time {
	read := s.by("chika", "audit.read")
	return s.first(after, func(r audit.Record) bool { return read(r) && s.aboutIt(r) }).At
}

func chikaProves(s *scene, after time.Time) time.Time {
	read := s.by("chika", "audit.read")
	return s.first(after, func(r audit.Record) bool { return read(r) && r.Fields["proof"] == "yes" && s.aboutIt(r) }).At
}

// verifyCommand proves the whole log, over the control socket of this demo, then
// takes the proof of the one record and checks it without the house.
func verifyCommand(s *scene) []string {
	proof := quoted(filepath.Join(s.demo.Data, "proof.json"))
	return []string{
		"audit verify",
		"audit prove " + string(s.record.ID) + " -o " + proof,
		"audit check " + proof + " --key " + quoted(s.demo.guide.key),
	}
}

func theLogIsVerified(s *scene, after time.Time) time.Time {
	return s.first(after, func(r audit.Record) bool { return r.Name == "audit.exported" && r.By.Kind() == id.KindLocal }).At
}
