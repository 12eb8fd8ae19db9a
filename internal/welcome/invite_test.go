package welcome_test

import (
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/welcome"
)

const invitationOver = "This invitation does not count any more"

func TestInvitationRefused(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		v := r.Nobody(t)
		p, _ := r.Invite(t, r.Org, "megumi", "megumi@kaede.example")
		first := r.Mailed(t, "megumi@kaede.example", "招待")
		r.InviteAgain(t, r.Org, p.ID)
		accept := func(link string) url.Values {
			return url.Values{"link": {link}, "family_name": {"伊藤"}, "given_name": {"恵"}, "locale": {"ja"}, "password": {factortest.GoodPassword}}
		}
		for name, link := range map[string]string{"nothing": "", "A021 made up": strings.Repeat("A", 43), "A055 an older one": first} {
			if got := v.Get("/welcome?link=" + link); !factortest.Has(got, 422, invitationOver) {
				t.Errorf("%s: looking said %d", name, got.Status)
			}
			if got := v.Post("/welcome", accept(link)); !factortest.Has(got, 422, invitationOver) {
				t.Errorf("%s: accepting said %d", name, got.Status)
			}
		}
		link := r.second(t, "megumi@kaede.example", first)
		for field, bad := range map[string]string{"password": "short", "family_name": "evil\u202egnp"} {
			form := accept(link)
			form.Set(field, bad)
			if got := v.Post("/welcome", form); got.Status != 400 || len(got.Header["Set-Cookie"]) > 0 {
				t.Errorf("%s: %d", field, got.Status)
			}
		}
		if got := v.Post("/welcome", url.Values{"link": {link}, "as": {"me"}}); got.Status != 422 {
			t.Errorf("A051 accepting as nobody: %d", got.Status)
		}
		by := id.OfPerson(r.Chika)
		moved := r.Person(t, p.ID)
		moved.Email = "other@kaede.example"
		if _, err := r.Register().ChangePerson(ctx, by, moved); err != nil {
			t.Fatal(err)
		}
		if got := v.Post("/welcome", accept(link)); !factortest.Has(got, 422, invitationOver) {
			t.Errorf("a link that was sent to an address that is theirs no more: %d", got.Status)
		}
		moved = r.Person(t, p.ID)
		moved.Email = "megumi@kaede.example"
		if moved, _ = r.Register().ChangePerson(ctx, by, moved); moved.Email != "megumi@kaede.example" {
			t.Fatal("the address is not back")
		}
		r.Clock.Pass(welcome.InvitationLife)
		if got := v.Post("/welcome", accept(link)); !factortest.Has(got, 422, invitationOver) {
			t.Errorf("after seven days: %d", got.Status)
		}
		if all, err := r.Welcome().Invitations(ctx, r.Org, []id.Person{p.ID}); err != nil || all[p.ID].State != org.InvitationOver {
			t.Errorf("the inviter reads %v (%v)", all, err)
		}
		if r.Person(t, p.ID).State != org.Invited {
			t.Error("one of them let the person in")
		}
	})
}

// second waits for a mail with another link than the first, and returns it. The
// link leads to this house by its configured address.
func (r town) second(t testing.TB, to, first string) string {
	t.Helper()
	for range 400 {
		for _, m := range slices.Backward(r.Mail.Messages()) {
			link := factortest.LinkIn.FindString(m.Text)
			if !slices.Contains(m.To, to) || link == "" {
				continue
			}
			if !strings.HasPrefix(link, r.URL()+"/") {
				t.Fatalf("A055 the mail leads to %q, not to %s", link, r.URL())
			}
			if value := factortest.ValueOf(t, link); value != first {
				return value
			}
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("no second mail")
	return ""
}

func TestInvitation(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		v := r.Nobody(t)
		p, draft := r.Invite(t, r.Org, "megumi", "megumi@kaede.example")
		if !draft.Link.Empty() {
			t.Error("the link was mailed, and handed out too")
		}
		link := r.Mailed(t, "megumi@kaede.example", "招待")
		r.becomes(t, p.ID, org.InvitationSent)
		factortest.Looks(t, v, "/welcome?link="+link)
		page := v.Get("/welcome?link=" + link)
		for _, want := range []string{"Kaede Trading", "山本 千佳", "megumi", `value="伊藤"`} {
			if !strings.Contains(page.Body, want) {
				t.Errorf("the page does not show %q", want)
			}
		}
		form := url.Values{"link": {link}, "family_name": {"伊東"}, "given_name": {"恵"}, "reading": {"いとう めぐみ"}, "locale": {"ja"}}
		if got := v.Post("/welcome", form); got.Status != 200 || !strings.Contains(got.Body, "new-password") {
			t.Errorf("the second step: %d", got.Status)
		}
		form.Set("password", factortest.GoodPassword)
		if got := v.Post("/welcome", form); got.Status != http.StatusSeeOther {
			t.Fatalf("accepting: %d %.500s", got.Status, got.Body)
		}
		if got := v.Get("/organization"); got.Status != 200 || !strings.Contains(got.Body, "伊東 恵") {
			t.Errorf("after accepting: %d", got.Status)
		}
		now := r.Person(t, p.ID)
		if now.State != org.Active || !now.Verified || now.FamilyName != "伊東" {
			t.Errorf("the person is %+v", now)
		}
		r.becomes(t, p.ID, org.InvitationAccepted)
		again := r.Nobody(t).Post("/welcome", form)
		if !factortest.Has(again, 422, invitationOver) || !strings.Contains(again.Body, "sign in") {
			t.Errorf("A055 used twice: %d", again.Status)
		}
	})
}

