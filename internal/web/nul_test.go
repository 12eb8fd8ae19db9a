package web_test

import "testing"

// TestNoNULReachesARoom: SQLite keeps a NUL in a text, PostgreSQL refuses the
// statement, and many a reader stops there.
func TestNoNULReachesARoom(t *testing.T) {
	s := newSite(t)
	for name, row := range map[string]struct {
		method, path, body, code string
		headers                  []string
	}{
		"query":          {"GET", "/things/x?a=b%00c", "", "query-malformed", signedIn()},
		"query name":     {"GET", "/things/x?%00=b", "", "query-malformed", signedIn()},
		"not UTF-8":      {"GET", "/api/v1/broken?a=%ff", "", "query-malformed", asJSON()},
		"half an escape": {"GET", "/api/v1/broken?a=%f", "", "query-malformed", asJSON()},
		"JSON":           {"POST", "/api/v1/things", `{"title":"ab\u0000c"}`, "text-not-utf8", asJSON()},
		"JSON name":      {"POST", "/api/v1/things", `{"title":"abc","words":{"\u0000":"x"}}`, "text-not-utf8", asJSON()},
		"JSON byte":      {"POST", "/api/v1/things", "{\"title\":\"ab\x00c\"}", "json-malformed", asJSON()},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.ask(row.method, row.path, row.body, row.headers...)
			if answer.Code != 400 {
				t.Fatalf("answered %d", answer.Code)
			}
			if row.path[:5] == "/api/" {
				if p := readProblem(t, answer.Body.Bytes()); p.Code != row.code {
					t.Errorf("said %s", p.Code)
				}
			}
		})
	}
	if answer := s.ask("POST", "/things", "back=%00", form(signedIn()...)...); answer.Code != 400 {
		t.Errorf("a form with NUL: %d", answer.Code)
	}
	if answer := s.ask("POST", "/api/v1/things", `{"title":"a\\u0000"}`, asJSON()...); answer.Code != 200 {
		t.Errorf("an escaped backslash is no NUL: %d %s", answer.Code, answer.Body)
	}
}
