package request_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
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

// The stories of testdata/script, read there: each with its refused twin.
func TestStories(t *testing.T) {
	all := storiesIn(t)
	twins := 0
	for i, s := range all {
		if s.refused {
			twins++
			if i == 0 || all[i-1].refused {
				t.Errorf("%s: %s is nobody's twin", s.file, s.title)
			}
		}
	}
	if twins < 20 || len(all)-twins != twins {
		t.Errorf("%d stories, %d of them refused", len(all), twins)
	}
	each(t, func(r *rig) {
		p := &player{rig: r, people: map[string]id.Person{"aoi": r.Aoi, "botan": r.Botan, "chika": r.Chika, "daichi": r.Daichi}, groups: map[string]id.Group{}}
		for _, name := range []string{"eri", "fumi", "gen"} {
			p.people[name] = r.person(name)
		}
		breaker, err := r.home.Register().PutRole(ctx, root, org.Role{Org: r.Org, Name: "breaker", Permissions: []string{request.Break}})
		if err != nil {
			t.Fatal(err)
		}
		p.people["rin"] = r.person("rin", breaker.ID)
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
	})
}

// player plays one story after another in one company.
type player struct {
	*rig
	people map[string]id.Person
	groups map[string]id.Group
	a      request.Ask
	seen   map[string]string // digest, by who looked
	which  int
	given  []string // of this story
}

func (p *player) play(n int, s story) {
	p.which, p.a, p.seen = n, request.Ask{}, map[string]string{}
	p.sales = p.group(fmt.Sprintf("thing-%d", n))
	for i := 0; i < len(s.lines); i++ {
		line := s.lines[i]
		text, want, _ := strings.Cut(line.text, " -- ")
		if text == "policy" {
			var spec []string
			for i+1 < len(s.lines) && strings.HasPrefix(s.lines[i+1].text, "  ") {
				i++
				spec = append(spec, strings.TrimPrefix(s.lines[i].text, "  "))
			}
			p.write(strings.Join(spec, "\n"))
			continue
		}
		if got := p.line(strings.TrimSpace(text)); got != strings.TrimSpace(want) {
			p.t.Errorf("%s:%d: %s: said %q", s.file, line.n, line.text, got)
		}
	}
	for _, one := range p.given {
		if err := p.hall.EndDelegation(ctx, root, p.Org, one); err != nil {
			p.t.Fatal(err)
		}
	}
	p.given = nil
}

// write writes the policy as an administrator types it.
func (p *player) write(spec string) {
	p.t.Helper()
	name := fmt.Sprintf("thing-%d", p.which)
	if !strings.Contains(spec, "applies_to:") {
		spec = "applies_to: {targets: [\"group:" + name + "\"]}\n" + spec
	}
	spec = strings.ReplaceAll(spec, "group:it", "group:"+name)
	got := p.home.As(p.t, p.Chika, p.Org).Post("/admin/approval-policies/new", url.Values{"name": {name}, "spec": {spec}})
	if got.Status != http.StatusSeeOther {
		p.t.Fatalf("the policy was not taken: %d %s\n%.900s", got.Status, spec, got.Body)
	}
}

var (
	asks      = regexp.MustCompile(`^(\w+) (?:asks|breaks the glass|extends)(?: for (aoi|daichi|eri|fumi|gen|botan))?(?: for (\d\S*))?(?: in (\S+))?(?: saying (.*))?$`)
	decides   = regexp.MustCompile(`^(\w+) (approves|refuses|looks|presses)(?: for (\S+))?$`)
	delegates = regexp.MustCompile(`^(\w+) lets (\w+) decide from (\S+) to (\S+)$`)
	hasIt     = regexp.MustCompile(`^(\w+) has it( not)?$`)
	does      = regexp.MustCompile(`^(\w+) (withdraws|gives it back|is disabled|is enabled)$`)
	says      = regexp.MustCompile(`^(\w+) says (.*)$`)
	joins     = regexp.MustCompile(`^(\w+) joins (\w+)$`)
)

// line plays one line and returns the code of its refusal, or what it found
// instead of what it says.
func (p *player) line(text string) string {
	p.t.Helper()
	if m := asks.FindStringSubmatch(text); m != nil {
		return p.asks(text, m)
	}
	if m := decides.FindStringSubmatch(text); m != nil {
		return p.decides(m[1], m[2], m[3])
	}
	switch {
	case strings.HasPrefix(text, "time passes "):
		p.clock.Advance(p.span(strings.TrimPrefix(text, "time passes ")))
		return ""
	case strings.HasPrefix(text, "it is asked "):
		return p.stands(request.State(strings.TrimPrefix(text, "it is asked ")))
	case strings.HasPrefix(text, "happened: "):
		want := strings.TrimPrefix(text, "happened: ")
		p.until(want, func() bool { return strings.Join(p.steps(p.a), " ") == want })
		return ""
	case text == "it is renamed":
		g, err := p.home.Register().Group(ctx, p.Org, p.sales)
		if err == nil {
			g.Title += "renamed"
			_, err = p.home.Register().PutGroup(ctx, root, g)
		}
		return fault.Code(err)
	case strings.HasPrefix(text, "group "):
		return p.gather(strings.TrimPrefix(text, "group "))
	}
	return p.rest(text)
}

