package chain_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/id"
)

// bell is the secret by which all three systems ring.
const bell = "three short rings and a long one"

// outside is a system with its own books, which the rig counts in.
type outside interface {
	http.Handler
	Stage() *fake.Stage
	// open makes a ticket of somebody, to be told about.
	open(login string, n int) string
	// put makes a question to the one above somebody; it returns its number.
	put(login string, n int) string
	// told are the comments on a ticket.
	told(record string) []string
	// answers are the decisions that landed, by the number of the question.
	answers() map[string]int
	// state is how a question was decided.
	state(number string) string
	// ring is a call of the doorbell about a question.
	ring(number string) fake.Ring
	mischief(change func(*fake.Mischief))
}

// landed counts the writes that took effect, by what find calls them.
func landed(all []fake.Write, find func(fake.Write) string) map[string]int {
	counts := map[string]int{}
	for _, w := range all {
		if key := find(w); key != "" && !w.Landed.IsZero() {
			counts[key]++
		}
	}
	return counts
}

func bearer(body string) fake.Ring {
	return fake.Ring{Header: http.Header{"Authorization": {"Bearer " + bell}}, Body: []byte(body)}
}

// ---- ServiceNow: the state of an approver's row is the natural key

type now struct {
	*servicenow.System
	item string
}

func (s now) open(login string, n int) string {
	return s.Open("incident", login, servicenow.Row{"short_description": fmt.Sprint("folder of chain ", n)}).Number
}

func (s now) put(login string, _ int) string {
	q, err := s.Order(login, s.item, 1)
	if err != nil {
		panic(err)
	}
	return q.Number
}

func (s now) told(record string) (all []string) {
	for _, c := range s.Comments(record) {
		all = append(all, c.Text)
	}
	return all
}

func (s now) answers() map[string]int {
	numbers := map[string]string{}
	for _, q := range s.Requests() {
		for _, a := range q.Approvals {
			numbers[a.ID] = q.Number
		}
	}
	return landed(s.Stage().Writes(), func(w fake.Write) string { return numbers[w.Object] })
}

func (s now) state(number string) string {
	q, err := s.Request(number)
	if err != nil || len(q.Approvals) != 1 {
		return fmt.Sprint(err, q.Approvals)
	}
	return q.Approvals[0].State
}

func (now) ring(string) fake.Ring { return bearer(`{"sys_id":"0"}`) }

func (s now) mischief(change func(*fake.Mischief)) {
	s.Set(func(all *servicenow.Switches) { change(&all.Mischief) })
}

// ---- Jira: a property of each comment, which nobody sees

type service struct{ *jira.System }

func (s service) raise(kind, login string, n int) string {
	q, err := s.Raise("kaede", kind, login, map[string]any{"summary": fmt.Sprint("chain ", n), "customfield_10050": "db01"})
	if err != nil {
		panic(err)
	}
	return q.Key
}

func (s service) open(login string, n int) string { return s.raise("Report a problem", login, n) }

func (s service) put(login string, n int) string { return s.raise("Access to a server", login, n) }

func (s service) told(record string) (all []string) {
	for _, c := range s.Comments(record) {
		all = append(all, c.Text)
	}
	return all
}

// unmarked are comments of the house that carry no property, or a mark in their
// text.
func (s service) unmarked(record string, ours func(text string) bool) (all []string) {
	for _, c := range s.Comments(record) {
		mark, _ := c.Properties["sekisho"].(map[string]any)
		effect, _ := mark["effect"].(string)
		if ours(c.Text) && (!id.Valid(effect) || strings.Contains(c.Text, effect)) {
			all = append(all, c.Text)
		}
	}
	return all
}

func (s service) answers() map[string]int {
	return landed(s.Stage().Writes(), func(w fake.Write) string {
		key, _, is := strings.Cut(w.Object, ":")
		if !is || !strings.Contains(w.Path, "/approval/") {
			return ""
		}
		return key
	})
}

func (s service) state(number string) string {
	q, err := s.Request(number)
	if err != nil || len(q.Approvals) != 1 {
		return fmt.Sprint(err, q.Approvals)
	}
	return map[string]string{"approved": "approved", "declined": "rejected"}[q.Approvals[0].Final]
}

func (service) ring(number string) fake.Ring {
	body := []byte(`{"issue":{"key":"` + number + `"}}`)
	mac := hmac.New(sha256.New, []byte(bell))
	mac.Write(body)
	return fake.Ring{Header: http.Header{"X-Hub-Signature": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}, Body: body}
}

func (s service) mischief(change func(*fake.Mischief)) {
	s.Set(func(all *jira.Switches) { change(&all.Mischief) })
}

// ---- Desk: neither (desk.yaml)

type permit struct {
	No     string `json:"no"`
	What   string `json:"what"`
	By     string `json:"by"`
	Clerk  string `json:"clerk"`
	Answer string `json:"answer"`
}