// becomes waits until an invitation reads so to the inviter.
func (r town) becomes(t *testing.T, who id.Person, want org.InvitationState) org.Invitation {
	t.Helper()
	var last org.Invitation
	for range 400 {
		all, err := r.Welcome().Invitations(ctx, r.Org, []id.Person{who})
		if err != nil {
			t.Fatal(err)
		}
		if last = all[who]; last.State == want {
			return last
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Errorf("the invitation is %+v, want %s", last, want)
	return last
}

func TestABouncedInvitationIsShown(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		p, _ := r.Invite(t, r.Org, "megumi", "bounce@kaede.example")
		if got := r.becomes(t, p.ID, org.InvitationRefused); !strings.Contains(got.Reason, "no such user") || got.At.IsZero() {
			t.Errorf("the inviter reads %+v", got)
		}
	})
}

func TestInvitationByPasskeyInAHouseWithoutMail(t *testing.T) {
	r := newTown(t)
	v, key := r.Nobody(t), factortest.New(r.URL())
	p, draft := r.Invite(t, r.Org, "megumi", "megumi@kaede.example")
	link := factortest.ValueOf(t, draft.Link.Reveal())
	form := url.Values{"link": {link}, "family_name": {"伊藤"}, "given_name": {"恵"}, "locale": {"ja"}}
	options, ticket := factortest.OptionsOf(t, v.Post("/welcome/passkey", form))
	answer, err := key.Create(options)
	if err != nil {
		t.Fatal(err)
	}
	form.Set("answer", string(answer))
	form.Set("ticket", ticket)
	if got := v.Post("/welcome", form); got.Status != http.StatusSeeOther {
		t.Fatalf("accepting: %d %.500s", got.Status, got.Body)
	}
	if now := r.Person(t, p.ID); now.State != org.Active || now.Verified {
		t.Errorf("A051 a link that was handed on proves no address: %+v", now)
	}
	r.becomes(t, p.ID, org.InvitationAccepted)
}

// Somebody who has an account signs in first; the membership waits for them.
func TestInvitationOfSomebodyWhoIsHere(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		err := r.Register().PutMember(ctx, id.Local(0), org.Member{Org: r.Momiji, Person: r.Aoi, Roles: []id.Role{org.User}, State: org.Disabled})
		if err != nil {
			t.Fatal(err)
		}
		r.InviteAgain(t, r.Momiji, r.Aoi)
		link := r.Mailed(t, "aoi@kaede.example", "Momiji Design")
		path, as := "/welcome?link="+link, url.Values{"link": {link}, "as": {"me"}}
		nobody, botan, aoi := r.Nobody(t), r.As(t, r.Botan, r.Org), r.As(t, r.Aoi, r.Org)
		if got := nobody.Get(path); !factortest.Has(got, 200, "/signin?back=") {
			t.Errorf("nobody reads %d", got.Status)
		}
		if got := nobody.Post("/welcome", url.Values{"link": {link}, "password": {factortest.GoodPassword}}); got.Status != 422 {
			t.Errorf("A051 a link sets a password for an account that stands: %d", got.Status)
		}
		if got := botan.Post("/welcome", as); got.Status != 422 {
			t.Errorf("A051 somebody else accepts: %d", got.Status)
		}
		if got := aoi.Post("/welcome", as); got.Status != 200 {
			t.Fatalf("accepting: %d %.400s", got.Status, got.Body)
		}
		if m, err := r.Register().Member(ctx, r.Momiji, r.Aoi); err != nil || m.State != org.Active {
			t.Errorf("the membership is %+v (%v)", m, err)
		}
		if got := aoi.Post("/welcome", as); !factortest.Has(got, 422, invitationOver) {
			t.Errorf("used twice: %d", got.Status)
		}
	})
}

