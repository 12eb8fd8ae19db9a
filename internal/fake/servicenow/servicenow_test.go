package servicenow_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
)

// desk is an instance with a clock that stands, and who speaks to it over HTTP.
type desk struct {
	*servicenow.System
	t      *testing.T
	clock  *clock.Moved
	url    string
	client servicenow.Client
	tokens map[string]string
}

func open(t *testing.T, settings ...string) *desk {
	t.Helper()
	moved := clock.NewMoved(time.Date(2026, 4, 1, 0, 30, 0, 0, time.UTC))
	system, err := servicenow.New(servicenow.Options{Clock: moved})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(system)
	t.Cleanup(func() {
		system.Close()
		server.CloseClientConnections()
		server.Close()
	})
	d := &desk{System: system, t: t, clock: moved, url: server.URL, tokens: map[string]string{}}
	d.client = d.AddClient("Sekisho", "http://localhost:8080/connect/x/callback")
	for _, one := range settings {
		if err := d.Turn(one); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
	err    error
}

// result is the list of an answer.
func (a answer) result() (rows []map[string]any) {
	list, _ := a.body["result"].([]any)
	for _, one := range list {
		rows = append(rows, one.(map[string]any))
	}
	return rows
}

// one is the single record of an answer.
func (a answer) one() map[string]any {
	record, _ := a.body["result"].(map[string]any)
	return record
}

// at is the text at the end of a path of keys.
func at(v any, keys ...string) string {
	for _, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[key]
	}
	text, _ := v.(string)
	return text
}

func (d *desk) send(r *http.Request) answer {
	d.t.Helper()
	// With connections of before, net/http asks once more when one was reset.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	back, err := client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	return read(back)
}

func read(back *http.Response) answer {
	defer back.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(back.Body)
	a := answer{status: back.StatusCode, header: back.Header, text: string(text), err: err}
	_ = json.Unmarshal(text, &a.body) // not every answer is JSON
	return a
}

// call calls the API as somebody, by a token of theirs; "" is nobody.
func (d *desk) call(who, method, path, body string) answer {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if who != "" {
		if d.tokens[who] == "" {
			access, _ := d.Grant(who, d.client.ID)
			d.tokens[who] = access.Reveal()
		}
		r.Header.Set("Authorization", "Bearer "+d.tokens[who])
	}
	return d.send(r)
}

// list asks for the records of a table that meet a query.
func (d *desk) list(who, table, query string, more ...string) answer {
	values := url.Values{"sysparm_query": {query}}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return d.call(who, http.MethodGet, "/api/now/table/"+table+"?"+values.Encode(), "")
}

// ask orders something for aoi and returns the request.
func (d *desk) ask() servicenow.Request {
	d.t.Helper()
	q, err := d.Order("aoi", "Macbook Pro", 1)
	if err != nil {
		d.t.Fatal(err)
	}
	return q
}

func (d *desk) now(number string) servicenow.Request {
	d.t.Helper()
	q, err := d.Request(number)
	if err != nil {
		d.t.Fatal(err)
	}
	return q
}

// decide is the call of a connector.
func (d *desk) decide(who, row, state, comments string) answer {
	body, err := json.Marshal(map[string]string{"state": state, "comments": comments})
	if err != nil {
		d.t.Fatal(err)
	}
	return d.call(who, http.MethodPatch, "/api/now/table/sysapproval_approver/"+row+"?sysparm_fields=sys_id,state,comments", string(body))
}

func (d *desk) turn(setting string) {
	d.t.Helper()
	if err := d.Turn(setting); err != nil {
		d.t.Fatal(err)
	}
}
