package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web"
)

type problem struct {
	Type, Title, Detail, Code string
	Status                    int
	Request                   string `json:"request_id"`
	Errors                    []struct{ Field, Code, Message string }
}

func readProblem(t *testing.T, body []byte) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return p
}

func TestStrictBodies(t *testing.T) {
	s := newSite(t)
	deep := strings.Repeat(`{"words":`, 70) + "1" + strings.Repeat("}", 70)
	many := `{"title":"abcd","words":{` + manyMembers(10_001) + `}}`
	for name, row := range map[string]struct {
		body, code string
		status     int
	}{
		"A031/twice":            {`{"title":"abcd","title":"evil"}`, "json-member-twice", 400},
		"A031/twice, escaped":   {`{"title":"abcd","t\u0069tle":"evil"}`, "json-member-twice", 400},
		"A031/twice, inside":    {`{"title":"abcd","words":{"a":"1","a":"2"}}`, "json-member-twice", 400},
		"A031/other case":       {`{"TITLE":"abcd"}`, "input-invalid", 400},
		"A031/both cases":       {`{"title":"abcd","Title":"evil"}`, "input-invalid", 400},
		"A031/long s":           {`{"title":"abcd","wordſ":{}}`, "input-invalid", 400},
		"A031/unknown":          {`{"title":"abcd","admin":true}`, "input-invalid", 400},
		"A031/two documents":    {`{"title":"abcd"}{"title":"evil"}`, "json-malformed", 400},
		"A031/trailing":         {`{"title":"abcd"} x`, "json-malformed", 400},
		"A031/broken UTF-8":     {"{\"title\":\"ab\xffcd\"}", "text-not-utf8", 400},
		"A031/half a surrogate": {`{"title":"abc\ud800"}`, "text-not-utf8", 400},
		"A031/low surrogate":    {`{"title":"abc\udc00"}`, "text-not-utf8", 400},
		"A031/swapped":          {`{"title":"abc\udc00\ud800"}`, "text-not-utf8", 400},
		"A031/byte order mark":  {"\ufeff" + `{"title":"abcd"}`, "json-malformed", 400},
		"A031/cut":              {`{"title":"abcd"`, "json-malformed", 400},
		"A031/comment":          {`{"title":"abcd"/**/}`, "json-malformed", 400},
		"A147/deep":             {deep, "json-too-deep", 400},
		"A147/deep lists":       {strings.Repeat("[", 100_000), "json-too-deep", 400},
		"A147/many":             {many, "json-too-many", 400},
		"A147/large":            {`{"title":"` + strings.Repeat("a", 1<<20) + `"}`, "body-too-large", 413},
		"nothing":               {"", "body-required", 400},
		"null":                  {"null", "input-invalid", 400},
		"wrong type":            {`{"title":7}`, "input-invalid", 400},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.ask("POST", "/api/v1/things", row.body, asJSON()...)
			p := readProblem(t, got.Body.Bytes())
			if got.Code != row.status || p.Status != row.status || p.Code != row.code {
				t.Errorf("%d %+v, want %s", got.Code, p, row.code)
			}
			if p.Request != got.Header().Get("X-Request-Id") || p.Type != base+"/problems/"+p.Code || p.Title == "" {
				t.Errorf("incomplete: %+v", p)
			}
		})
	}
	r := request("POST", "/api/v1/things", strings.Repeat("a", 2<<20), asJSON()...)
	r.ContentLength = -1 // chunked
	if got := s.serve(r); got.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("A147/chunked: %d", got.Code)
	}
	if got := s.ask("POST", "/api/v1/things", `{"title":"ab\ud83d\ude00cd","count":2}`, asJSON()...); got.Code != 200 {
		t.Errorf("a good body: %d %s", got.Code, got.Body)
	}
}

