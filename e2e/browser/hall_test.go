package browser_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

// hall is a house in which Aoi asked for things, and Chika decides: one waits,
// one is out, one was refused.
func hall(t *testing.T, home *housetest.Home) []place {
	t.Helper()
	k, by, r, h := home.People(t), id.Local(0), home.Register(), home.Hall()
	approver := func(who id.Person) request.Approver { return request.Approver("person:" + string(who)) }
	p, err := h.PutPolicy(t.Context(), by, request.ApprovalPolicy{Org: k.Org, Name: "groups", Spec: request.Spec{
		Kinds: []string{"group"}, Most: 7 * 24 * time.Hour, Endless: true,
		Stages: []request.Stage{
			{Title: "上長", Groups: []request.Panel{{Approvers: []request.Approver{approver(k.Chika), approver(k.Botan)}}}},
			{Groups: []request.Panel{{Approvers: []request.Approver{approver(k.Daichi)}}}},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(name, title string) request.Ask {
		g, err := r.PutGroup(t.Context(), by, org.Group{Org: k.Org, Name: name, Title: title})
		if err != nil {
			t.Fatal(err)
		}
		a, err := h.Raise(t.Context(), k.Aoi, request.Wanted{
			Org: k.Org, Kind: "group", Target: string(g.ID), Reason: "第3四半期の売上報告書を作成するため、営業部の共有フォルダを参照します。", Length: 8 * time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	decide := func(a request.Ask, who id.Person, approve bool) {
		s, err := h.Show(t.Context(), k.Org, a.ID, who)
		if err == nil {
			_, err = h.Decide(t.Context(), request.Decider{Person: who}, request.Verdict{
				Org: k.Org, Ask: a.ID, Approve: approve, Digest: s.Digest, Reason: "今期の担当者ではないため。", Shorter: map[bool]time.Duration{true: 4 * time.Hour}[approve && who == k.Chika],
			})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	waits, out, refused := ask("sales", "営業部"), ask("treasury", "財務部"), ask("long", longName)
	decide(out, k.Chika, true)
	decide(out, k.Daichi, true)
	decide(refused, k.Chika, false)
	if _, err := h.Say(t.Context(), k.Chika, k.Org, waits.ID, "どのフォルダですか？"); err != nil {
		t.Fatal(err)
	}
	return []place{
		{"hall-decide", "/asks/" + string(waits.ID), true, 200},
		{"hall-out", "/asks/" + string(out.ID), true, 200},
		{"hall-refused", "/asks/" + string(refused.ID), true, 200},
		{"hall-mine", "/asks", true, 200},
		{"hall-find", "/ask", true, 200},
		{"hall-ask", "/ask/group/" + out.Target + "?org=" + string(k.Org), true, 200},
		{"hall-leases", "/admin/leases", true, 200},
		{"hall-policies", "/admin/approval-policies", true, 200},
		{"hall-policy", "/admin/approval-policies/" + p.ID + "?person=aoi&target=group:sales", true, 200},
	}
}

func TestEveryPageOfTheHall(t *testing.T) {
	home := housetest.House(t)
	chika := open(t, home).asChika()
	for _, p := range hall(t, home) {
		chika.law(p)
	}
	away(t, home)
	aoi := open(t, home).asAoi()
	for _, p := range asker {
		aoi.law(p)
	}
}

// asker are the pages of who asked, holds something and is away.
var asker = []place{
	{"hall-asker", "/asks", true, 200},
	{"delegations-some", "/settings/delegations", true, 200},
	{"hub-asker", "/", true, 200},
}

// away has somebody with a long name decide in the place of Aoi.
func away(t *testing.T, home *housetest.Home) {
	t.Helper()
	k := home.People(t)
	lengthen(t, home, k.Daichi)
	now := time.Now()
	if _, err := home.Hall().Delegate(t.Context(), id.Local(0), request.Delegation{Org: k.Org, From: k.Aoi, To: k.Daichi, Starts: now, Ends: now.Add(72 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
}

// TestPicturesOfTheHall puts a picture of every page into the folder -pictures.
func TestPicturesOfTheHall(t *testing.T) {
	if *pictures == "" {
		t.Skip("run with -pictures FOLDER")
	}
	home := housetest.House(t)
	for some := range slices.Chunk(hall(t, home), 3) {
		chika := open(t, home).asChika()
		for _, p := range some {
			chika.album(p.name, func() { chika.visit(p.path) })
		}
	}
	away(t, home)
	aoi := open(t, home).asAoi()
	aoi.tour(asker...)
}
