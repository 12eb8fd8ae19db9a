package card_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

func TestDecideRefused(t *testing.T) {
	for name, c := range map[string]struct {
		code  string
		asked func(*connector.Approval)
		after func(o *office) // between the reading and the press
		press func(*card.Verdict)
		event bool
	}{
		"A111 no such card":                  {code: "card-unknown", press: func(v *card.Verdict) { v.Card = "01jd9m7r0000000000000n0ne0" }},
		"R5 another digest":                  {code: "card-changed", press: func(v *card.Verdict) { v.Digest = strings.Repeat("0", 64) }},
		"R5 no digest":                       {code: "card-changed", press: func(v *card.Verdict) { v.Digest = "" }},
		"TRAP-H8 TRAP-C13 own request by id": {code: "card-own-request", asked: func(a *connector.Approval) { a.Requester.NativeID = "n-botan" }, event: true},
		"A109 own request by mail":           {code: "card-own-request", asked: func(a *connector.Approval) { a.Requester = connector.Party{Email: "BOTAN@kaede.example "} }, event: true},
		"TRAP-H2 not connected":              {code: "card-needs-connection", after: func(o *office) { o.ties[0].On = false }},
		"TRAP-H2 connection gone":            {code: "card-needs-connection", after: func(o *office) { o.ties = nil }},
		"another account since":              {code: "card-not-yours", after: func(o *office) { o.ties[0].Native.NativeID = "n-other" }, event: true},
		"the source does not let":            {code: "card-not-decidable", asked: func(a *connector.Approval) { a.CanDecide = false }},
		"reason for a refusal":               {code: "card-input-invalid", press: func(v *card.Verdict) { v.Yes = false }},
		"blank reason":                       {code: "card-input-invalid", press: func(v *card.Verdict) { v.Yes, v.Reason = false, " \n\t" }},
		"reason always":                      {code: "card-input-invalid", asked: func(a *connector.Approval) { a.CommentRequired = connector.Always }},
		"reason too long":                    {code: "card-input-invalid", press: func(v *card.Verdict) { v.Reason = strings.Repeat("あ", card.ReasonMost+1) }},
		"no such action":                     {code: "card-action-unknown", press: func(v *card.Verdict) { v.Action = "burn" }},
		"actions instead of yes/no":          {code: "card-action-unknown", asked: func(a *connector.Approval) { a.Actions = []connector.Action{{ID: "a", Kind: connector.Direct}} }},
		"A128 reason that turns":             {code: "card-input-invalid", press: func(v *card.Verdict) { v.Reason = "fine\u202edevorppa" }},
		"A146 reason with controls":          {code: "card-input-invalid", press: func(v *card.Verdict) { v.Reason = "fine\x00\x1b[2J" }},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(r *rig) {
				ask := []func(*connector.Approval){}
				if c.asked != nil {
					ask = append(ask, c.asked)
				}
				r.ask("1", ask...)
				r.read()
				before := r.card("1")
				if c.after != nil {
					r.set(func() { c.after(r.office) })
				}
				press := []func(*card.Verdict){}
				if c.press != nil {
					press = append(press, c.press)
				}
				if _, err := r.press(before, press...); fault.Code(err) != c.code {
					t.Fatalf("said %v, want %s", err, c.code)
				}
				if diff := cmp.Diff(before, r.card("1")); diff != "" {
					t.Errorf("a refusal changed the card: %s", diff)
				}
				if got := r.events("card.refused") == 1; got != c.event {
					t.Errorf("recorded: %v, want %v", got, c.event)
				}
				if wrote := r.writes(); len(wrote) > 0 {
					t.Errorf("wrote %v", wrote)
				}
			})
		})
	}
}

func TestOthersCardsAreNotThere(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.read()
		c := r.card("1")
		if _, err := r.room.Get(ctx, aoi, c.ID); fault.Code(err) != "card-unknown" {
			t.Errorf("TRAP-H26 H1 A111 another person's card: %v", err)
		}
		other := present
		other.Person = aoi
		if _, err := r.room.Decide(ctx, other, card.Verdict{Card: c.ID, Yes: true, Digest: c.Digest}); fault.Code(err) != "card-unknown" {
			t.Errorf("A111 deciding another person's card: %v", err)
		}
		if n := len(r.cards(aoi)); n != 0 {
			t.Errorf("Aoi sees %d cards of Botan", n)
		}
	})
}

