package request_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

const names = `(aoi|botan|chika|daichi|eri|fumi|gen|rin)`

// command is one form of a line; does returns the code of its refusal, or what
// it found instead of what the line says.
type command struct {
	form *regexp.Regexp
	does func(p *player, m []string, below string) string
}

func says(form string, does func(p *player, m []string, below string) string) command {
	return command{regexp.MustCompile("^" + form + "$"), does}
}

// commands are the language of stories (README.md).
var commands = []command{
	// The things and who decides about them.
	says(`policy`, func(p *player, _ []string, below string) string { return p.writes(below) }),
	says(`manifest`, func(p *player, _ []string, below string) string { return p.applies(below) }),
	says(`said of it`, func(p *player, _ []string, below string) string {
		return p.applies("kind: AskTarget\nname: " + p.called("it") + "\nspec:\n  target: group:it\n" + indent(below))
	}),
	says(`prepared`, func(p *player, _ []string, below string) string {
		return p.applies("kind: AskTemplate\nname: " + p.called("it") + "\nspec:\n  title: " + p.called("it") + "\n" + indent(below))
	}),
	says(`rota (\w+): ([\w ]+?)(?:, (\w+) instead from (\S+) to (\S+))?`, (*player).turns),
	says(`group (\w+): ?([\w ]*)`, func(p *player, m []string, _ string) string { return p.gather(m[1], m[2]) }),
	says(names+` joins (\w+)`, func(p *player, m []string, _ string) string { return p.joins(m[1], m[2]) }),
	says(`it is renamed`, func(p *player, _ []string, _ string) string { return p.renames() }),

	// What people do.
	says(names+` (asks|breaks the glass|extends)( to get that)?(?: for `+names+`)?(?: for (\d\S*))?(?: in (\S+))?(?: saying (.*))?`, (*player).asks),
	says(names+` asks as prepared`, func(p *player, m []string, _ string) string { return p.asksPrepared(p.who(m[1])) }),
	says(names+` asks the same again`, func(p *player, m []string, _ string) string { return p.asksAgain(p.who(m[1])) }),
	says(names+` wants it for (\S+) instead`, func(p *player, m []string, _ string) string {
		length := p.span(m[2])
		return p.said(p.who(m[1]), p.amend(p.who(m[1]), p.a, request.Amended{Length: &length}))
	}),
	says(names+` (approves|refuses|looks|presses)(?: for (\S+))?(?: from (\S+))?`, (*player).decides),
	says(names+` says (.*)`, func(p *player, m []string, _ string) string {
		return p.said(p.who(m[1]), p.say(p.who(m[1]), p.a, m[2]))
	}),
	says(names+` withdraws`, func(p *player, m []string, _ string) string { return p.said(p.who(m[1]), p.withdraw(p.who(m[1]), p.a)) }),
	says(names+` gives it back`, func(p *player, m []string, _ string) string {
		return p.said(p.who(m[1]), p.giveBack(p.who(m[1]), p.leased()))
	}),
	says(names+` takes it back`, func(p *player, m []string, _ string) string {
		return p.said(p.who(m[1]), p.revoke(p.who(m[1]), p.leased()))
	}),
	says(names+` lets `+names+` decide from (\S+) to (\S+)`, (*player).hands),
	says(names+` is back`, func(p *player, m []string, _ string) string {
		return p.said(p.who(m[1]), p.undelegate(p.who(m[1]), p.given[m[1]]))
	}),

	// What happens around it.
	says(`time passes (\S+)`, func(p *player, m []string, _ string) string { p.clock.Advance(p.span(m[1])); return "" }),
	says(`the hour is (\d\d:\d\d)`, func(p *player, m []string, _ string) string { p.comes(m[1]); return "" }),
	says(names+` is (disabled|enabled)`, func(p *player, m []string, _ string) string {
		return p.member(m[1], func(now *org.Member) {
			if now.State = org.Active; m[2] == "disabled" {
				now.State = org.Disabled
			}
		})
	}),
	says(names+` holds (\w+)`, func(p *player, m []string, _ string) string {
		return p.member(m[1], func(now *org.Member) {
			if now.Roles = nil; m[2] != "nothing" {
				now.Roles = []id.Role{id.Role(m[2])}
			}
		})
	}),
	says(`the manager of `+names+` is `+names, func(p *player, m []string, _ string) string {
		return p.member(m[1], func(now *org.Member) { now.Manager = p.who(m[2]) })
	}),
	says(names+` leaves`, func(p *player, m []string, _ string) string {
		return p.code(p.home.Register().DropMember(ctx, id.OfPerson(p.who(m[1])), p.Org, p.who(m[1])))
	}),
	says(names+` comes back below `+names, func(p *player, m []string, _ string) string {
		return p.code(p.home.Register().PutMember(ctx, root, org.Member{Org: p.Org, Person: p.who(m[1]), Roles: []id.Role{org.User}, Manager: p.who(m[2])}))
	}),

	// What is so now.
	says(`about (it|that)`, func(p *player, m []string, _ string) string { p.a = p.asked[m[1]]; return "" }),
	says(`it is asked (\w+)`, func(p *player, m []string, _ string) string { return p.stands(request.State(m[1])) }),
	says(`it was asked for (\S+) saying (.*)`, func(p *player, m []string, _ string) string {
		a := p.show(p.a, p.a.Person).Ask
		if a.Length != p.span(m[1]) || a.Reason != m[2] {
			return a.Length.String() + " saying " + a.Reason
		}
		return ""
	}),
	says(names+` has (it|that)( not)?`, func(p *player, m []string, _ string) string {
		p.until(m[0], func() bool { return p.in(p.who(m[1]), p.things[m[2]]) == (m[3] == "") })
		return ""
	}),
	says(names+` is (not )?asked`, func(p *player, m []string, _ string) string { p.waitsFor(p.who(m[1]), m[2] == ""); return "" }),
	says(`who decides: ([\w ]+)`, func(p *player, m []string, _ string) string { return differs(p.sits(), m[1]) }),
	says(`happened: (.*)`, func(p *player, m []string, _ string) string {
		p.until(m[1], func() bool { return strings.Join(p.steps(p.a), " ") == m[1] })
		return ""
	}),
	says(`the log says ([\w.-]+)(?: by ([\w:]+))?(?: with (\w+)=(\S+))?`, (*player).logged),
}

