package sender_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// What an app may not send, and what each refusal says. Nothing of it reaches
// anybody.
func TestWhatIsNotSent(t *testing.T) {
	each(t, func(r *rig) {
		which := r.add("expense", object{"templates": []object{{"name": "trip", "title": "Trip to {place}", "approval": object{}}}})
		token, _ := r.token(which, nil)
		long := func(n int) string { return strings.Repeat("あ", n) }
		acts := func(n int) (all []object) {
			for i := range n {
				all = append(all, object{"id": fmt.Sprint("a", i), "label": "A"})
			}
			return all
		}
		for name, c := range map[string]struct {
			change object
			field  string
		}{
			"TRAP-H25 somebody outside the bound":     {object{"to": object{"people": []string{"daichi"}}}, "to.people sender-not-reachable"},
			"TRAP-H25 a group outside the bound":      {object{"to": object{"groups": []string{"board"}}}, "to.groups sender-not-reachable"},
			"TRAP-H25 everybody":                      {object{"to": object{"everybody": true}}, "to.everybody sender-outside-audience"},
			"TRAP-H25 a fourth action":                {object{"approval": nil, "actions": acts(4)}, "actions sender-actions-long"},
			"nobody":                                  {object{"to": object{}}, "to field-required"},
			"the requester alone":                     {object{"requester": object{"login": "botan"}}, "to sender-nobody"},
			"somebody of another organization":        {object{"to": object{"people": []string{"ume"}}}, "to.people sender-not-reachable"},
			"somebody who does not exist":             {object{"to": object{"people": []string{"nobody"}}}, "to.people sender-not-reachable"},
			"no title":                                {object{"title": ""}, "title field-required"},
			"a long title":                            {object{"title": long(151)}, "title field-too-long"},
			"a long text":                             {object{"text": long(2001)}, "text field-too-long"},
			"A128 a title that turns around":          {object{"title": "invoice\u202egpj.exe"}, "title text-has-controls"},
			"A128 a title with nothing to see":        {object{"title": "Pay\u200bPal"}, "title text-has-controls"},
			"A128 a name that turns around":           {object{"requester": object{"name": "Aoi\u2066"}}, "requester text-has-controls"},
			"A129 HTML":                               {object{"text": "<b>now</b>"}, "text text-has-markup"},
			"A129 an entity":                          {object{"text": "a &lt; b"}, "text text-has-markup"},
			"A129 a link of Markdown":                 {object{"text": "[here](https://evil.example)"}, "text text-has-markup"},
			"A129 HTML in a field":                    {object{"fields": []object{{"label": "Amount", "value": "<img src=x>"}}}, "fields text-has-markup"},
			"A129 a control in a label":               {object{"approval": nil, "actions": []object{{"id": "go", "label": "Go\x07"}}}, "actions text-has-controls"},
			"too many fields":                         {object{"fields": slices.Repeat([]object{{"label": "A", "value": "b"}}, 21)}, "fields sender-list-long"},
			"actions and an approval":                 {object{"actions": acts(1)}, "actions sender-both"},
			"two actions of one name":                 {object{"approval": nil, "actions": []object{{"id": "go", "label": "A"}, {"id": "go", "label": "B"}}}, "actions sender-action-id"},
			"an action that is the house's":           {object{"approval": nil, "actions": []object{{"id": "seen", "label": "A"}}}, "actions sender-action-id"},
			"an action without a label":               {object{"approval": nil, "actions": []object{{"id": "go", "label": " "}}}, "actions field-required"},
			"over already":                            {object{"expires": time.Now().Add(-time.Minute)}, "expires sender-expired"},
			"in a year":                               {object{"expires": time.Now().Add(366 * 24 * time.Hour)}, "expires sender-expires-late"},
			"due behind its end":                      {object{"due": time.Now().Add(48 * time.Hour), "expires": time.Now().Add(24 * time.Hour)}, "due sender-due-late"},
			"a link elsewhere":                        {object{"link": "https://evil.example/x"}, "link sender-link-elsewhere"},
			"a link that is no address":               {object{"link": "javascript:alert(1)"}, "link sender-link-elsewhere"},
			"a template that is not there":            {object{"title": nil, "text": nil, "approval": nil, "template": "tour"}, "template sender-template-unknown"},
			"a template and a title":                  {object{"template": "trip", "arguments": object{"place": "Kyoto"}}, "template sender-template-and-content"},
			"a template without its argument":         {object{"title": nil, "text": nil, "approval": nil, "template": "trip"}, "arguments sender-argument-missing"},
			"an argument without a place":             {object{"title": nil, "text": nil, "approval": nil, "template": "trip", "arguments": object{"place": "Kyoto", "day": "1"}}, "arguments sender-argument-unknown"},
			"A129 an argument that is HTML":           {object{"title": nil, "text": nil, "approval": nil, "template": "trip", "arguments": object{"place": "<b>Kyoto</b>"}}, "arguments text-has-markup"},
			"A128 an argument that turns around":      {object{"title": nil, "text": nil, "approval": nil, "template": "trip", "arguments": object{"place": "\u202eotoyK"}}, "arguments text-has-controls"},
			"arguments without a template":            {object{"arguments": object{"place": "Kyoto"}}, "arguments sender-no-template"},
			"a key with spaces":                       {object{"key": "a b"}, "key sender-key-malformed"},
			"no key":                                  {object{"key": ""}, "key field-required"},
			"two hundred and one names":               {object{"to": object{"people": make([]string, 201)}}, "to sender-to-long"},
			"a wish that is the house's own language": {object{"requester": object{"name": long(301)}}, "requester field-too-long"},
		} {
			t.Run(name, func(t *testing.T) {
				b := card(c.change)
				if _, said := c.change["key"]; !said {
					b["key"] = "k"
				}
				got := r.call(token, http.MethodPost, sent, b)
				if got.Status != http.StatusBadRequest || !strings.Contains(fields(got), c.field) {
					t.Errorf("%d %s\n%.400s", got.Status, fields(got), got.Body)
				}
			})
		}
		same := func(login string) string {
			got := r.call(token, http.MethodPost, sent, card(object{"key": "x", "to": object{"people": []string{login}}}))
			return strings.ReplaceAll(requestID.ReplaceAllString(got.Body, ""), login, "LOGIN")
		}
		if a, b, c := same("nobody"), same("daichi"), same("ume"); a != b || b != c {
			t.Errorf("who exists can be told:\n%s\n%s\n%s", a, b, c)
		}
		if got := r.call(token, http.MethodPost, sent, card(object{"key": "x", "text": strings.Repeat("a", 2<<20)})); got.Status != http.StatusBadRequest && got.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("two megabytes: %d", got.Status)
		}
		for _, who := range []id.Person{r.k.Aoi, r.k.Botan, r.k.Daichi} {
			if n := len(r.cards(r.h.As(t, who, r.k.Org))); n != 0 {
				t.Errorf("%d cards arrived", n)
			}
		}
		if r.recorded("card-sender.refused") < 3 {
			t.Error("TRAP-H25 the witness does not know who reached out of its bound")
		}
	})
}

