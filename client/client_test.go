package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/client"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
)

var ctx = context.Background()

// tokenOf makes a token of a person as they would themselves.
func tokenOf(t testing.TB, h *housetest.Home, who id.Person, where id.Org, scopes ...string) string {
	t.Helper()
	got := h.As(t, who, where).Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": "test", "org": where, "scopes": scopes, "days": 1})
	var made struct{ Value string }
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || made.Value == "" {
		t.Fatalf("make a token: %d %s", got.Status, got.Body)
	}
	return made.Value
}

func TestNewRefuses(t *testing.T) {
	for _, server := range []string{"", "sekisho.example", "ftp://sekisho.example", "http://sekisho.example", "http://10.0.0.1:8080", "https://", ":"} {
		t.Run("A169 "+server, func(t *testing.T) {
			if c, err := client.New(server, "token"); err == nil || c != nil {
				t.Errorf("%v %v", c, err)
			}
		})
	}
	for _, server := range []string{"https://sekisho.example", "http://localhost:8080", "http://127.0.0.1:8080/", "http://[::1]:8080"} {
		if _, err := client.New(server, ""); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNoHouseIsNoProblem(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
	}{
		"a proxy's page": {502, "<html>"}, "JSON of somebody else": {404, `{"error":"x"}`}, "an answer that is none": {200, "<html>"},
		"a redirect, which would take the token along": {302, ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			}))
			defer s.Close()
			c, err := client.New(s.URL, "token")
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.GetProfile(ctx)
			var problem *client.Problem
			if !errors.Is(err, client.ErrNoProblem) || errors.As(err, &problem) || asked != 1 {
				t.Errorf("%v after %d requests", err, asked)
			}
		})
	}
}

// What is only foreseen is not done, and is refused as it would be.
func TestForesee(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		c, err := client.New(h.URL(), tokenOf(t, h, k.Chika, k.Org, "people.read", "people.write", "group.write"))
		if err != nil {
			t.Fatal(err)
		}
		members := "/organizations/" + string(k.Org) + "/members/" + string(k.Aoi)
		send := func(method, path, body string) func(*client.Client) error {
			return func(c *client.Client) error {
				answer, err := c.Send(ctx, method, path, nil, strings.NewReader(body))
				if err == nil {
					err = answer.Close()
				}
				return err
			}
		}
		said, err := c.Foresee(send(http.MethodPatch, members, `{"state":"disabled","version":1}`))
		if err != nil || len(said) != 1 || !strings.Contains(said[0], "can do nothing in this organization") {
			t.Errorf("%q %v", said, err)
		}
		if said, err = c.Foresee(send(http.MethodPost, "/organizations/"+string(k.Org)+"/groups", `{"name":"dry"}`)); err != nil || len(said) != 0 {
			t.Errorf("what says nothing: %q %v", said, err)
		}
		var problem *client.Problem
		if _, err = c.Foresee(send(http.MethodPatch, members, `{"state":"disabled","version":7}`)); !errors.As(err, &problem) {
			t.Errorf("a refusal: %v", err)
		}
		m, err := h.Register().Member(ctx, k.Org, k.Aoi)
		if groups, broken := h.Register().Groups(ctx, k.Org); err != nil || broken != nil || m.State != "active" || len(groups) != 0 {
			t.Errorf("it was done: %v %v %v %v", m, groups, err, broken)
		}
	})
}

func TestRefusalsAreProblems(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		c, err := client.New(h.URL(), tokenOf(t, h, k.Chika, k.Org, "people.read"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.AddGroup(ctx, string(k.Org), client.AddGroupRequest{Name: "sales"})
		var problem *client.Problem
		if !errors.As(err, &problem) || problem.Code != "not-permitted" || problem.Status != 403 || problem.RequestID == "" {
			t.Fatalf("CAP-M3 beyond the token: %v", err)
		}
		_, err = c.In("ja").GetMember(ctx, string(k.Org), "nobody")
		if !errors.As(err, &problem) || problem.Status != 404 || !strings.Contains(err.Error(), "利用者") {
			t.Errorf("CAP-M3 in Japanese: %v", err)
		}
		all, err := client.New(h.URL(), tokenOf(t, h, k.Chika, k.Org, "group.write", "people.read"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = all.AddGroup(ctx, string(k.Org), client.AddGroupRequest{Name: "No Name", Members: &[]string{"nobody"}})
		if !errors.As(err, &problem) || len(problem.Fields()) == 0 || !strings.Contains(err.Error(), problem.Fields()[0].Message) {
			t.Errorf("CAP-M3 bad fields: %v", err)
		}
		if _, err := all.ListMembers(ctx, "../../organizations", nil); !errors.As(err, &problem) {
			t.Errorf("an id that is a path: %v", err)
		}
	})
}

func TestListsAreReadToTheirEnd(t *testing.T) {
	h := housetest.House(t)
	k := h.People(t)
	c, err := client.New(h.URL(), tokenOf(t, h, k.Chika, k.Org, "people.read", "group.write"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 7 {
		g, err := c.AddGroup(ctx, string(k.Org), client.AddGroupRequest{Name: fmt.Sprintf("group-%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, g.Name)
	}
	var got []string
	two := int64(2)
	for g, err := range c.EachListGroups(ctx, string(k.Org), &client.ListGroupsParams{Limit: &two}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, g.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for range c.EachListGroups(ctx, string(k.Org), &client.ListGroupsParams{Limit: &two}) {
		break // leaving early is no error
	}
	seen := 0
	for _, err := range c.EachListGroups(ctx, "nothing", nil) {
		if seen++; err == nil || seen > 1 {
			t.Errorf("%d: %v", seen, err)
		}
	}
	// What is left out of a change stays; an empty list is a list.
	g, err := c.AddGroup(ctx, string(k.Org), client.AddGroupRequest{Name: "both", Title: new("Both"), Members: &[]string{string(k.Aoi)}})
	if err != nil {
		t.Fatal(err)
	}
	g, err = c.ChangeGroup(ctx, string(k.Org), g.ID, client.ChangeGroupRequest{Version: g.Version, Members: &[]string{}})
	if err != nil || len(g.Members) != 0 || g.Title != "Both" {
		t.Errorf("%v %+v", err, g)
	}
	if err := c.DeleteGroup(ctx, string(k.Org), g.ID); err != nil {
		t.Error(err)
	}
}

func TestTheControlSocketNeedsNoToken(t *testing.T) {
	data := ""
	housetest.House(t, func(o *housetest.Options) { data = o.Config.Data })
	path, err := os.ReadFile(filepath.Join(data, "control"))
	if err != nil {
		t.Fatal(err)
	}
	c := client.Socket(strings.TrimSpace(string(path)))
	defer c.Close()
	if why, err := c.Ready(ctx); err != nil || len(why) > 0 {
		t.Errorf("%v %v", why, err)
	}
	if s, err := c.GetState(ctx); err != nil || s.Engine == "" {
		t.Errorf("%v %+v", err, s)
	}
	gone := client.Over(func(context.Context) (net.Conn, error) { return nil, os.ErrNotExist })
	if _, err := gone.GetState(ctx); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestEveryOperationIsDescribed(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.Unmarshal(client.Description, &doc); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, item := range doc.Paths {
		for _, op := range item {
			want = append(want, op.OperationID)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(client.Operations))); diff != "" {
		t.Errorf("CAP-M3 described (-) and generated (+):\n%s", diff)
	}
}
