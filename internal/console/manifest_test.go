package console_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

const manifestPath = "/admin/manifests"

// form sends the form of documents: pairs of field and text, "file:NAME" for an
// upload.
func form(t *testing.T, v *housetest.Visitor, path string, pairs ...string) housetest.Answer {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := 0; i+1 < len(pairs); i += 2 {
		part, err := w.CreateFormField(pairs[i])
		if name, file := strings.CutPrefix(pairs[i], "file:"); file {
			part, err = w.CreateFormFile("file", name)
		}
		if err == nil {
			_, err = part.Write([]byte(pairs[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return v.Send(http.MethodPost, path, body.String(), http.Header{"Origin": {v.Base()}, "Content-Type": {w.FormDataContentType()}})
}

const sales = "kind: Group\norg: kaede\nname: sales\nspec: {title: 営業部, members: [aoi, botan]}\n"

var digestField = regexp.MustCompile(`name="digest" value="([0-9a-f]{64})"`)

// contains wants texts on a page; one that begins with ! must not be there.
func contains(t *testing.T, got housetest.Answer, status int, texts ...string) {
	t.Helper()
	if got.Status != status {
		t.Fatalf("status %d, want %d\n%s", got.Status, status, got.Body)
	}
	for _, text := range texts {
		if text, not := strings.CutPrefix(text, "!"); strings.Contains(got.Body, text) == not {
			t.Errorf("page with %q: %v\n%s", text, !not, got.Body[strings.Index(got.Body, "<main"):])
		}
	}
}

func TestManifestsOnThePage(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		chika := h.As(t, k.Chika, k.Org)
		t.Run("A123 who may not", func(t *testing.T) {
			aoi := h.As(t, k.Aoi, k.Org)
			for _, path := range []string{manifestPath, manifestPath + "/apply", manifestPath + "/export", "/api/v1/manifests/drift", "/api/v1/manifests/applies"} {
				if got := aoi.Get(path); got.Status != http.StatusForbidden {
					t.Errorf("%s: %d", path, got.Status)
				}
			}
		})
		t.Run("bad input keeps what was typed", func(t *testing.T) {
			got := form(t, chika, manifestPath+"/plan", "name.0", "page.yaml", "text.0", sales+"colour: red\n", "file:more.yaml", "kind: Group\n  name: x\n")
			contains(t, got, 400, "more.yaml:2", "colour: red", "name: x", `name="name.1" value="more.yaml"`)
			got = form(t, chika, manifestPath+"/plan", "name.0", "page.yaml", "text.0", sales+"colour: red\n---\nkind: Group\norg: kaede\nname: x\nspec: {members: [nobody]}\n", "prune", "yes")
			contains(t, got, 400, "page.yaml:5", "page.yaml:10: spec.members[0]", "colour: red", "checked")
			contains(t, form(t, chika, manifestPath+"/plan", "name.0", "page.yaml", "text.0", "  \n"), 400, "There are no documents")
			contains(t, form(t, chika, manifestPath+"/plan", "text.0", "kind: \xe9\n"), 400, "page.yaml:1")
			if got := chika.Post(manifestPath+"/plan", nil); got.Status != http.StatusUnsupportedMediaType {
				t.Errorf("another form: %d", got.Status)
			}
		})
		t.Run("CAP-M4 planned, applied, drifted, put back", func(t *testing.T) {
			contains(t, chika.Get(manifestPath), 200, "No documents were applied yet", "Nothing was applied yet")
			got := form(t, chika, manifestPath+"/plan", "file:house.yaml", sales)
			contains(t, got, 200, "Group kaede/sales", "1 to create", "営業部", "house.yaml")
			digest := digestField.FindStringSubmatch(got.Body)
			if digest == nil {
				t.Fatal("no digest")
			}
			if got := form(t, chika, manifestPath+"/apply", "name.0", "house.yaml", "text.0", sales, "digest", digest[1]); got.Status != 303 || got.Header.Get("Location") != manifestPath+"?applied=1" {
				t.Fatalf("apply: %d %s", got.Status, got.Body)
			}
			contains(t, chika.Get(manifestPath+"?applied=1"), 200, "all 1 objects", "this page", "house.yaml", "Applied: 1")
			group, _, err := h.Register().GroupPage(context.Background(), k.Org, "", "", 10)
			if err != nil || len(group) != 1 {
				t.Fatal(group, err)
			}
			changed := group[0].Group
			changed.Title, changed.Members = "Other", []id.Person{k.Aoi}
			if _, err := h.Register().PutGroup(context.Background(), id.OfPerson(k.Chika), changed); err != nil {
				t.Fatal(err)
			}
			contains(t, chika.Get(manifestPath), 200, "1 of 1 objects", "members", "Other", "営業部", "Last changed by", "千佳", "/admin/audit?")
			contains(t, chika.Get("/api/v1/manifests/drift"), 200, `"path":"title"`, `"before":"\"営業部\""`)
			got = form(t, chika, manifestPath+"/apply", "name.0", "house.yaml", "text.0", sales, "digest", digest[1])
			contains(t, got, 409, "The house has changed since the plan was shown", "1 to update")
			fresh := digestField.FindStringSubmatch(got.Body)
			if got := form(t, chika, manifestPath+"/apply", "name.0", "house.yaml", "text.0", sales, "digest", fresh[1]); got.Status != 303 {
				t.Fatalf("apply: %d %s", got.Status, got.Body)
			}
			contains(t, chika.Get(manifestPath), 200, "all 1 objects", "!Last changed by")
			contains(t, form(t, chika, manifestPath+"/plan", "file:house.yaml", sales), 200, "Everything is already")
			if _, err := h.Register().PutGroup(context.Background(), id.OfPerson(k.Chika), org.Group{Org: k.Org, Name: "by-hand"}); err != nil {
				t.Fatal(err)
			}
			contains(t, chika.Get(manifestPath), 200, "1 objects of the same kinds", "!by-hand")
			contains(t, chika.Get(manifestPath+"?unmanaged=yes"), 200, "kaede/by-hand")
			contains(t, form(t, chika, manifestPath+"/plan", "file:house.yaml", strings.ReplaceAll(sales, "name: sales", "name: other"), "prune", "yes"), 200, "Group kaede/sales", "delete", "kaede/by-hand")
		})
		t.Run("A167 a secret is not told back in a plan", func(t *testing.T) {
			got := form(t, chika, manifestPath+"/plan", "file:p.yaml", "kind: Person\nname: eri\nspec: {password: {env: HOME}}\n")
			contains(t, got, 400, "p.yaml:3")
			got = form(t, chika, manifestPath+"/plan", "file:p.yaml", "kind: Person\nname: eri\nspec: {password: canary of nine lanterns}\n")
			plan := got.Body[strings.Index(got.Body, `class="plan"`):strings.Index(got.Body, "<textarea")]
			if !strings.Contains(plan, "[secret]") || strings.Contains(plan, "canary") {
				t.Errorf("%s", plan)
			}
		})
		t.Run("what is downloaded is what is exported", func(t *testing.T) {
			got := chika.Get(manifestPath + "/export")
			contains(t, got, 200, "kind: Organization", "name: kaede")
			if !strings.Contains(got.Header.Get("Content-Disposition"), "house.yaml") {
				t.Error(got.Header)
			}
		})
	})
}