// Who may do what: roles, organizations, tokens that are over, and the rate.
func TestWhoMaySend(t *testing.T) {
	each(t, func(r *rig) {
		creator, auditor, admin := r.add("creator", nil), r.add("auditor", object{"role": "auditor"}), r.add("chief", object{"role": "admin"})
		mine, _ := r.token(creator, nil)
		theirs, _ := r.token(auditor, nil)
		all, _ := r.token(admin, nil)
		m := r.send(mine, "one", card(nil))
		other := r.send(all, "one", card(nil)) // a key of its own sender
		if other.ID == m.ID {
			t.Error("two senders share their keys")
		}
		for name, c := range map[string]struct {
			got  housetest.Answer
			want int
			code string
		}{
			"TRAP-H25 an auditor sends":        {r.call(theirs, http.MethodPost, sent, card(object{"key": "x"})), 403, "sender-role"},
			"TRAP-H25 an auditor withdraws":    {r.call(theirs, http.MethodDelete, sent+"/"+m.ID, nil), 403, "sender-role"},
			"an auditor looks":                 {r.call(theirs, http.MethodGet, sent+"/"+m.ID, nil), 200, ""},
			"a creator looks at another's":     {r.call(mine, http.MethodGet, sent+"/"+other.ID, nil), 404, "sent-card-unknown"},
			"a creator withdraws another's":    {r.call(mine, http.MethodDelete, sent+"/"+other.ID, nil), 404, "sent-card-unknown"},
			"another message under a key":      {r.call(mine, http.MethodPost, sent, card(object{"key": "one", "title": "Other"})), 409, "sender-key-taken"},
			"a token that is none":             {r.call("sks_AAAA", http.MethodGet, sent, nil), 401, "token-unknown"},
			"a person":                         {r.chika.Call(http.MethodGet, sent, nil), 403, "only-for-apps"},
			"TRAP-H26 a sender from elsewhere": {r.h.As(t, r.k.Ume, r.k.Momiji).Call(http.MethodGet, "/api/v1/organizations/"+string(r.k.Momiji)+"/card-senders/"+string(creator), nil), 404, "sender-unknown"},
			"A123 somebody without the right":  {r.h.As(t, r.k.Botan, r.k.Org).Call(http.MethodGet, r.senders(), nil), 403, "not-permitted"},
		} {
			if c.got.Status != c.want || code(c.got) != c.code {
				t.Errorf("%s: %d %s, want %d %s", name, c.got.Status, code(c.got), c.want, c.code)
			}
		}
		if got := r.call(all, http.MethodDelete, sent+"/"+m.ID, nil); got.Status != http.StatusOK {
			t.Errorf("an admin withdraws another's: %d %s", got.Status, got.Body)
		}
		if n := strings.Count(r.call(mine, http.MethodGet, sent, nil).Body, `"key"`); n != 1 {
			t.Errorf("a creator sees %d messages", n)
		}
		if n := strings.Count(r.call(theirs, http.MethodGet, sent, nil).Body, `"key"`); n != 2 {
			t.Errorf("an auditor sees %d messages", n)
		}
		slow, _ := r.token(r.add("slow", object{"rate": 2}), nil)
		for i := range 3 {
			got := r.call(slow, http.MethodPost, sent, card(object{"key": fmt.Sprint(i)}))
			if i < 2 && got.Status != http.StatusCreated || i == 2 && (got.Status != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "") {
				t.Errorf("message %d: %d %s", i, got.Status, got.Header.Get("Retry-After"))
			}
		}
	})
}