func TestDecideIsToldAndReadBack(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.ask("2")
		r.read()
		r.work()
		yes, err := r.press(r.card("1"))
		if err != nil || yes.State != card.Deciding {
			t.Fatal(yes.State, err)
		}
		if _, err := r.press(r.card("2"), func(v *card.Verdict) { v.Yes, v.Reason = false, "too dear" }); err != nil {
			t.Fatal(err)
		}
		c := r.ends("1", card.Applied)
		r.ends("2", card.Applied)
		if c.Decision != "approved" || c.ACR != "aal2" || c.DecidedAt.IsZero() || c.Ended.IsZero() {
			t.Errorf("the card says %+v", c)
		}
		if r.state("1") != connector.Approved || r.state("2") != connector.Rejected {
			t.Errorf("the system says %s and %s", r.state("1"), r.state("2"))
		}
		again, err := r.press(c)
		if err != nil || again.State != card.Applied {
			t.Errorf("A110 the same press again: %s %v", again.State, err)
		}
		if _, err := r.press(c, func(v *card.Verdict) { v.Yes = false }); fault.Code(err) != "card-settled" {
			t.Errorf("A110 the other decision afterwards: %v", err)
		}
		if n := len(r.writes()); n != 2 {
			t.Errorf("%d writes, want 2: %v", n, r.writes())
		}
		if r.events("card.decided") != 2 || r.events("card.applied") != 2 {
			t.Errorf("%d decided, %d applied in the log, want 2 and 2", r.events("card.decided"), r.events("card.applied"))
		}
	})
}

func TestPressedAtOnce(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.read()
		r.work()
		c := r.card("1")
		var wg sync.WaitGroup
		var mu sync.Mutex
		said := map[string]int{}
		for i := range 64 {
			wg.Go(func() {
				_, err := r.press(c, func(v *card.Verdict) {
					if i%2 == 1 {
						v.Yes, v.Reason = false, "no"
					}
				})
				mu.Lock()
				defer mu.Unlock()
				said[fault.Code(err)]++
			})
		}
		wg.Wait()
		r.ends("1", card.Applied)
		for code := range said {
			if code != "" && code != "card-settled" && code != "store-busy" && code != "card-changed" {
				t.Errorf("H5 said %q", code)
			}
		}
		if said[""] == 0 || said["card-settled"] == 0 {
			t.Errorf("H5 A114 64 presses: %v", said)
		}
		if n := len(r.writes()); n != 1 || r.events("card.decided") != 1 {
			t.Errorf("H5 A113 %d writes and %d decisions of 64 presses, want one of each", n, r.events("card.decided"))
		}
	})
}

