package browser_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/review"
	"github.com/sekisho/sekisho/internal/web"
)

// CAP-K5: an open page of an ask follows what others decide, and what somebody
// types there stays as long as it is about the same.
func TestAnAskIsFollowed(t *testing.T) {
	home := housetest.House(t)
	k, by, h := home.People(t), id.Local(0), home.Hall()
	approver := func(who id.Person) request.Approver { return request.Approver("person:" + string(who)) }
	if _, err := h.PutPolicy(t.Context(), by, request.ApprovalPolicy{Org: k.Org, Name: "groups", Spec: request.Spec{
		Kinds: []string{"group"}, Stages: []request.Stage{{Groups: []request.Panel{{Need: 2, Approvers: []request.Approver{approver(k.Chika), approver(k.Botan), approver(k.Daichi)}}}}},
	}}); err != nil {
		t.Fatal(err)
	}
	g, err := home.Register().PutGroup(t.Context(), by, org.Group{Org: k.Org, Name: "sales"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.Raise(t.Context(), k.Aoi, request.Wanted{Org: k.Org, Kind: "group", Target: string(g.ID), Reason: "Report", Length: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	decide := func(who id.Person) {
		t.Helper()
		s, err := h.Show(t.Context(), k.Org, a.ID, who)
		if err == nil {
			_, err = h.Decide(t.Context(), request.Decider{Person: who}, request.Verdict{Org: k.Org, Ask: a.ID, Approve: true, Digest: s.Digest})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, home).asChika()
	b.visit("/asks/" + string(a.ID))
	if !evaluate[bool](b, `new Promise(done => { const look = n => performance.getEntriesByName(new URL(document.querySelector("[hx-sse\\:connect]").getAttribute("hx-sse:connect"), location).href).length || n > 100 ? done(true) : setTimeout(look, 20, n + 1); look(0); })`) {
		t.Fatal("no stream")
	}
	steps := func(n int) {
		t.Helper()
		for range 200 {
			if evaluate[int](b, `document.querySelectorAll("#ask-story .timeline > li").length`) == n {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("the page never showed %d steps\n%s", n, b.where())
	}
	steps(1)
	b.do(typed("reason", "Half a sent"))
	decide(k.Botan)
	steps(2)
	if got := evaluate[string](b, `document.querySelector("#ask-acts [name=reason]").value`); got != "Half a sent" {
		t.Errorf("what was typed is %q", got)
	}
	decide(k.Daichi)
	steps(4)
	if got := evaluate[int](b, `document.querySelectorAll("#ask-acts button.approve").length`); got != 0 {
		t.Error("it can be decided still")
	}
	b.quiet("following an ask")
}

// reviews is a house with a rota, prepared asks and a review that runs.
func reviews(t *testing.T, home *housetest.Home) []place {
	t.Helper()
	all := hall(t, home)
	k, by, r := home.People(t), id.Local(0), home.Reviews()
	g, err := home.Register().PutGroup(t.Context(), by, org.Group{Org: k.Org, Name: "night", Title: longName, Members: []id.Person{k.Aoi, k.Botan, k.Daichi}})
	if err != nil {
		t.Fatal(err)
	}
	chika := home.As(t, k.Chika, k.Org)
	made := func(path, body string) string {
		t.Helper()
		return madeBy(t, chika, "/organizations/"+string(k.Org)+path, body)
	}
	rota := made("/rotas", `{"name":"platform","spec":{"title":"基盤チーム","time_zone":"Asia/Tokyo","starts":"2026-11-02","people":["`+string(k.Aoi)+`","`+string(k.Botan)+`"]}}`)
	thing := made("/ask-targets", `{"name":"night","spec":{"target":"group:`+string(g.ID)+`","about":"夜間対応に使うグループです。","owners":["`+string(k.Botan)+`"],"price":{"amount":"1200","currency":"JPY"},"attributes":{"risk":"high"}}}`)
	other, err := home.Register().PutGroup(t.Context(), by, org.Group{Org: k.Org, Name: "day", Title: "日勤"})
	if err != nil {
		t.Fatal(err)
	}
	template := made("/ask-templates", `{"name":"new","spec":{"title":"営業部に配属された方","about":"最初の一週間に必要なもの","things":["group:`+string(g.ID)+`","group:`+string(other.ID)+`"],"hint":"配属日を書いてください"}}`)
	p, err := r.Campaigns.Put(t.Context(), by, paper.Paper[review.Campaign]{Org: k.Org, Name: "groups", Spec: review.Campaign{
		Title: "グループの棚卸し 2026年下期", Kind: "group", Targets: []string{"group:" + string(g.ID)}, Reviewers: []string{"person:" + string(k.Chika)}, Starts: "2027-01-01", Months: 6,
	}})
	if err != nil {
		t.Fatal(err)
	}
	round, err := r.Start(t.Context(), by, k.Org, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	var items []review.Item
	for range 400 {
		if items, err = r.Waiting(t.Context(), k.Org, k.Chika); err == nil && len(items) == 3 {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	if len(items) != 3 {
		t.Fatal("nothing is asked")
	}
	s, err := r.Show(t.Context(), k.Org, items[0].ID, k.Chika)
	if err == nil {
		_, err = r.Decide(t.Context(), k.Chika, review.Verdict{Org: k.Org, Item: items[0].ID, Digest: s.Digest, Reason: "異動したため。"})
	}
	if err != nil {
		t.Fatal(err)
	}
	cards, _, err := home.Cards().List(t.Context(), k.Chika, false, "", 20)
	if err != nil {
		t.Fatal(err)
	}
	at := "/admin/reviews/" + p.ID
	mine := []place{
		{"review-list", "/admin/reviews", true, 200},
		{"review-new", "/admin/reviews/new", true, 200},
		{"review-campaign", at, true, 200},
		{"review-round", at + "/rounds/" + round.ID, true, 200},
		{"rota-list", "/admin/rotas", true, 200},
		{"rota", "/admin/rotas/" + rota, true, 200},
		{"ask-targets", "/admin/ask-targets", true, 200},
		{"ask-target", "/admin/ask-targets/" + thing, true, 200},
		{"ask-templates", "/admin/ask-templates", true, 200},
		{"ask-template", "/admin/ask-templates/" + template, true, 200},
		{"ask-find-prepared", "/ask", true, 200},
		{"ask-prepared", "/ask-prepared/" + template, true, 200},
	}
	for _, c := range cards {
		if c.Backend == items[1].ID {
			mine = append(mine, place{"review-card", "/cards/" + string(c.ID), true, 200})
		}
	}
	if len(mine) != 13 {
		t.Fatalf("%d pages", len(mine))
	}
	return append(mine, all[0])
}

func TestEveryPageOfReviews(t *testing.T) {
	home := housetest.House(t)
	for some := range slices.Chunk(reviews(t, home), 5) {
		chika := open(t, home).asChika()
		for _, p := range some {
			chika.law(p)
		}
	}
}

// TestPicturesOfReviews puts a picture of every page into the folder -pictures.
func TestPicturesOfReviews(t *testing.T) {
	if *pictures == "" {
		t.Skip("run with -pictures FOLDER")
	}
	home := housetest.House(t)
	for some := range slices.Chunk(reviews(t, home), 3) {
		chika := open(t, home).asChika()
		for _, p := range some {
			chika.album(p.name, func() { chika.visit(p.path) })
		}
	}
}

// madeBy makes something by the API and returns its id.
func madeBy(t *testing.T, who *housetest.Visitor, path, body string) string {
	t.Helper()
	got := who.Call(http.MethodPost, web.APIPrefix+path, json.RawMessage(body))
	var out struct{ ID string }
	if err := json.Unmarshal([]byte(got.Body), &out); err != nil || out.ID == "" {
		t.Fatalf("%s: %d %s", path, got.Status, got.Body)
	}
	return out.ID
}
