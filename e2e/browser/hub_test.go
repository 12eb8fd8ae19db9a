package browser_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// as gives the browser what somebody sends along.
func (b *tab) as(who *housetest.Visitor) *tab {
	b.t.Helper()
	for _, c := range who.Cookies() {
		b.cookie(c.Name, c.Value)
	}
	return b
}

// worried writes what the hub tells a person to look after.
func worried(t *testing.T, home *housetest.Home, who id.Person) {
	t.Helper()
	now := time.Now()
	err := home.Store().House().Write(context.Background(), func(tx *store.Tx) store.End {
		for _, s := range [][]any{
			{"UPDATE person SET verified = 0 WHERE id = $1", string(who)},
			{"INSERT INTO factor (person, id, kind, sealed, step, must_change, created, used) VALUES ($1, $2, 'password', $3, 0, 1, 1, 0)", string(who), id.New[string](now), []byte("x")},
			{"INSERT INTO recovery_code (person, hash, created, used) VALUES ($1, 'a', 1, 0)", string(who)},
		} {
			if _, err := tx.Exec(s[0].(string), s[1:]...); err != nil {
				return store.Abort(err)
			}
		}
		return store.Done(store.Event{Name: "test.written", By: id.Local(0)})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestHub holds the laws of the first page, and walks it by keyboard and
// without scripts.
func TestHub(t *testing.T) {
	home := housetest.House(t)
	k, r := home.People(t), home.Register()
	ctx := context.Background()
	for _, title := range []string{"Momiji", longName, "関所運用管理部門連絡会議資料共有基盤移行計画第二期詳細設計書確認依頼"} {
		o, err := r.PutOrganization(ctx, id.Local(0), org.Organization{Name: "customer-" + id.New[string](time.Now()), Title: title, Type: org.Customer, Parent: k.Org})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.PutMember(ctx, id.Local(0), org.Member{Org: o.ID, Person: k.Aoi, Roles: []id.Role{org.Auditor, org.User}}); err != nil {
			t.Fatal(err)
		}
	}
	lost := home.As(t, k.Daichi, "")
	if err := r.DropMember(ctx, id.Local(0), k.Org, k.Daichi); err != nil {
		t.Fatal(err)
	}
	aoi, chika := home.As(t, k.Aoi, k.Org), home.As(t, k.Chika, k.Org)
	worried(t, home, k.Aoi)
	for _, p := range []struct {
		who *housetest.Visitor
		at  place
	}{
		{aoi, place{"hub", "/", true, 200}},
		{chika, place{"hub-administrator", "/", true, 200}},
		{lost, place{"hub-nowhere", "/", true, 200}},
		{home.Nobody(t), place{"hub-door", "/", false, 200}},
		{chika, place{"audit-both", "/admin/audit", true, 200}},
		{chika, place{"audit-house", "/admin/audit?of=house", true, 200}},
	} {
		t.Run(p.at.name, func(t *testing.T) {
			open(t, home).as(p.who).law(p.at)
			if *pictures != "" {
				b := open(t, home).as(p.who)
				b.album(p.at.name, func() { b.visit(p.at.path) })
			}
		})
	}
	t.Run("without scripts", func(t *testing.T) {
		b := open(t, home).as(chika)
		command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		plain := open(t, home).as(aoi)
		command(plain, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		plain.visit("/")
		plain.press(`.places form button`)
		if now := plain.text(".account"); plain.path() != "/" || strings.Contains(now, "Kaede") {
			t.Errorf("after the switch: %s, %q", plain.where(), now)
		}
		b.visit("/admin/audit")
		b.press(`.switch a:not([aria-current])`)
		if !strings.HasSuffix(b.where(), "of=house") && b.text(".switch [aria-current]") == "" {
			t.Errorf("after turning to the installation: %s", b.where())
		}
	})
}