func TestWhatTheSystemSaysCounts(t *testing.T) {
	problem := func(k connector.Kind) *connector.Problem {
		return &connector.Problem{Kind: k, Message: "<b>no</b>\u202E", Sent: true}
	}
	for name, c := range map[string]struct {
		spoil func(o *office)
		state card.State
		why   string
		other string
		wrote int
	}{
		"TRAP-H6 TRAP-C12 decided elsewhere": {func(o *office) {
			o.asked["1"].State, o.asked["1"].DecidedBy = connector.Rejected, connector.Party{NativeID: "n-chika", Name: "Chika"}
		}, card.Superseded, "", "Chika", 0},
		"TRAP-C12 the same, by somebody else": {func(o *office) {
			o.asked["1"].State, o.asked["1"].DecidedBy = connector.Approved, connector.Party{NativeID: "n-chika", Name: "Chika"}
		}, card.Superseded, "", "Chika", 0},
		"the same, by themself there": {func(o *office) {
			o.asked["1"].State, o.asked["1"].DecidedBy = connector.Approved, connector.Party{NativeID: "n-botan"}
		}, card.Applied, "", "", 0},
		"withdrawn there":                        {func(o *office) { o.asked["1"].State = connector.Cancelled }, card.Withdrawn, "", "", 0},
		"deleted there":                          {func(o *office) { delete(o.asked, "1") }, card.Withdrawn, "notFound", "", 0},
		"TRAP-C17 a state without a word":        {func(o *office) { o.asked["1"].State = connector.Unmapped }, card.Failed, "invalid", "", 0},
		"TRAP-H4 changed before it was sent":     {func(o *office) { o.asked["1"].Amount.Value = "980000" }, card.Open, "conflict", "", 0},
		"put to somebody else":                   {func(o *office) { o.asked["1"].Approver.NativeID = "n-chika" }, card.Failed, "forbidden", "", 0},
		"TRAP-H9 TRAP-C1 says yes, does nothing": {func(o *office) { o.lies = true }, card.Failed, "notApplied", "", 1},
		"forbidden":                              {func(o *office) { o.decideFails = problem(connector.Forbidden) }, card.Failed, "forbidden", "", 0},
		"invalid":                                {func(o *office) { o.decideFails = problem(connector.Invalid) }, card.Failed, "invalid", "", 0},
		"unauthorized":                           {func(o *office) { o.openFails = problem(connector.Unauthorized) }, card.Failed, "unauthorized", "", 0},
		"not applied, says the engine":           {func(o *office) { o.decideFails = problem(connector.NotApplied) }, card.Failed, "notApplied", "", 0},
		"moved between read and write": {func(o *office) {
			o.before = func(a *connector.Approval) {
				a.State, a.DecidedBy = connector.Rejected, connector.Party{NativeID: "n-chika", Name: "Chika"}
			}
		}, card.Superseded, "", "Chika", 0},
		"no connection any more": {func(o *office) { o.ties[0].On = false }, card.Failed, "unauthorized", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(r *rig) {
				r.ask("1")
				r.read()
				if _, err := r.press(r.card("1")); err != nil {
					t.Fatal(err)
				}
				r.set(func() { c.spoil(r.office) })
				r.work()
				got := r.ends("1", c.state)
				if got.Why != c.why || got.Other != c.other || len(r.writes()) != c.wrote {
					t.Errorf("why %q, other %q, %d writes; want %q, %q, %d", got.Why, got.Other, len(r.writes()), c.why, c.other, c.wrote)
				}
				if strings.ContainsRune(got.Said, '\u202E') {
					t.Errorf("A128 foreign words are not cleaned: %q", got.Said)
				}
				if r.events("card.applied") == 1 != (c.state == card.Applied) {
					t.Errorf("TRAP-H10 applied %d times in the log", r.events("card.applied"))
				}
			})
		})
	}
}

func TestChangedCardIsShownAgain(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.read()
		before := r.card("1")
		r.change("1", func(a *connector.Approval) { a.Lines = append(a.Lines, "9 × Monitor") })
		if _, err := r.press(before); err != nil {
			t.Fatal(err)
		}
		r.work()
		now := r.ends("1", card.Open)
		if now.Digest == before.Digest || len(now.Sheet.Lines) != 2 {
			t.Errorf("TRAP-H4 what changed is not on the card: %+v", now.Sheet.Lines)
		}
		if _, err := r.press(before); fault.Code(err) != "card-changed" {
			t.Errorf("TRAP-H4 the old digest: %v", err)
		}
		if _, err := r.press(now); err != nil {
			t.Fatal(err)
		}
		r.ends("1", card.Applied)
		if n := len(r.writes()); n != 1 {
			t.Errorf("%d writes, want 1", n)
		}
	})
}

func TestOutageQueues(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.read()
		r.set(func() { r.getFails = &connector.Problem{Kind: connector.Unavailable} })
		r.work()
		c, err := r.press(r.card("1"))
		if err != nil {
			t.Fatal(err)
		}
		r.until(func() bool { w, _ := r.room.WayOf(ctx, c); return w.Why == "job-target-away" })
		if got := r.card("1"); got.State != card.Deciding {
			t.Errorf("an outage made it %s", got.State)
		}
		r.set(func() { r.getFails = nil })
		r.ends("1", card.Applied)
		if n := len(r.writes()); n != 1 {
			t.Errorf("%d writes, want 1", n)
		}
	})
}

func TestUnknownOutcomeIsAskedBeforeItIsSentAgain(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.read()
		r.set(func() { r.silent = true })
		r.work()
		if _, err := r.press(r.card("1")); err != nil {
			t.Fatal(err)
		}
		r.ends("1", card.Applied)
		if n := len(r.writes()); n != 1 {
			t.Errorf("R8 %d writes, want 1", n)
		}
	})
}