// An invitation opened in somebody else's session leads to the invited person
// first; the account that is signed in is a second choice.
func TestInvitationInAnothersSession(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		r.Invite(t, r.Org, "megumi", "megumi@kaede.example")
		link := r.Mailed(t, "megumi@kaede.example", "")
		for lang, want := range map[string][]string{
			"en": {"Sign out and accept as megumi", "That is me: accept as", "Signed in as"},
			"ja": {"サインアウトしてmegumiとして参加", "本人なので", "サインイン中のアカウント"},
		} {
			botan := r.As(t, r.Botan, r.Org)
			got := botan.Send(http.MethodGet, "/welcome?link="+link, "", http.Header{"Accept-Language": {lang}})
			page := html.UnescapeString(got.Body)
			main, second := strings.Index(page, want[0]), strings.Index(page, want[1])
			if got.Status != 200 || main < 0 || second < main || !strings.Contains(page, want[2]) {
				t.Errorf("%s: %d %d %d %s", lang, got.Status, main, second, page)
			}
			if strings.Contains(page[strings.LastIndex(page[:second], "<button"):second], "main") || !strings.Contains(page, `action="/signout"><input type="hidden" name="back" value="/welcome?link=`) {
				t.Errorf("%s: the second choice is a main one: %s", lang, page)
			}
			out := botan.Post("/signout", url.Values{"back": {"/welcome?link=" + link}})
			if out.Status != http.StatusSeeOther || out.Header.Get("Location") != "/welcome?link="+link {
				t.Fatalf("%d %q", out.Status, out.Header.Get("Location"))
			}
			if got := botan.Get("/welcome?link=" + link); !factortest.Has(got, 200, `name="family_name"`) {
				t.Errorf("%s: after signing out: %d", lang, got.Status)
			}
		}
		for _, back := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, ""} {
			out := r.As(t, r.Botan, r.Org).Post("/signout", url.Values{"back": {back}})
			if out.Header.Get("Location") != "/" {
				t.Errorf("signing out leads to %q", out.Header.Get("Location"))
			}
		}
	})
}

func TestInvitationAtOnce(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		r.Invite(t, r.Org, "megumi", "megumi@kaede.example")
		link := text(r.Mailed(t, "megumi@kaede.example", ""))
		var won atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				_, err := r.Welcome().Accept(ctx, link, org.Person{FamilyName: "伊藤"}, factor.First{Password: text(factortest.GoodPassword)}, welcome.Where{})
				switch code := fault.Code(err); {
				case err == nil:
					won.Add(1)
				case code != "invitation-invalid" && code != "invitation-signin-first" && code != "store-busy" && code != "password-busy":
					t.Errorf("one was refused as %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 64 accepted", won.Load())
		}
	})
}

func TestVerification(t *testing.T) {
	eachTown(t, func(t *testing.T, r town) {
		aoi, botan, nobody := r.As(t, r.Aoi, r.Org), r.As(t, r.Botan, r.Org), r.Nobody(t)
		send := func(email string) string {
			draft, err := r.Welcome().PrepareVerification(ctx, id.OfPerson(r.Aoi), r.Person(t, r.Aoi), email)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Store().Self(r.Aoi).Write(ctx, doing(draft.Write)); err != nil {
				t.Fatal(err)
			}
			return r.Mailed(t, email, "メールアドレスの確認")
		}
		older := send("older@kaede.example")
		link := send("new@kaede.example")
		r.MailedTo(t, "aoi@kaede.example", "変更手続き")
		post := func(v *housetest.Visitor, link string) housetest.Answer {
			return v.Post("/verify", url.Values{"link": {link}})
		}
		if waiting, err := r.Welcome().Waiting(ctx, r.Aoi); err != nil || waiting != "new@kaede.example" {
			t.Errorf("%q waits (%v)", waiting, err)
		}
		if got := post(aoi, older); !factortest.Has(got, 422, "does not count any more") {
			t.Errorf("the link before: %d", got.Status)
		}
		for name, v := range map[string]*housetest.Visitor{"A051 somebody else": botan, "nobody": nobody} {
			if got := post(v, link); !factortest.Has(got, 422, "another account") {
				t.Errorf("%s confirms: %d", name, got.Status)
			}
		}
		factortest.Looks(t, aoi, "/verify?link="+link)
		factortest.Looks(t, nobody, "/verify?link="+link)
		if p := r.Person(t, r.Aoi); p.Email != "aoi@kaede.example" {
			t.Errorf("A055 a look changed the address to %s", p.Email)
		}
		if got := post(aoi, link); got.Status != 200 {
			t.Fatalf("confirming: %d %.300s", got.Status, got.Body)
		}
		if p := r.Person(t, r.Aoi); p.Email != "new@kaede.example" || !p.Verified {
			t.Errorf("the person is %+v", p)
		}
		if waiting, err := r.Welcome().Waiting(ctx, r.Aoi); err != nil || waiting != "" {
			t.Errorf("%q waits still (%v)", waiting, err)
		}
		if got := post(aoi, link); !factortest.Has(got, 422, "does not count any more") {
			t.Errorf("A055 used twice: %d", got.Status)
		}
		link = send("last@kaede.example")
		r.Clock.Pass(welcome.VerificationLife)
		if err := r.Welcome().ProveAddress(ctx, text(link), r.Aoi); fault.Code(err) != "verification-invalid" {
			t.Errorf("after a day: %v", err)
		}
	})
}

func doing(f func(*store.Tx) (store.Event, error)) func(*store.Tx) store.End {
	return func(tx *store.Tx) store.End {
		event, err := f(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	}
}