// What ends a token: its time, its revocation, another that follows it, its sender
// and its organization.
func TestWhatEndsAServiceToken(t *testing.T) {
	each(t, func(r *rig) {
		which := r.add("expense", nil)
		first, one := r.token(which, nil)
		second, _ := r.token(which, object{"overlap_hours": 1})
		alive := func(token string) bool { return r.call(token, http.MethodGet, sent, nil).Status == http.StatusOK }
		if !alive(first) || !alive(second) {
			t.Error("two that overlap do not both count")
		}
		third, _ := r.token(which, object{"overlap_hours": 0})
		if alive(first) || alive(second) || !alive(third) {
			t.Error("one that is followed at once counts still")
		}
		fourth, four := r.token(which, nil)
		if got := r.chika.Call(http.MethodDelete, r.senders()+"/"+string(which)+"/tokens/"+four, nil); got.Status != http.StatusNoContent || alive(fourth) || !alive(third) {
			t.Errorf("revoke: %d", got.Status)
		}
		for name, bad := range map[string]object{"no days": {"days": 0}, "too many": {"days": 366}, "too long": {"days": 1, "overlap_hours": 1000}} {
			if got := r.chika.Call(http.MethodPost, r.senders()+"/"+string(which)+"/tokens", bad); got.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
		list := r.chika.Call(http.MethodGet, r.senders()+"/"+string(which)+"/tokens", nil)
		if !strings.Contains(list.Body, one) || strings.Contains(list.Body, "sks_") {
			t.Errorf("the list: %s", list.Body)
		}
		b := r.body("expense", object{"disabled": true, "version": 1})
		if got := r.chika.Call(http.MethodPut, r.senders()+"/"+string(which), b); got.Status != http.StatusOK || alive(third) {
			t.Errorf("switched off: %d %s", got.Status, got.Body)
		}
		b = r.body("expense", object{"version": 2})
		if got := r.chika.Call(http.MethodPut, r.senders()+"/"+string(which), b); got.Status != http.StatusOK || !alive(third) {
			t.Errorf("switched on: %d %s", got.Status, got.Body)
		}
		o, err := r.h.Register().Organization(ctx, r.k.Org)
		if err != nil {
			t.Fatal(err)
		}
		customer, err := r.h.Register().PutOrganization(ctx, id.Local(0), org.Organization{Name: "sakura", Type: org.Customer, Parent: o.ID})
		if err != nil {
			t.Fatal(err)
		}
		for range 6 {
			if got := r.chika.Call(http.MethodPost, r.senders()+"/"+string(which)+"/tokens", object{"days": 1}); got.Status == http.StatusUnprocessableEntity && code(got) == "sender-tokens-many" {
				_ = customer
				return
			}
		}
		t.Error("there is no end of tokens")
	})
}

// A private address is refused at the call, and one network at a time is opened by
// an operator alone.
func TestACallbackStaysOutside(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		r := newRig(t, housetest.House(t, housetest.On(url))) // nothing is allowed
		which := r.add("expense", nil)
		token, _ := r.token(which, nil)
		r.send(token, "one", card(nil))
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		c := r.cards(botan)[0]
		r.decide(botan, c, object{"decision": "approve"})
		r.until("A139 loopback is refused and said", func() bool { return r.card(botan, c.ID).State == "failed" })
		if calls := r.app.Calls(); len(calls) != 0 || r.card(botan, c.ID).Why != "blocked" {
			t.Errorf("A139: %q, %s", calls, r.card(botan, c.ID).Why)
		}
		for name, bad := range map[string]string{
			"plain": "http://app.example/x", "with a user": "https://a:b@app.example/x", "no address": "ftp://app.example", "odd": "https://0x7f.1/x", "a fragment": "https://app.example/#x",
		} {
			if got := r.chika.Call(http.MethodPost, r.senders(), r.body("x", object{"callback": bad})); got.Status != http.StatusBadRequest || !strings.Contains(fields(got), "callback") {
				t.Errorf("A139 %s: %d %s", name, got.Status, fields(got))
			}
		}
		simple := r.h.As(t, r.k.Daichi, r.k.Org)
		if _, err := r.h.Register().PutRole(ctx, id.Local(0), org.Role{Org: r.k.Org, Name: "desk", Permissions: []string{"sender.read", "sender.write"}}); err != nil {
			t.Fatal(err)
		}
		role, err := r.h.Register().Roles(ctx, r.k.Org)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range role {
			if one.Name == "desk" {
				err = r.h.Register().PutMember(ctx, id.Local(0), org.Member{Org: r.k.Org, Person: r.k.Daichi, Roles: []id.Role{one.ID}, Manager: r.k.Chika, Version: 1})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		networks := object{"networks": []string{"127.0.0.0/8"}}
		if got := simple.Call(http.MethodPost, r.senders(), r.body("inner", networks)); got.Status != http.StatusForbidden || code(got) != "sender-networks-refused" {
			t.Errorf("no operator opens a network: %d %s", got.Status, got.Body)
		}
		inner, _ := r.token(r.add("inner", networks), nil) // by an operator
		r.send(inner, "two", card(nil))
		for _, c := range r.cards(botan) {
			if c.State == "open" {
				r.decide(botan, c, object{"decision": "approve"})
			}
		}
		r.until("the listed network is reached", func() bool { return len(r.app.Told()) == 1 })
	})
}

// An answer that leads elsewhere is not followed.
func TestARedirectIsNotFollowed(t *testing.T) {
	each(t, func(r *rig) {
		l, err := fake.Listen("", http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, r.at, http.StatusTemporaryRedirect)
		}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		token, _ := r.token(r.add("expense", object{"callback": l.URL + "/x"}), nil)
		r.send(token, "one", card(nil))
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		c := r.cards(botan)[0]
		r.decide(botan, c, object{"decision": "approve"})
		r.until("A141 it is said on the card", func() bool { return r.card(botan, c.ID).State == "failed" })
		if len(r.app.Calls()) != 0 {
			t.Errorf("A141 followed: %q", r.app.Calls())
		}
	})
}