// differs is what was found, if it is not what the line says.
func differs(got, want string) string {
	if got == want {
		return ""
	}
	return "found " + got
}

func indent(text string) string {
	if text == "" {
		return ""
	}
	return "  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// line plays one line.
func (p *player) line(text, below string) string {
	p.t.Helper()
	for _, c := range commands {
		if m := c.form.FindStringSubmatch(text); m != nil {
			return c.does(p, m, below)
		}
	}
	p.t.Fatalf("nobody understands %q", text)
	return ""
}

// said is the code of what somebody was told, which the log has to know of.
func (p *player) said(who id.Person, err error) string {
	p.t.Helper()
	code := p.code(err)
	p.witnessed(who, p.began, err)
	return code
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

// comes lets time pass until the clock shows an hour of UTC.
func (p *player) comes(hour string) {
	p.t.Helper()
	shown, err := time.Parse("15:04", hour)
	if err != nil {
		p.t.Fatal(err)
	}
	now := p.clock.Now()
	at := time.Date(now.Year(), now.Month(), now.Day(), shown.Hour(), shown.Minute(), 0, 0, time.UTC)
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	p.clock.Advance(at.Sub(now))
}

// named writes the story's things by the names that they have in this house.
func (p *player) named(text string) string {
	return strings.NewReplacer("group:it", "group:"+p.called("it"), "group:that", "group:"+p.called("that")).Replace(text)
}

// writes writes or changes the policy as an administrator types it.
func (p *player) writes(spec string) string {
	p.t.Helper()
	if !strings.Contains(spec, "applies_to:") {
		spec = "applies_to: {targets: [\"group:it\"]}\n" + spec
	}
	chika := p.home.As(p.t, p.Chika, p.Org)
	path := p.policy
	if path == "" {
		path = "/admin/approval-policies/new"
	} else {
		page := chika.Get(path).Body
		_, rest, _ := strings.Cut(page, `?version=`)
		version, _, _ := strings.Cut(rest, `"`)
		path += "?version=" + version
	}
	got := chika.Post(path, url.Values{"name": {p.called("it")}, "spec": {p.named(spec)}})
	if got.Status != http.StatusSeeOther {
		p.t.Fatalf("the policy was not taken: %d %s\n%.900s", got.Status, spec, got.Body)
	}
	p.policy, _, _ = strings.Cut(got.Header.Get("Location"), "?")
	return ""
}

func (p *player) gather(name, list string) string {
	p.t.Helper()
	var members []id.Person
	for _, one := range strings.Fields(list) {
		members = append(members, p.who(one))
	}
	if _, there := p.groups[name]; there {
		return p.regroup(p.groups[name], func(g *org.Group) { g.Members = members })
	}
	p.groups[name] = p.group(name, members...)
	return ""
}

func (p *player) regroup(which id.Group, change func(g *org.Group)) string {
	p.t.Helper()
	g, err := p.home.Register().Group(ctx, p.Org, which)
	if change(&g); err == nil {
		_, err = p.home.Register().PutGroup(ctx, root, g)
	}
	return p.code(err)
}

func (p *player) joins(name, group string) string {
	return p.regroup(p.groups[group], func(g *org.Group) { g.Members = append(g.Members, p.who(name)) })
}

func (p *player) renames() string {
	return p.regroup(p.sales, func(g *org.Group) { g.Title += "renamed" })
}

func (p *player) member(name string, change func(now *org.Member)) string {
	p.t.Helper()
	now, err := p.home.Register().Member(ctx, p.Org, p.who(name))
	if change(&now); err == nil {
		err = p.home.Register().PutMember(ctx, root, now)
	}
	return p.code(err)
}

func (p *player) asks(m []string, _ string) string {
	p.t.Helper()
	w := p.wants()
	if m[3] != "" {
		w.Target = string(p.things["that"])
	}
	if m[4] != "" {
		w.For = p.who(m[4])
	}
	if m[5] != "" {
		w.Length = p.span(m[5])
	}
	if m[6] != "" {
		w.From = p.clock.Now().Add(p.span(m[6]))
	}
	if w.Break = m[2] == "breaks the glass"; w.Break && m[5] == "" {
		w.Length = time.Hour
	}
	if m[7] != "" {
		w.Reason = strings.TrimSpace(strings.ReplaceAll(m[7], "nothing", ""))
	}
	if m[2] == "extends" {
		w.Extends = p.leased()
	}
	return p.wanted(p.who(m[1]), w)
}

// wanted asks, and speaks of that ask from then on.
func (p *player) wanted(who id.Person, w request.Wanted) string {
	p.t.Helper()
	a, err := p.raise(who, w)
	if err == nil {
		p.a = a
		for name, which := range p.things {
			if string(which) == w.Target {
				p.asked[name] = a
			}
		}
	}
	code := p.said(who, err)
	if f := fault.As(err); f != nil && len(f.Fields) > 0 {
		return f.Fields[0].Code
	}
	return code
}

// asksAgain asks with what stands in the form when an old ask is repeated.
func (p *player) asksAgain(who id.Person) string {
	p.t.Helper()
	if _, err := p.look(who, p.a); err != nil {
		return p.said(who, err)
	}
	old := p.show(p.a, who).Ask
	return p.wanted(who, request.Wanted{Org: p.Org, Kind: old.Kind, Target: old.Target, Reason: old.Reason, Length: old.Length})
}

// leased is the lease under which it is out, or was.
func (p *player) leased() id.Lease {
	p.t.Helper()
	return p.show(p.a, p.a.Person).Ask.Lease
}

func (p *player) decides(m []string, _ string) string {
	p.t.Helper()
	name, how := m[1], m[2]
	who := p.who(name)
	digest, err := p.look(who, p.a)
	if how == "looks" {
		p.seen[name] = digest
		return p.said(who, err)
	}
	v := request.Verdict{Org: p.Org, Ask: p.a.ID, Approve: how != "refuses", Digest: digest}
	if how == "presses" {
		v.Digest = p.seen[name]
	}
	if v.Digest == "" {
		v.Digest = "nothing"
	}
	if !v.Approve {
		v.Reason = "Not now"
	}
	if m[3] != "" {
		v.Shorter = p.span(m[3])
	}
	if m[4] != "" {
		v.Later = p.clock.Now().Add(p.span(m[4]))
	}
	_, err = p.decideBy(who, v)
	return p.said(who, err)
}

func (p *player) hands(m []string, _ string) string {
	p.t.Helper()
	from := p.who(m[1])
	which, err := p.delegate(request.Delegation{Org: p.Org, From: from, To: p.who(m[2]), Starts: p.clock.Now().Add(p.span(m[3])), Ends: p.clock.Now().Add(p.span(m[4]))})
	if err == nil {
		p.given[m[1]+m[2]], p.given[m[1]] = which, which
	}
	return p.said(from, err)
}

// stands waits for a state: what a timer does follows the moved clock.
func (p *player) stands(want request.State) string {
	p.t.Helper()
	ends := []request.State{request.Over, request.Expired, request.Void, request.Released}
	if now := p.now(p.a); now != want && slices.Contains(ends, want) {
		p.until("it is "+string(want), func() bool { return p.now(p.a) == want })
	}
	return differs(string(p.now(p.a)), string(want))
}

// sits says who may decide, stage by stage, by login.
func (p *player) sits() string {
	p.t.Helper()
	var stages []string
	for _, stage := range p.show(p.a, p.a.Person).Stages {
		var logins []string
		for _, g := range stage.Groups {
			for _, w := range g.Who {
				logins = append(logins, w.Login)
			}
		}
		slices.Sort(logins)
		stages = append(stages, strings.Join(slices.Compact(logins), " "))
	}
	return strings.Join(stages, " then ")
}

// waitsFor waits until the question is, or is not, in somebody's lists: of asks,
// and of cards.
func (p *player) waitsFor(who id.Person, want bool) {
	p.t.Helper()
	p.until("who is asked", func() bool {
		all, err := p.waits(who)
		if err != nil {
			p.t.Fatal(err)
		}
		cards, _, err := p.home.Cards().List(ctx, who, false, "", 200)
		if err != nil {
			p.t.Fatal(err)
		}
		carded := false
		for _, c := range cards {
			carded = carded || c.Backend == string(p.a.ID)
		}
		return slices.Contains(all, p.a.ID) == want && carded == want
	})
}

// logged waits for a record of this story: what it is called, who did it, and
// what it says.
func (p *player) logged(m []string, _ string) string {
	p.t.Helper()
	p.until(m[0], func() bool {
		all, err := p.home.Records(ctx, p.began)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, r := range all {
			by := id.Principal(m[2])
			if who := p.people[m[2]]; who != "" {
				by = id.OfPerson(who)
			}
			about := !strings.HasPrefix(r.Target, "ask:") || r.Target == p.a.Thing()
			if r.Name == m[1] && about && (m[2] == "" || r.By == by) && (m[3] == "" || r.Fields[m[3]] == m[4]) {
				return true
			}
		}
		return false
	})
	return ""
}

// api calls as the administrator; what is refused ends the test.
func (p *player) api(method, path string, body, out any) {
	p.t.Helper()
	d := &byHTTP{p.rig, p.t, map[id.Person]visitor{}}
	if err := d.call(p.Chika, method, path, body, out); err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// strike deletes a paper by its name.
func (p *player) strike(plural, name string) {
	p.t.Helper()
	var all struct{ Items []struct{ ID, Name string } }
	path := "/organizations/" + string(p.Org) + "/" + plural
	p.api(http.MethodGet, path, nil, &all)
	for _, one := range all.Items {
		if one.Name == name {
			p.api(http.MethodDelete, path+"/"+one.ID, nil, nil)
		}
	}
}

// turns writes a rota: each has it for a day, from midnight of UTC, beginning
// today.
func (p *player) turns(m []string, _ string) string {
	p.t.Helper()
	text := "kind: Rota\nname: " + m[1] + "\nspec:\n  time_zone: UTC\n  handover: \"00:00\"\n  turn: 1\n  starts: \"" + p.clock.Now().Format(time.DateOnly) + "\"\n  people: [" + strings.Join(strings.Fields(m[2]), ", ") + "]\n"
	if m[3] != "" {
		at := func(span string) string { return p.clock.Now().Add(p.span(span)).Format(time.RFC3339) }
		text += "  overrides: [{person: " + m[3] + ", from: \"" + at(m[4]) + "\", until: \"" + at(m[5]) + "\"}]\n"
	}
	p.rotas = append(p.rotas, m[1])
	return p.applies(text)
}

// asksPrepared asks for everything of the prepared ask that the list of the
// person has, and says what the first refusal was.
func (p *player) asksPrepared(who id.Person) (code string) {
	p.t.Helper()
	d := &byHTTP{p.rig, p.t, map[id.Person]visitor{}}
	var all struct {
		Items []struct {
			Title, Reason string
			Length        int64
			Things        []struct{ Kind, Target string }
		}
	}
	if err := d.call(who, http.MethodGet, "/me/prepared-asks?org="+string(p.Org), nil, &all); err != nil {
		return p.said(who, err)
	}
	for _, one := range all.Items {
		if one.Title != p.called("it") {
			continue
		}
		for _, t := range one.Things {
			got := p.wanted(who, request.Wanted{Org: p.Org, Kind: t.Kind, Target: t.Target, Reason: one.Reason, Length: time.Duration(one.Length) * time.Second})
			if code == "" {
				code = got
			}
		}
		return code
	}
	return "nothing is prepared"
}
