package request_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/request"
)

// story is one of a file: its lines with their numbers.
type story struct {
	title   string
	refused bool
	file    string
	lines   []told
}

type told struct {
	n    int
	text string
}

// storiesIn reads the files of testdata/script.
func storiesIn(t *testing.T) (all []story) {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			kind, title, _ := strings.Cut(line, " ")
			switch {
			case kind == "story" || kind == "refused":
				all = append(all, story{title: title, refused: kind == "refused", file: file})
			case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			default:
				last := &all[len(all)-1]
				last.lines = append(last.lines, told{n + 1, line})
			}
		}
	}
	return all
}

// twins holds the stories to their form: each has its refused twin behind it, in
// which something is refused or decided against, and all differ.
func twins(t *testing.T, all []story) {
	t.Helper()
	refused, seen := 0, map[string]bool{}
	for i, s := range all {
		if seen[s.title] {
			t.Errorf("%s: %s is told twice", s.file, s.title)
		}
		seen[s.title] = true
		if !s.refused {
			continue
		}
		refused++
		if i == 0 || all[i-1].refused {
			t.Errorf("%s: %s is nobody's twin", s.file, s.title)
		}
		dark := false
		for _, line := range s.lines {
			dark = dark || strings.Contains(line.text, " -- ") || strings.HasPrefix(line.text, "it is asked refused") || strings.HasPrefix(line.text, "it is asked void")
		}
		if !dark {
			t.Errorf("%s: nothing is refused in %s", s.file, s.title)
		}
	}
	if refused < 40 || len(all)-refused != refused {
		t.Errorf("%d stories, %d of them refused", len(all), refused)
	}
}

// The stories of testdata/script, read there: each with its refused twin, on
// either engine, by the rooms and once more over HTTP.
func TestStories(t *testing.T) {
	all := storiesIn(t)
	twins(t, all)
	for _, must := range []string{
		"CAP-H1", "CAP-H2", "CAP-H3", "CAP-H4", "CAP-H5", "CAP-H6", "CAP-H7", "CAP-H8", "CAP-H9", "CAP-H10", "CAP-H11", "CAP-H12", "CAP-H13", "CAP-H14", "CAP-H15", "CAP-H17",
		"R5", "A112", "A115",
	} {
		if !slices.ContainsFunc(all, func(s story) bool { return strings.HasPrefix(s.title, must+" ") }) {
			t.Errorf("no story of %s", must)
		}
	}
	for name, enters := range map[string]func(*rig) door{
		"rooms": func(r *rig) door { return byRooms{r} },
		"http":  func(r *rig) door { return &byHTTP{r, r.t, map[id.Person]visitor{}} },
	} {
		t.Run(name, func(t *testing.T) { each(t, func(r *rig) { tell(r, enters(r), all) }) })
	}
}

func tell(r *rig, by door, all []story) {
	p := &player{rig: r, door: by, people: map[string]id.Person{"aoi": r.Aoi, "botan": r.Botan, "chika": r.Chika, "daichi": r.Daichi}, groups: map[string]id.Group{}}
	for _, name := range []string{"eri", "fumi", "gen"} {
		p.people[name] = r.person(name)
	}
	p.people["rin"] = r.breaker()
	outer := r.t
	for i, s := range all {
		name := s.title
		if s.refused {
			name += " (refused)"
		}
		outer.Run(name, func(t *testing.T) {
			r.t = t
			defer func() { r.t = outer }()
			p.play(i, s)
		})
	}
}

// player plays one story after another in one company.
type player struct {
	*rig
	door
	people map[string]id.Person
	groups map[string]id.Group

	which  int
	began  time.Time
	things map[string]id.Group // "it" and "that"
	a      request.Ask         // the one that is spoken of
	asked  map[string]request.Ask
	seen   map[string]string // digest, by who looked
	policy string            // address of the story's policy in the console
	given  map[string]string // delegations of this story, by whose
	rotas  []string
}