func manyMembers(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"k%d":"v"`, i)
	}
	return strings.Join(list, ",")
}

func TestAllBadFieldsAtOnceInTheCallersLanguage(t *testing.T) {
	s := newSite(t)
	got := s.ask("POST", "/api/v1/things", `{"count":0,"words":{"a":1},"extra":1}`, asJSON("Accept-Language", "ja")...)
	p := readProblem(t, got.Body.Bytes())
	codes := map[string]string{}
	for _, e := range p.Errors {
		codes[e.Field] = e.Code + " " + e.Message
	}
	want := map[string]string{
		"title": "field-required 必須です", "count": "field-too-small 1 以上で指定してください",
		"words.a": "field-not-text 文字列で指定してください", "extra": "field-unknown 使用できない項目です",
	}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Error(diff)
	}
	if p.Title != "入力内容に誤りがあります" || got.Header().Get("Content-Language") != "ja" {
		t.Errorf("%q in %q", p.Title, got.Header().Get("Content-Language"))
	}
}

func TestCookieOnTheAPINeedsOurOrigin(t *testing.T) {
	s := newSite(t)
	body := `{"title":"abcd"}`
	kind := []string{"Content-Type", "application/json"}
	for name, row := range map[string]struct {
		headers []string
		want    int
	}{
		"cookie, no origin":     {signedIn(kind...), 403},
		"cookie, their origin":  {signedIn(append(kind, "Origin", "https://evil.example")...), 403},
		"cookie, our origin":    {signedIn(append(kind, "Origin", base)...), 200},
		"bearer, no origin":     {asJSON(), 200},
		"bearer, their origin":  {asJSON("Origin", "https://evil.example"), 200},
		"nothing at all":        {kind, 401},
		"no content type":       {[]string{"Authorization", "Bearer " + bearer}, 415},
		"a form's content type": {[]string{"Authorization", "Bearer " + bearer, "Content-Type", "text/plain"}, 415},
	} {
		t.Run("A131/"+name, func(t *testing.T) {
			if got := s.ask("POST", "/api/v1/things", body, row.headers...); got.Code != row.want {
				t.Errorf("%d, want %d: %s", got.Code, row.want, got.Body)
			}
		})
	}
}

func TestDescription(t *testing.T) {
	s := newSite(t)
	got := s.ask("GET", "/api/v1/openapi.json", "")
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]any
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(got.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || doc.Paths["/things"]["post"] == nil || doc.Components.Schemas["Problem"] == nil || doc.Components.Schemas["ErrorModel"] != nil {
		t.Errorf("%+v", doc)
	}
}

func TestDecode(t *testing.T) {
	var into struct {
		Name  string `json:"name"`
		Inner []struct {
			Kind string `json:"kind"`
		} `json:"inner"`
	}
	err := web.Decode([]byte(`{"Name":"a","inner":[{"kind":"b"},{"Kind":"c"}],"more":{}}`), &into)
	var paths []string
	for _, field := range fault.As(err).Fields {
		paths = append(paths, field.Path)
	}
	if diff := cmp.Diff([]string{"Name", "inner[1].Kind", "more"}, paths); diff != "" {
		t.Error(diff)
	}
	if err := web.Decode([]byte(`{"name":7}`), &into); fault.Code(err) != "input-invalid" {
		t.Error(err)
	}
	if err := web.Decode([]byte(`{"name":"a","inner":[{"kind":"b"}]}`), &into); err != nil || into.Inner[0].Kind != "b" {
		t.Errorf("%v %+v", err, into)
	}
}

// FuzzDecode holds that what passes reads the same way however it is read.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"name":"a"}`, `{"name":"a","name":"b"}`, `{"n\u0061me":"a"}`, `[1,{"a":[]}]`, `"\ud83d\ude00"`, `{"a":{"b":{}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var any1 any
		if web.Decode(body, &any1) != nil {
			return
		}
		if !json.Valid(body) {
			t.Fatalf("passed invalid JSON %q", body)
		}
		var typed struct {
			Name string `json:"name"`
		}
		if web.Decode(body, &typed) == nil && typed.Name != "" {
			if members, _ := any1.(map[string]any); members["name"] != typed.Name {
				t.Fatalf("%q reads as %q and %v", body, typed.Name, members)
			}
		}
	})
}
