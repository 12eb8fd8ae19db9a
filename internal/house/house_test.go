package house_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

var ctx = context.Background()

// node is a running process of a house.
type node struct {
	*house.House
	said *bytes.Buffer
}

func config(t *testing.T, database string) house.Config {
	t.Helper()
	c, err := house.LoadConfig("", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Data = filepath.Join(t.TempDir(), "data")
	c.Listen, c.Database, c.Unseal.File = "localhost:0", secret.Of(database), filepath.Join(c.Data, "unseal.key")
	return c
}

func start(t *testing.T, c house.Config) node {
	t.Helper()
	n := node{said: &bytes.Buffer{}}
	h, err := house.New(ctx, house.Options{Config: c, Clock: clock.System(), Log: housetest.Log(t), Say: n.said, Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	n.House = h
	t.Cleanup(func() { n.stop(t) })
	return n
}

func (n *node) stop(t *testing.T) {
	t.Helper()
	if n.House != nil {
		if err := n.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		n.House = nil
	}
}

var linkForm = regexp.MustCompile(`http://\S+/setup\?link=\S+`)

// signIn completes the set-up as a browser does.
func (n node) signIn(t *testing.T) *http.Client {
	t.Helper()
	link := linkForm.FindString(n.said.String())
	if link == "" {
		t.Fatalf("no link in %q", n.said)
	}
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Timeout: 10 * time.Second}
	status, body := n.send(t, client, http.MethodPost, "/setup", housetest.SetupForm(link).Encode())
	if status != http.StatusOK || !strings.Contains(body, "/admin/audit") {
		t.Fatalf("redeeming the link answered %d: %.300s", status, body)
	}
	return client
}

func (n node) send(t *testing.T, client *http.Client, method, path, form string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, n.URL()+path, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		request.Header.Set("Origin", n.URL())
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read whole
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// A new house on either engine: its link opens it, what is done leaves a
// record, a restart keeps what was written and who is signed in, and prints no
// link any more.
func TestFirstStartAndRestart(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		c := config(t, database)
		first := start(t, c)
		client := first.signIn(t)
		if status, body := first.send(t, client, http.MethodGet, "/api/v1/audit/records?name=setup.", ""); status != 200 || !strings.Contains(body, "setup.link-redeemed") {
			t.Errorf("the log says %d %.300s", status, body)
		}
		first.stop(t)
		second := start(t, c)
		if status, body := second.send(t, client, http.MethodGet, "/admin", ""); status != http.StatusOK {
			t.Errorf("a session of before the restart answers %d %.300s", status, body)
		}
		if linkForm.MatchString(second.said.String()) {
			t.Error("CAP-A12 a house with people prints a set-up link")
		}
	})
}

// Two nodes on one PostgreSQL are one house.
func TestTwoNodes(t *testing.T) {
	database := housetest.Postgres(t)
	c := config(t, database)
	one := start(t, c)
	other := c
	other.Data = filepath.Join(t.TempDir(), "data")
	two := start(t, other) // the unseal key is the same file
	client := two.signIn(t)
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	form := url.Values{
		"title.en": {"Both see it"}, "title.ja": {"両方に見える"}, "text.en": {"x"}, "text.ja": {"x"}, "version": {"0"},
		"from": {from.UTC().Format("2006-01-02T15:04")}, "until": {until.UTC().Format("2006-01-02T15:04")},
	}
	if status, body := two.send(t, client, http.MethodPost, "/admin/notices/new", form.Encode()); status != 200 {
		t.Fatalf("writing answered %d: %.500s", status, body)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		_, body := one.send(t, http.DefaultClient, http.MethodGet, "/", "")
		if strings.Contains(body, "Both see it") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the other node does not show the notice within 5 s")
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestSecondProcessRefused(t *testing.T) {
	c := config(t, housetest.SQLite(t))
	start(t, c)
	_, err := house.New(ctx, house.Options{Config: c, Clock: clock.System(), Log: housetest.Log(t)})
	if err == nil || !strings.Contains(err.Error(), "house-in-use") {
		t.Errorf("a second process on one folder: %v", err)
	}
}

// A command that is refused because servers use the database has not changed
// its schema under them.
func TestRefusedCommandDoesNotMigrate(t *testing.T) {
	database := housetest.Postgres(t)
	server := housetest.Open(t, database, clock.System())
	release, err := server.Hold(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	_, err = house.New(ctx, house.Options{Config: config(t, database), Clock: clock.System(), Log: housetest.Log(t), Alone: true})
	if err == nil || !strings.Contains(err.Error(), "store-in-use") {
		t.Errorf("a command beside a server said %v", err)
	}
	err = server.House().Read(ctx, func(v *store.View) error {
		var n int
		return v.Row("SELECT count(*) FROM notice").Scan(&n)
	})
	if err == nil {
		t.Error("the refused command has made tables")
	}
}