func (p *player) rest(text string) string {
	p.t.Helper()
	if m := delegates.FindStringSubmatch(text); m != nil {
		d, err := p.hall.Delegate(ctx, id.OfPerson(p.who(m[1])), request.Delegation{
			Org: p.Org, From: p.who(m[1]), To: p.who(m[2]), Starts: p.clock.Now().Add(p.span(m[3])), Ends: p.clock.Now().Add(p.span(m[4])),
		})
		if err == nil {
			p.given = append(p.given, d.ID)
		}
		return fault.Code(err)
	}
	if m := hasIt.FindStringSubmatch(text); m != nil {
		p.until(text, func() bool { return p.in(p.who(m[1]), p.sales) == (m[2] == "") })
		return ""
	}
	if m := says.FindStringSubmatch(text); m != nil {
		_, err := p.hall.Say(ctx, p.who(m[1]), p.Org, p.a.ID, m[2])
		return fault.Code(err)
	}
	if m := joins.FindStringSubmatch(text); m != nil {
		g, err := p.home.Register().Group(ctx, p.Org, p.groups[m[2]])
		if err == nil {
			g.Members = append(g.Members, p.who(m[1]))
			_, err = p.home.Register().PutGroup(ctx, root, g)
		}
		return fault.Code(err)
	}
	m := does.FindStringSubmatch(text)
	if m == nil {
		p.t.Fatalf("nobody understands %q", text)
	}
	var err error
	switch m[2] {
	case "withdraws":
		_, err = p.hall.Withdraw(ctx, p.who(m[1]), p.Org, p.a.ID)
	case "gives it back":
		_, err = p.hall.GiveBack(ctx, p.who(m[1]), p.Org, p.a.Lease)
	default:
		now, broken := p.home.Register().Member(ctx, p.Org, p.who(m[1]))
		if now.State = org.Active; m[2] == "is disabled" {
			now.State = org.Disabled
		}
		if err = broken; err == nil {
			err = p.home.Register().PutMember(ctx, root, now)
		}
	}
	return fault.Code(err)
}

func (p *player) who(name string) id.Person {
	p.t.Helper()
	who := p.people[name]
	if who == "" {
		p.t.Fatalf("who is %s?", name)
	}
	return who
}

func (p *player) span(text string) time.Duration {
	p.t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

func (p *player) gather(text string) string {
	p.t.Helper()
	name, list, _ := strings.Cut(text, ":")
	var members []id.Person
	for _, one := range strings.Fields(list) {
		members = append(members, p.who(one))
	}
	if which, there := p.groups[name]; there {
		g, err := p.home.Register().Group(ctx, p.Org, which)
		if g.Members = members; err == nil {
			_, err = p.home.Register().PutGroup(ctx, root, g)
		}
		return fault.Code(err)
	}
	p.groups[name] = p.group(name, members...)
	return ""
}

func (p *player) asks(text string, m []string) string {
	p.t.Helper()
	w := p.wants()
	if m[2] != "" {
		w.For = p.who(m[2])
	}
	if m[3] != "" {
		w.Length = p.span(m[3])
	}
	if m[4] != "" {
		w.From = p.clock.Now().Add(p.span(m[4]))
	}
	if w.Break = strings.Contains(text, "breaks the glass"); w.Break && m[3] == "" {
		w.Length = time.Hour
	}
	if m[5] != "" {
		w.Reason = strings.TrimSpace(strings.ReplaceAll(m[5], "nothing", ""))
	}
	if strings.Contains(text, " extends") {
		w.Extends = p.a.Lease
	}
	a, err := p.hall.Raise(ctx, p.who(m[1]), w)
	if err == nil {
		p.a = a
	}
	if f := fault.As(err); f != nil && len(f.Fields) > 0 {
		return f.Fields[0].Code
	}
	return fault.Code(err)
}

func (p *player) decides(name, how, length string) string {
	p.t.Helper()
	s, err := p.hall.Show(ctx, p.Org, p.a.ID, p.who(name))
	if how == "looks" {
		p.seen[name] = s.Digest
		return fault.Code(err)
	}
	v := request.Verdict{Org: p.Org, Ask: p.a.ID, Approve: how != "refuses", Digest: s.Digest}
	if how == "presses" {
		v.Digest = p.seen[name]
	}
	if v.Digest == "" {
		v.Digest = "nothing"
	}
	if !v.Approve {
		v.Reason = "Not now"
	}
	if length != "" {
		v.Shorter = p.span(length)
	}
	a, err := p.hall.Decide(ctx, request.Decider{Person: p.who(name)}, v)
	if err == nil {
		p.a = a
	}
	return fault.Code(err)
}

// stands waits for a state: what a timer does follows the moved clock.
func (p *player) stands(want request.State) string {
	p.t.Helper()
	ends := []request.State{request.Over, request.Expired, request.Void, request.Released}
	if now := p.now(p.a); now != want && slices.Contains(ends, want) {
		p.until("it is "+string(want), func() bool { return p.now(p.a) == want })
	}
	return strings.TrimPrefix(string(p.now(p.a)), string(want))
}