// The same message 32 times at once is one message, and 32 presses are one
// decision, told once.
func TestAllAtOnce(t *testing.T) {
	each(t, func(r *rig) {
		token, _ := r.token(r.add("expense", object{"rate": 600}), nil)
		var wg sync.WaitGroup
		var mu sync.Mutex
		ids := map[string]int{}
		for range 32 {
			wg.Go(func() {
				got := r.call(token, http.MethodPost, sent, card(object{"key": "same"}))
				mu.Lock()
				defer mu.Unlock()
				if got.Status != http.StatusCreated && got.Status != http.StatusServiceUnavailable {
					t.Errorf("%d %s", got.Status, got.Body)
				}
				_, which, _ := strings.Cut(got.Body, `"id":"`)
				if got.Status == http.StatusCreated {
					ids[which[:26]]++
				}
			})
		}
		wg.Wait()
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		cards := r.cards(botan)
		if len(ids) != 1 || len(cards) != 1 {
			t.Fatalf("messages %v, %d cards", ids, len(cards))
		}
		for which := range ids {
			r.app.Expects(which, r.look(token, which).ContentDigest)
		}
		for range 32 {
			wg.Go(func() { r.decide(botan, cards[0], object{"decision": "approve"}) })
		}
		wg.Wait()
		r.until("it is applied", func() bool { return r.card(botan, cards[0].ID).State == "applied" })
		if n := len(r.app.Calls()); n != 1 || r.recorded("card.decided") != 1 {
			t.Errorf("TRAP-H5 told %d times, decided %d times", n, r.recorded("card.decided"))
		}
	})
}