func (p *player) play(n int, s story) {
	p.clock.Advance(61 * time.Second) // the log counts refusals by the minute
	p.which, p.began, p.a, p.policy = n, p.clock.Now(), request.Ask{}, ""
	p.asked, p.seen, p.given, p.rotas = map[string]request.Ask{}, map[string]string{}, map[string]string{}, nil
	p.things = map[string]id.Group{"it": p.group(p.called("it")), "that": p.group(p.called("that"))}
	p.sales = p.things["it"]
	defer p.tidy()
	for i := 0; i < len(s.lines); i++ {
		line := s.lines[i]
		text, want, _ := strings.Cut(line.text, " -- ")
		var below []string
		for i+1 < len(s.lines) && strings.HasPrefix(s.lines[i+1].text, "  ") {
			i++
			below = append(below, strings.TrimPrefix(s.lines[i].text, "  "))
		}
		text, want = strings.TrimSpace(text), strings.TrimSpace(want)
		before := p.traces(text, want)
		got := p.line(text, strings.Join(below, "\n"))
		if got != want {
			p.t.Errorf("%s:%d: %s: said %q", s.file, line.n, line.text, got)
		}
		if after := p.traces(text, want); after != before {
			p.t.Errorf("%s:%d: %s: was refused and left something:\n%s\nbefore:\n%s", s.file, line.n, line.text, after, before)
		}
	}
}

// called is what a thing of the story is called where everybody reads it.
func (p *player) called(thing string) string {
	if thing == "that" {
		return fmt.Sprintf("other-%d", p.which)
	}
	return fmt.Sprintf("thing-%d", p.which)
}

// traces is what there is of somebody whose line is to be refused: what they
// asked for, decided and hold, and what the log says that they did. What timers
// do meanwhile is not theirs.
func (p *player) traces(text, want string) string {
	p.t.Helper()
	name, _, _ := strings.Cut(text, " ")
	who := p.people[name]
	if want == "" || want == "ask-reasked" || who == "" { // one that is asked anew says so on purpose
		return ""
	}
	mine, _, err := p.hall.Mine(ctx, who, request.Query{Limit: 1})
	if err != nil {
		p.t.Fatal(err)
	}
	steps, votes, records := 0, 0, 0
	if p.a.ID != "" {
		s := p.show(p.a, p.a.Person)
		for _, one := range s.Thread {
			if one.By == id.OfPerson(who) {
				steps++
			}
		}
		for _, one := range s.Votes {
			if one.Person == who {
				votes++
			}
		}
	}
	all, err := p.home.Records(ctx, p.began)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, r := range all {
		kind, _, _ := strings.Cut(r.Name, ".")
		if r.By == id.OfPerson(who) && kind != "refused" && kind != "session" && kind != "signin" {
			records++
		}
	}
	held, err := p.home.Ledger().Of(ctx, who)
	newest := id.Lease("")
	for _, l := range held {
		newest = max(newest, l.ID)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	last := id.Ask("none")
	if len(mine) > 0 {
		last = mine[0].ID
	}
	return fmt.Sprintf("last ask %s, steps %d, votes %d, records %d, last lease %s", last, steps, votes, records, newest)
}

// tidy ends what a story left open, so that it is in no other's way.
func (p *player) tidy() {
	p.t.Helper()
	for _, a := range p.asked {
		now := p.show(a, a.Person).Ask
		switch now.State {
		case request.Open, request.Approved:
			_, err := p.hall.Withdraw(ctx, a.Person, p.Org, a.ID)
			p.fine(err, "ask-decided")
		case request.Released:
			if now.Lease != "" {
				_, err := p.home.Ledger().End(ctx, root, p.Org, now.Lease, lease.Revoked)
				p.fine(err, "lease-over")
			}
		}
	}
	for _, one := range p.given {
		p.fine(p.hall.EndDelegation(ctx, root, p.Org, one), "delegation-unknown")
	}
	for _, name := range p.rotas {
		p.strike("rotas", name)
	}
	if _, which, ok := strings.Cut(p.policy, "/admin/approval-policies/"); ok {
		p.fine(p.hall.EndPolicy(ctx, root, p.Org, which))
	}
}

// fine is for what may be over by now.
func (p *player) fine(err error, but ...string) {
	p.t.Helper()
	if code := p.code(err); code != "" && !contains(but, code) {
		p.t.Fatal(err)
	}
}