type desk struct {
	http.Handler
	stage    *fake.Stage
	wrong    fake.Mischief
	above    map[string]string // whose clerk is who
	mu       sync.Mutex
	permits  map[string]*permit
	waiting  map[string][]*permit // by clerk
	notes    map[string][]string  // by folder
	answered map[string]int
}

func newDesk(people []fake.Person) *desk {
	d := &desk{above: map[string]string{}, permits: map[string]*permit{}, waiting: map[string][]*permit{}, notes: map[string][]string{}, answered: map[string]int{}}
	d.stage = fake.NewStage(nil, &d.wrong)
	for _, p := range people {
		d.above[p.Login] = p.Manager
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /me", d.signed(func(_ *http.Request, who string) any { return map[string]string{"login": who} }))
	mux.HandleFunc("GET /folders/{no}", d.signed(func(r *http.Request, _ string) any { return map[string]string{"no": r.PathValue("no")} }))
	mux.HandleFunc("GET /permits", d.signed(func(_ *http.Request, who string) any { return map[string]any{"permits": d.pending(who)} }))
	mux.HandleFunc("GET /permits/{no}", d.signed(func(r *http.Request, _ string) any { return d.permit(r.PathValue("no")) }))
	mux.HandleFunc("POST /folders/{no}/notes", d.write(func(no string, body map[string]string) { d.notes[no] = append(d.notes[no], body["text"]) }))
	mux.HandleFunc("POST /permits/{no}/answers", d.write(func(no string, body map[string]string) {
		d.answered[no]++
		d.permits[no].Answer = body["answer"]
	}))
	d.Handler = d.stage.Front(fake.Refusals{}, mux)
	return d
}

// pending are the permits that wait for a clerk.
func (d *desk) pending(who string) []permit {
	d.mu.Lock()
	defer d.mu.Unlock()
	all, still := []permit{}, []*permit{}
	for _, p := range d.waiting[who] {
		if p.Answer == "" {
			all, still = append(all, *p), append(still, p)
		}
	}
	d.waiting[who] = still
	return all
}

func (d *desk) permit(no string) permit {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.permits[no]; p != nil {
		return *p
	}
	return permit{}
}

// signed lets a key name its owner.
func (d *desk) signed(answer func(r *http.Request, who string) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, is := strings.CutPrefix(r.Header.Get("X-Desk-Key"), "key of ")
		if !is {
			fake.Answer{Status: http.StatusUnauthorized}.Write(w)
			return
		}
		fake.Answer{Body: answer(r, who)}.Write(w)
	}
}

func (d *desk) write(land func(no string, body map[string]string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			fake.Answer{Status: http.StatusBadRequest}.Write(w)
			return
		}
		no := r.PathValue("no")
		d.stage.Written(w, r, fake.Write{Object: no}, func() func() { return func() {} }, func(*fake.Write) fake.Answer {
			d.mu.Lock()
			defer d.mu.Unlock()
			land(no, body)
			return fake.Answer{Status: http.StatusCreated}
		})
	}
}

func (d *desk) Stage() *fake.Stage { return d.stage }

func (d *desk) open(_ string, n int) string { return fmt.Sprint("F-", n) }

func (d *desk) put(login string, n int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &permit{No: fmt.Sprint("P-", n), What: fmt.Sprint("Permit of chain ", n), By: login, Clerk: d.above[login]}
	d.permits[p.No] = p
	d.waiting[p.Clerk] = append(d.waiting[p.Clerk], p)
	return p.No
}

func (d *desk) told(record string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string{}, d.notes[record]...)
}

func (d *desk) answers() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]int{}
	for no, n := range d.answered {
		all[no] = n
	}
	return all
}

func (d *desk) state(number string) string {
	return map[string]string{"yes": "approved", "no": "rejected"}[d.permit(number).Answer]
}

func (*desk) ring(number string) fake.Ring { return bearer(`{"no":"` + number + `"}`) }

func (d *desk) mischief(change func(*fake.Mischief)) { d.stage.Do(func() { change(&d.wrong) }) }

// names of the systems, in the order of the chains.
var names = []string{"servicenow", "jira", "desk"}

// openOutside starts the three, which outlive every node. It returns them with
// their addresses.
func openOutside(t *testing.T, people []fake.Person) (all map[string]outside, at map[string]string) {
	t.Helper()
	sn, err := servicenow.New(servicenow.Options{People: people})
	if err != nil {
		t.Fatal(err)
	}
	items, err := servicenow.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	cloud, err := jira.New(jira.Options{People: people})
	if err != nil {
		t.Fatal(err)
	}
	all, at = map[string]outside{"servicenow": now{sn, items[0].Name}, "jira": service{cloud}, "desk": newDesk(people)}, map[string]string{}
	for name, one := range all {
		l, err := fake.Listen("", one)
		if err != nil {
			t.Fatal(err)
		}
		at[name] = l.URL
		t.Cleanup(func() { _ = l.Close(); one.Stage().Close() })
	}
	return all, at
}