// A message for more people than one write makes cards for arrives at all of them,
// and is taken back from all.
func TestAMessageForMany(t *testing.T) {
	each(t, func(r *rig) {
		const n = 230
		for i := range n {
			r.join(fmt.Sprintf("many%03d", i))
		}
		token, _ := r.token(r.add("expense", object{"audience": object{"everybody": true}}), nil)
		m := r.send(token, "all", card(object{"to": object{"everybody": true}}))
		if m.People != n+4 || m.Reached != 100 {
			t.Errorf("%+v", m)
		}
		r.until("it is there for all", func() bool { return r.look(token, m.ID).Cards["open"] == n+4 })
		if got := r.look(token, m.ID); got.Reached != n+4 || len(got.Items) != 50 {
			t.Errorf("%d reached, %d items", got.Reached, len(got.Items))
		}
		if got := r.call(token, http.MethodDelete, sent+"/"+m.ID, nil); got.Status != http.StatusOK {
			t.Fatalf("withdraw: %d", got.Status)
		}
		r.until("it is taken back from all", func() bool { return r.look(token, m.ID).Cards["withdrawn"] == n+4 })
	})
}

// An urgent card is told in quiet hours where its sender may, and waits otherwise.
func TestUrgentCardsPassQuietHours(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		r := newRig(t, housetest.House(t, housetest.On(url), onLoopback, housetest.WithMail()))
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		hour := func(d time.Duration) string { return time.Now().UTC().Add(d).Format("15:04") }
		quiet := map[string][]string{"mail": {"each"}, "quiet_from": {hour(-2 * time.Hour)}, "quiet_until": {hour(2 * time.Hour)}, "digest_at": {"09:00"}}
		if got := botan.Post("/settings/cards", quiet); got.Status != http.StatusSeeOther {
			t.Fatalf("quiet hours: %d %s", got.Status, got.Body)
		}
		mails := func() (n int) {
			for _, m := range r.h.Mail.Messages() {
				if strings.Contains(m.Subject, "Expense") || strings.Contains(m.Subject, "経費") || strings.Contains(m.Subject, "cards wait") || strings.Contains(m.Subject, "承認待ち") {
					n++
				}
			}
			return n
		}
		usual, _ := r.token(r.add("usual", nil), nil)
		r.send(usual, "one", card(object{"priority": "urgent"}))
		loud, _ := r.token(r.add("loud", object{"urgent": true}), nil)
		r.send(loud, "one", card(object{"priority": "high"}))
		time.Sleep(3 * time.Second)
		if n := mails(); n != 0 {
			t.Errorf("CAP-K6 %d mails in quiet hours", n)
		}
		r.send(loud, "two", card(object{"priority": "urgent"}))
		r.until("CAP-K6 the urgent one is told", func() bool { return mails() == 1 })
	})
}