// A system may take the comment and lose the decision: what is sent again names
// itself as before, so that the definition finds the comment.
func TestADecisionSentAgainIsMarkedAsBefore(t *testing.T) {
	each(t, func(r *rig) {
		r.ask("1")
		r.read()
		r.set(func() { r.decideFails = &connector.Problem{Kind: connector.Unavailable, Sent: true} })
		r.work()
		if _, err := r.press(r.card("1")); err != nil {
			t.Fatal(err)
		}
		r.until(func() bool { return len(r.marked()) > 0 })
		r.set(func() { r.decideFails = nil })
		r.ends("1", card.Applied)
		all := r.marked()
		if len(all) < 2 || all[0] == "" || len(slices.Compact(slices.Clone(all))) != 1 {
			t.Errorf("R8 the tries are marked %q, want one marker for all", all)
		}
	})
}

func TestServiceMode(t *testing.T) {
	each(t, func(r *rig) {
		native := r.ties[0].Native
		r.set(func() {
			r.ties = []card.Tie{
				{Org: kaede, System: snow, Title: "ServiceNow", On: true, Service: true},
				{Org: kaede, System: snow, Title: "ServiceNow", Person: botan, On: true, Service: true, Native: native},
				{Org: kaede, System: snow, Title: "ServiceNow", Person: aoi, On: true, Service: true, Native: connector.Party{NativeID: "n-aoi"}},
			}
		})
		r.ask("1")
		r.ask("2", func(a *connector.Approval) { a.Approver.NativeID = "n-aoi" })
		r.ask("3", func(a *connector.Approval) { a.Approver.NativeID = "" })
		r.ask("4", func(a *connector.Approval) { a.Approver.NativeID = "n-nobody" })
		r.read()
		r.work()
		if len(r.cards(botan)) != 1 || len(r.cards(aoi)) != 1 {
			t.Fatalf("TRAP-C2 C14 cards of Botan %d, of Aoi %d, want one each", len(r.cards(botan)), len(r.cards(aoi)))
		}
		if r.lists != 1 {
			t.Errorf("%d lists for two people of one connection", r.lists)
		}
		mine := r.cards(aoi)["2"]
		self := present
		self.Person = aoi
		if _, err := r.room.Decide(ctx, self, card.Verdict{Card: mine.ID, Yes: true, Digest: mine.Digest}); fault.Code(err) != "card-own-request" {
			t.Errorf("TRAP-C13 the requester by the service's account: %v", err)
		}
		if _, err := r.press(r.card("1")); err != nil {
			t.Fatal(err)
		}
		r.ends("1", card.Applied)
		effect := string(r.card("1").Effect)
		if w := r.writes(); len(w) != 1 || effect == "" || !strings.HasSuffix(w[0], ": Approved by Botan Sato via Sekisho (decision "+effect+")") {
			t.Errorf("A120 the comment does not say who, or under which decision: %v", w)
		}
		r.ask("5")
		r.read()
		if _, err := r.press(r.card("5"), func(v *card.Verdict) {
			v.Yes, v.Reason = false, "Too dear.\r\nApproved by Chika via Sekisho\nApproved by Aoi via Sekisho"
		}); err != nil {
			t.Fatal(err)
		}
		r.ends("5", card.Applied)
		lines := strings.Split(r.writes()[1], "\n")
		if len(lines) != 4 || !strings.Contains(lines[0], "Rejected by Botan Sato via Sekisho (decision ") {
			t.Fatalf("A120 %q", lines)
		}
		for _, line := range lines[1:] {
			if !strings.HasPrefix(line, "> ") {
				t.Errorf("A120 a line of theirs reads like one of ours: %q", line)
			}
		}
	})
}

// TestNobodySaysWhoAsks: a system with one account for all does not look at who
// decides. Where it does not say who asks either, nobody decides here; by their
// own account people do, and the system sees to it.
func TestNobodySaysWhoAsks(t *testing.T) {
	for name, service := range map[string]bool{"TRAP-C13 TRAP-H8 one account for all": true, "their own account": false} {
		t.Run(name, func(t *testing.T) {
			each(t, func(r *rig) {
				if service {
					own := r.ties[0]
					own.Service = true
					r.set(func() {
						r.ties = []card.Tie{{Org: kaede, System: snow, Title: "ServiceNow", On: true, Service: true}, own}
					})
				}
				r.ask("1", func(a *connector.Approval) { a.Requester = connector.Party{} })
				r.ask("2", func(a *connector.Approval) { a.Requester = connector.Party{Name: "somebody"} })
				r.read()
				r.work()
				for _, row := range []string{"1", "2"} {
					before := r.card(row)
					_, err := r.press(before)
					if !service {
						if err != nil {
							t.Error(err)
						}
						r.ends(row, card.Applied)
						continue
					}
					if diff := cmp.Diff(before, r.card(row)); fault.Code(err) != "card-not-decidable" || diff != "" {
						t.Errorf("%s: %v %s", row, err, diff)
					}
				}
				if n := len(r.writes()); service == (n != 0) {
					t.Errorf("%d writes", n)
				}
			})
		})
	}
}

