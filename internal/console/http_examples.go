package console

import "github.com/sekisho/sekisho/internal/web"

const exampleDocuments = `[{"file": "night.yaml", "root": {"kind": "map", "line": 1, "fields": [
  {"name": "kind", "line": 1, "value": {"kind": "string", "line": 1, "text": "Notice"}},
  {"name": "name", "line": 2, "value": {"kind": "string", "line": 2, "text": "works"}},
  {"name": "spec", "line": 3, "value": {"kind": "map", "line": 4, "fields": [
    {"name": "title", "line": 4, "value": {"kind": "map", "line": 4, "fields": [
      {"name": "en", "line": 4, "value": {"kind": "string", "line": 4, "text": "Works tonight"}},
      {"name": "ja", "line": 4, "value": {"kind": "string", "line": 4, "text": "今夜の工事"}}]}},
    {"name": "text", "line": 5, "value": {"kind": "map", "line": 5, "fields": [
      {"name": "en", "line": 5, "value": {"kind": "string", "line": 5, "text": "Closed from ten."}},
      {"name": "ja", "line": 5, "value": {"kind": "string", "line": 5, "text": "22時から停止します。"}}]}},
    {"name": "from", "line": 6, "value": {"kind": "string", "line": 6, "text": "2026-12-01T13:00:00Z"}},
    {"name": "until", "line": 7, "value": {"kind": "string", "line": 7, "text": "2026-12-01T15:00:00Z"}}]}}]}}]`

// examples show the operations that take more than their path.
var examples = map[string][]web.Example{
	"search-records": {
		{Title: "Who signed in, of the last months", Query: map[string]string{"name": "signin", "from": "2026-04-01T00:00:00Z", "limit": "20"}},
		{Title: "A time that is none", Query: map[string]string{"from": "yesterday"}, Status: 400, Code: "input-invalid"},
	},
	"archive-records": {{Title: "Records older than ten years", Body: `{"days": 3650}`}},
	"erase-field":     {{Body: `{"field": "login"}`}},
	"unseal":          {{Body: `{"passphrase": "the words of the unseal key"}`}},
	"list-effects":    {{Title: "What an operator must look at", Query: map[string]string{"state": "parked", "limit": "20"}}},
	"skip-effect":     {{Body: `{"reason": "The target was taken out of service"}`}},
	"plan":            {{Body: `{"documents": ` + exampleDocuments + `}`}},
	"apply":           {{Body: `{"documents": ` + exampleDocuments + `}`}},
}
