package connector

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/connector/definition"
)

// shape reads the plain values that a definition maps into the model. The first
// value of a wrong form is kept as the problem; everything after it is empty.
type shape struct {
	zone *time.Location
	bad  *Problem
}

func (s *shape) fail(path, want string) {
	if s.bad == nil {
		s.bad = &Problem{Kind: Invalid, Message: fmt.Sprintf("the mapped %s is not %s", path, want)}
	}
}

// The longest texts that the model keeps: more is cut, ids are refused.
const (
	longestText = 20_000
	longestID   = 500
	mostLines   = 1000
)

// visible makes foreign text harmless to show: no controls but line ends and
// tabs, nothing that turns the direction of reading (A129).
func visible(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0, r == 0x61c, r == 0x200e || r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= longestText {
		return s
	}
	end := longestText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func (s *shape) text(m map[string]any, key string) string {
	value := m[key]
	if value == nil {
		return ""
	}
	text := definition.Text(value)
	if _, isText := value.(string); text == "" && !isText {
		s.fail(key, "a text")
	}
	return visible(text)
}

// id is a text that is sent back one day: it is never changed.
func (s *shape) id(m map[string]any, key string, needed bool) string {
	text := definition.Text(m[key])
	if text == "" && needed || text == "" && m[key] != nil && m[key] != "" || len(text) > longestID || strings.ContainsFunc(text, definition.Unspeakable) {
		s.fail(key, "an id")
	}
	return text
}

func (s *shape) list(m map[string]any, key string) []any {
	switch v := m[key].(type) {
	case nil:
		return nil
	case []any:
		return v[:min(len(v), mostLines)]
	}
	s.fail(key, "a list")
	return nil
}

func (s *shape) texts(m map[string]any, key string) []string {
	var out []string
	for _, item := range s.list(m, key) {
		if text := s.text(map[string]any{key: item}, key); text != "" {
			out = append(out, text)
		}
	}
	return out
}

func (s *shape) table(value any, path string) map[string]any {
	switch v := value.(type) {
	case nil:
		return nil
	case map[string]any:
		return v
	}
	s.fail(path, "a map")
	return nil
}

func (s *shape) party(m map[string]any, key string) Party {
	p := s.table(m[key], key)
	return Party{NativeID: s.id(p, "nativeId", false), Name: s.text(p, "name"), Email: s.text(p, "email")}
}

func (s *shape) amount(m map[string]any, key string) Amount {
	a := s.table(m[key], key)
	return Amount{Value: s.text(a, "value"), Currency: s.text(a, "currency")}
}

func (s *shape) number(m map[string]any, key string) int {
	if m[key] == nil || m[key] == "" {
		return 0
	}
	n, ok := definition.Whole(m[key])
	if !ok {
		s.fail(key, "a whole number")
	}
	return n
}

func (s *shape) truth(m map[string]any, key string, otherwise bool) bool {
	switch v := m[key].(type) {
	case nil:
		return otherwise
	case bool:
		return v
	}
	s.fail(key, "true or false")
	return false
}

// layouts of times; those without a zone are read in the definition's.
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05.999-0700", "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"}

// time reads a moment. Nothing, and the beginning of 1970, mean that there is
// none (C9).
func (s *shape) time(m map[string]any, key string) time.Time {
	var at time.Time
	switch v := m[key].(type) {
	case nil:
		return at
	case time.Time:
		at = v
	case float64:
		at = time.UnixMilli(int64(v))
	case string:
		if v == "" {
			return at
		}
		ok := false
		for _, layout := range layouts {
			if read, err := time.ParseInLocation(layout, v, s.zone); err == nil && !ok {
				at, ok = read, true
			}
		}
		if !ok {
			s.fail(key, "a time")
		}
	default:
		s.fail(key, "a time")
	}
	if at.Unix() == 0 {
		return time.Time{}
	}
	return at.UTC()
}

// link keeps an address that a browser may be sent to: http or https, whole.
func (s *shape) link(m map[string]any, key string) string {
	text := s.text(m, key)
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return text
}

var (
	ticketStates   = []State{Open, Waiting, Approved, Rejected, Closed, Cancelled}
	approvalStates = []State{Pending, Approved, Rejected, Cancelled}
)

// state gives our word, or Unmapped: a word that we do not know never counts as
// a yes (C17).
func (s *shape) state(m map[string]any, known []State) State {
	state := State(definition.Text(m["state"]))
	if !slices.Contains(known, state) {
		return Unmapped
	}
	return state
}

func (s *shape) ticket(value any) Ticket {
	m := s.table(value, "ticket")
	window := s.table(m["window"], "window")
	t := Ticket{
		ID: s.id(m, "id", true), URL: s.link(m, "url"), Type: s.text(m, "type"), Title: s.text(m, "title"),
		Description: s.text(m, "description"), State: s.state(m, ticketStates), NativeState: s.text(m, "nativeState"),
		Requester: s.party(m, "requester"), Assignee: s.party(m, "assignee"), Assets: s.texts(m, "assets"),
		Priority: s.number(m, "priority"), Window: Window{s.time(window, "start"), s.time(window, "end")},
		DependsOn: s.texts(m, "dependsOn"), CreatedAt: s.time(m, "createdAt"), UpdatedAt: s.time(m, "updatedAt"),
		ETag: s.id(m, "etag", false), Fields: s.free(m["fields"]),
	}
	for _, item := range s.list(m, "approvals") {
		t.Approvals = append(t.Approvals, s.approval(item))
	}
	return t
}

// free are the fields that the model has no name for, for conditions: a map, or
// a list of maps with an id each.
func (s *shape) free(value any) map[string]any {
	list, isList := value.([]any)
	if !isList {
		return s.table(value, "fields")
	}
	out := map[string]any{}
	for _, item := range list {
		m := s.table(item, "fields")
		if name := definition.Text(m["id"]); name != "" {
			out[name] = m["value"]
		}
	}
	return out
}

func (s *shape) approval(value any) Approval {
	m := s.table(value, "approval")
	a := Approval{
		ID: s.id(m, "id", true), TicketID: s.id(m, "ticketId", false), Title: s.text(m, "title"), State: s.state(m, approvalStates),
		Approver: s.party(m, "approver"), Requester: s.party(m, "requester"), Amount: s.amount(m, "amount"), DueAt: s.time(m, "dueAt"),
		Lines: s.texts(m, "lines"), ETag: s.id(m, "etag", false), URL: s.link(m, "url"), CommentRequired: s.need(m),
		Stage: s.text(m, "stage"), DecidedBy: s.party(m, "decidedBy"),
	}
	a.CanDecide = s.truth(m, "canDecide", true) && a.State == Pending
	for _, item := range s.list(m, "fields") {
		f := s.table(item, "fields")
		if field := (Field{s.text(f, "label"), s.text(f, "value")}); field.Value != "" {
			a.Fields = append(a.Fields, field)
		}
	}
	return a
}

func (s *shape) need(m map[string]any) Need {
	switch need := Need(definition.Text(m["commentRequired"])); need {
	case "":
		return Never
	case Never, OnReject, Always:
		return need
	}
	s.fail("commentRequired", "never, onReject or always")
	return Always
}

func (s *shape) item(value any) Item {
	m := s.table(value, "item")
	i := Item{ID: s.id(m, "id", true), Title: s.text(m, "title"), Description: s.text(m, "description"), Category: s.text(m, "category"), Price: s.amount(m, "price")}
	for _, field := range s.list(m, "fields") {
		i.Fields = append(i.Fields, s.input(field))
	}
	return i
}

// formats are the kinds of fields that a form can show.
var formats = []string{"text", "number", "date", "select", "boolean"}

func (s *shape) input(value any) Input {
	m := s.table(value, "field")
	in := Input{ID: s.id(m, "id", true), Label: s.text(m, "label"), Format: s.text(m, "format"), Min: s.number(m, "min"), Max: s.number(m, "max")}
	if !slices.Contains(formats, in.Format) {
		in.Format = "text"
	}
	for _, option := range s.list(m, "options") {
		o := s.table(option, "options")
		in.Options = append(in.Options, Option{Value: s.id(o, "value", false), Label: s.text(o, "label")})
	}
	return in
}