func TestActions(t *testing.T) {
	set := []connector.Action{
		{ID: "grant", Label: "Grant", Kind: connector.Ask, Set: "one", Inputs: []connector.Input{
			{ID: "days", Label: "Days", Format: "number", Min: 1}, {ID: "kind", Label: "Kind", Options: []connector.Option{{Value: "a", Label: "A"}}},
		}},
		{ID: "deny", Label: "Deny", Kind: connector.Direct, Set: "one"},
		{ID: "nudge", Label: "Nudge", Kind: connector.Direct, Repeats: true},
	}
	each(t, func(r *rig) {
		r.ask("1", func(a *connector.Approval) { a.Actions = set })
		r.read()
		r.work()
		act := func(which string, inputs map[string]string) error {
			_, err := r.press(r.card("1"), func(v *card.Verdict) { v.Action, v.Inputs = which, inputs })
			return err
		}
		for name, inputs := range map[string]map[string]string{
			"missing": {}, "not a number": {"days": "three"}, "not offered": {"days": "3", "kind": "b"}, "unknown": {"days": "3", "x": "y"},
		} {
			if err := act("grant", inputs); fault.Code(err) != "card-input-invalid" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := act("grant", map[string]string{"days": "3", "kind": "a"}); err != nil {
			t.Fatal(err)
		}
		r.ends("1", card.Open)
		if err := act("deny", nil); fault.Code(err) != "card-action-done" {
			t.Errorf("another of its set: %v", err)
		}
		for range 2 {
			if err := act("nudge", nil); err != nil {
				t.Fatal(err)
			}
			r.ends("1", card.Open)
		}
		r.set(func() { r.lies = true })
		if err := act("nudge", nil); err != nil {
			t.Fatal(err)
		}
		if c := r.ends("1", card.Failed); c.Why != "notApplied" {
			t.Errorf("an action that changed nothing: %s", c.Why)
		}
	})
}

func TestDigestCoversEverything(t *testing.T) {
	full := card.Sheet{
		Title: "t", Number: "n", Text: "x", Requester: connector.Party{NativeID: "a", Name: "b", Email: "c"}, Lines: []string{"l"},
		Fields: []connector.Field{{Label: "f", Value: "v"}}, Stage: "s", URL: "https://a.example",
	}
	seen := map[string]string{full.Digest("01"): "nothing"}
	for name, change := range map[string]func(s *card.Sheet){
		"title": func(s *card.Sheet) { s.Title = "T" }, "number": func(s *card.Sheet) { s.Number = "N" }, "text": func(s *card.Sheet) { s.Text = "" },
		"requester id": func(s *card.Sheet) { s.Requester.NativeID = "" }, "requester": func(s *card.Sheet) { s.Requester.Name = "" },
		"mail": func(s *card.Sheet) { s.Requester.Email = "" }, "approver": func(s *card.Sheet) { s.Approver.Name = "x" },
		"amount": func(s *card.Sheet) { s.Amount.Value = "1" }, "currency": func(s *card.Sheet) { s.Amount.Currency = "1" },
		"due": func(s *card.Sheet) { s.Due = time.Unix(9, 0) }, "line": func(s *card.Sheet) { s.Lines = []string{"l", ""} },
		"field": func(s *card.Sheet) { s.Fields = []connector.Field{{Label: "fv"}} }, "stage": func(s *card.Sheet) { s.Stage = "" },
		"url": func(s *card.Sheet) { s.URL = "" }, "comment": func(s *card.Sheet) { s.Comment = connector.Always },
		"actions": func(s *card.Sheet) { s.Actions = []connector.Action{{}} }, "decidable": func(s *card.Sheet) { s.Decidable = true },
		"cut": func(s *card.Sheet) { s.Cut = true },
	} {
		s := full
		change(&s)
		d := s.Digest("01")
		if other, taken := seen[d]; taken {
			t.Errorf("R5 %s and %s have one digest", name, other)
		}
		seen[d] = name
	}
	if full.Digest(id.Card("01")) == full.Digest(id.Card("02")) {
		t.Error("R5 two cards have one digest")
	}
}
