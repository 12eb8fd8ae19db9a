package house_test

import (
	"bufio"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// liveWithin is how long what was taken away on one node may still count on
// another.
const liveWithin = 5 * time.Second

// two are two nodes of one house, on one PostgreSQL.
func two(t *testing.T) (a, b *housetest.Home) {
	t.Helper()
	database, key := housetest.Postgres(t), filepath.Join(t.TempDir(), "unseal.key")
	shared := func(o *house.Options) { o.Config.Unseal.File = key }
	a = housetest.House(t, housetest.On(database), shared)
	return a, housetest.House(t, housetest.On(database), shared)
}

// until asks until the status is the wanted one, and returns how long that took
// after since. Whoever asks keeps the answer in memory as fresh as it gets.
func until(t *testing.T, what string, since time.Time, want int, ask func() int) {
	t.Helper()
	for {
		got := ask()
		took := time.Since(since)
		switch {
		case got == want:
			t.Logf("%s: refused on the other node after %d ms", what, took.Milliseconds())
			return
		case took > liveWithin:
			t.Errorf("%s: still %d on the other node after %v, want %d", what, got, took, want)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// listen opens the stream of a page and tells when it ends.
func listen(t *testing.T, base string, header http.Header) (ended <-chan time.Time) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/events?topic=notice.0", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(answer.Body)
	if line, err := lines.ReadString('\n'); err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(line, "id:") {
		t.Fatalf("the stream began with %d %q (%v)", answer.StatusCode, line, err)
	}
	done := make(chan time.Time, 1)
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		_ = answer.Body.Close()
		done <- time.Now()
	}()
	return done
}

func streamEnds(t *testing.T, what string, since time.Time, ended <-chan time.Time) {
	t.Helper()
	select {
	case at := <-ended:
		t.Logf("%s: its stream ended on the other node after %d ms", what, at.Sub(since).Milliseconds())
	case <-time.After(liveWithin - time.Since(since)):
		t.Errorf("A039 %s: its stream on the other node still stands after %v", what, liveWithin)
	}
}

func cookieOf(v *housetest.Visitor) http.Header {
	h := http.Header{}
	for _, c := range v.Cookies() {
		h.Add("Cookie", c.Name+"="+c.Value)
	}
	return h
}

// What is taken away on one node is refused on every other within five
// seconds: an ended session, a person who was disabled, a role.
func TestWhatIsTakenAwayCountsOnEveryNode(t *testing.T) {
	a, b := two(t)
	k := a.People(t)
	chief := join(t, a, "chief", k.Org, org.Administrator)
	status := func(v *housetest.Visitor, path string, header http.Header) func() int {
		return func() int { return v.Send(http.MethodGet, path, "", header).Status }
	}
	// A session that began on one node is a session of the other.
	on := func(t *testing.T, who id.Person, in id.Org) *housetest.Visitor {
		v := b.Nobody(t)
		v.SetCookies(a.As(t, who, in).Cookies())
		return v
	}
	sessionOf := func(t *testing.T, who id.Person) string {
		all, err := a.SignIn().Sessions(ctx, who)
		if err != nil || len(all) == 0 {
			t.Fatalf("no session: %v", err)
		}
		return all[0].ID
	}
	t.Run("A039 CAP-E2 a session that was ended", func(t *testing.T) {
		t.Parallel()
		who := join(t, a, "ended", k.Org, org.Auditor)
		v := on(t, who, k.Org)
		if got := v.Get("/admin/audit"); got.Status != http.StatusOK {
			t.Fatalf("before: %d", got.Status)
		}
		stream := listen(t, b.URL(), cookieOf(v))
		since := time.Now()
		if err := a.SignIn().EndSession(ctx, id.OfPerson(who), who, sessionOf(t, who)); err != nil {
			t.Fatal(err)
		}
		until(t, "session ended, its page", since, http.StatusUnauthorized, status(v, "/admin/audit", nil))
		streamEnds(t, "session ended", since, stream)
	})
	t.Run("A039 CAP-E2 a person who was disabled", func(t *testing.T) {
		t.Parallel()
		who := join(t, a, "disabled", k.Org, org.Auditor)
		v, token := on(t, who, k.Org), bearer(t, a, who, k.Org, "audit.read")
		api := b.Nobody(t)
		const records = "/api/v1/audit/records"
		if page, program := v.Get("/admin/audit"), api.Send(http.MethodGet, records, "", token); page.Status != http.StatusOK || program.Status != http.StatusOK {
			t.Fatalf("before: %d and %d %s", page.Status, program.Status, program.Body)
		}
		stream, byToken := listen(t, b.URL(), cookieOf(v)), listen(t, b.URL(), token)
		p, err := a.Register().Person(ctx, who)
		if err != nil {
			t.Fatal(err)
		}
		p.State = org.Disabled
		since := time.Now()
		if _, err := a.Register().ChangePerson(ctx, id.OfPerson(chief), p); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			until(t, "person disabled, their token", since, http.StatusUnauthorized, status(api, records, token))
		}()
		until(t, "person disabled, their session", since, http.StatusUnauthorized, status(v, "/admin/audit", nil))
		<-done
		streamEnds(t, "person disabled", since, stream)
		streamEnds(t, "person disabled, by their token", since, byToken)
	})
	t.Run("A039 CAP-E2 a role that was taken", func(t *testing.T) {
		t.Parallel()
		who := join(t, a, "demoted", k.Org, org.Auditor)
		v, token := on(t, who, k.Org), bearer(t, a, who, k.Org, "audit.read")
		api := b.Nobody(t)
		if got := v.Get("/admin/audit"); got.Status != http.StatusOK {
			t.Fatalf("before: %d", got.Status)
		}
		m, err := a.Register().Member(ctx, k.Org, who)
		if err != nil {
			t.Fatal(err)
		}
		m.Roles = []id.Role{org.User}
		since := time.Now()
		if err := a.Register().PutMember(ctx, id.OfPerson(chief), m); err != nil {
			t.Fatal(err)
		}
		until(t, "role taken, a page", since, http.StatusForbidden, status(v, "/admin/audit", nil))
		until(t, "role taken, a token", since, http.StatusForbidden, status(api, "/api/v1/audit/records", token))
		if got := v.Get("/"); got.Status != http.StatusOK || strings.Contains(got.Body, `href="/admin"`) {
			t.Errorf("what is theirs still: %d", got.Status)
		}
	})
	t.Run("CAP-E2 a membership that ended", func(t *testing.T) {
		t.Parallel()
		who := join(t, a, "gone", k.Org, org.Auditor)
		v := on(t, who, k.Org)
		if got := v.Get("/admin/audit"); got.Status != http.StatusOK {
			t.Fatalf("before: %d", got.Status)
		}
		since := time.Now()
		if err := a.Register().DropMember(ctx, id.OfPerson(chief), k.Org, who); err != nil {
			t.Fatal(err)
		}
		until(t, "membership ended, a page", since, http.StatusForbidden, status(v, "/admin/audit", nil))
	})
}
