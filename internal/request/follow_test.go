package request_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
)

// Every open question goes to whoever decides by now, however many there are and
// whatever changed: policies that change, come first or end.
func TestEveryOpenQuestionFollows(t *testing.T) {
	const many = 130 // more than one write puts
	each(t, func(r *rig) {
		eri := r.person("eri")
		p := r.policy(nil)
		for n := range many {
			r.sales = r.group(fmt.Sprintf("desk-%d", n))
			r.ask(r.Aoi, nil)
		}
		cards := func(who id.Person) int {
			n, err := r.home.Cards().Count(ctx, who)
			if err != nil {
				r.t.Fatal(err)
			}
			return n
		}
		follow := func(what string, botan, eris int) {
			r.t.Helper()
			r.until(what, func() bool { return cards(r.Botan) == botan && cards(eri) == eris })
		}
		follow("asked", many, 0)
		p.Stages = stage(1, person(eri))
		p, err := r.hall.PutPolicy(ctx, root, p)
		if err != nil {
			r.t.Fatal(err)
		}
		follow("CAP-H3 a policy that changes", 0, many)
		first := r.policy(func(first *request.ApprovalPolicy) { first.Name, first.Place = "first", -1 })
		follow("CAP-H3 a new one before it", many, 0)
		if err := r.hall.EndPolicy(ctx, root, r.Org, first.ID); err != nil {
			r.t.Fatal(err)
		}
		follow("CAP-H3 and its end", 0, many)
	})
}

// R4: whoever belongs elsewhere is not told so much as that it was decided.
func TestStrangersLearnNothingOfWhatIsDecided(t *testing.T) {
	each(t, func(r *rig) {
		breaker := r.breaker()
		r.policy(func(p *request.ApprovalPolicy) { p.Glass = time.Hour })
		press := func(a request.Ask, who id.Person) string {
			_, err := r.hall.Decide(ctx, request.Decider{Person: who}, request.Verdict{Org: r.Org, Ask: a.ID, Approve: true, Digest: "d"})
			return fault.Code(err)
		}
		open := r.ask(r.Aoi, nil)
		r.want("R4 open", press(open, r.Ume), "ask-unknown")
		decided, _ := r.decide(open, r.Botan, true)
		r.want("R4 decided", press(decided, r.Ume), "ask-unknown")
		r.want("one of them", press(decided, r.Daichi), "ask-decided")
		broken := r.ask(breaker, func(w *request.Wanted) { w.Break, w.Length = true, time.Hour })
		r.want("R4 a broken glass", press(broken, r.Ume), "ask-unknown")
	})
}

// CAP-H8: a decision does not count because a timer is late.
func TestNobodyDecidesAfterTheQuestionsTime(t *testing.T) {
	each(t, func(r *rig) {
		r.policy(func(p *request.ApprovalPolicy) { p.Expires = time.Hour })
		for range 20 { // the timer and who presses race; neither lets it out
			a := r.ask(r.Aoi, nil)
			digest := r.show(a, r.Botan).Digest
			r.clock.Advance(time.Hour)
			_, code := r.press(a, r.Botan, true, digest)
			r.want("pressed", code, "ask-decided")
			r.until("it is over", func() bool { return r.now(a) == request.Expired })
			r.want("in", r.in(r.Aoi, r.sales), false)
			r.want("once", r.steps(a), []string{"asked", "expired"})
		}
	})
}

// Owners hear of asks that they decide about, and of every broken glass: of
// others neither the reason nor a link that leads nowhere.
func TestOwnersAreToldOfWhatConcernsThem(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		r := newRig(t, url, housetest.WithMail())
		gen, breaker := r.person("gen"), r.breaker()
		r.policy(func(p *request.ApprovalPolicy) { p.Glass = time.Hour })
		p := &player{rig: r}
		p.api(http.MethodPost, "/organizations/"+string(r.Org)+"/ask-targets", map[string]any{"name": "sales", "spec": map[string]any{
			"target": "group:" + string(r.sales), "owners": []id.Person{gen},
		}}, nil)
		mails := func(login string) (n int) {
			for _, m := range r.home.Mail.Messages() {
				if strings.Contains(fmt.Sprint(m.To), login+"@") {
					n++
				}
			}
			return n
		}
		a := r.ask(r.Aoi, nil)
		r.until("who decides is told", func() bool { return mails("botan") == 1 })
		r.want("who owns it and does not decide", mails("gen"), 0)
		if _, err := r.hall.Show(ctx, r.Org, a.ID, gen); fault.Code(err) != "ask-unknown" {
			t.Errorf("R4 shown to who owns it: %v", err)
		}
		b := r.ask(breaker, func(w *request.Wanted) { w.Break, w.Length = true, time.Hour })
		r.until("CAP-H14 both are alarmed", func() bool { return mails("botan") >= 2 && mails("gen") >= 1 })
		b, _ = r.decide(b, r.Botan, true)
		r.until("and whoever broke it hears what was found", func() bool { return mails("rin") >= 1 })
		r.want("once", []int{mails("botan"), mails("gen")}, []int{2, 1})
		r.want("CAP-H14 the alarm leads to it", r.show(b, gen).CanDecide, false)
	})
}
