package ui

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/words"
)

func pressed(yes bool) string { return strconv.FormatBool(yes) }

// Input is one field of a form. Kind is an input type of HTML ("text" if
// empty), "textarea", "datetime-local" or "select".
type Input struct {
	Name, Label, Hint, Value string
	Kind                     string
	Error                    string // in the reader's language
	Options                  []Option
	Required                 bool
	Max                      int    // characters; 0 is no limit
	Rows                     int    // of a textarea; 0 is 4
	Complete                 string // autocomplete token; "" is off
	Half                     bool   // shares its line with the next half one where there is room
}

// ZoneField is the name of the value that says in which zone a time was shown.
func ZoneField(name string) string { return name + ".zone" }

// Again is the trigger of a part that is fetched again when the topic changes.
func Again(topic string) string { return "topic-" + topic + " from:body, topic-all from:body" }

// Option is one choice of a select.
type Option struct{ Value, Text string }

// wrong says whether what was typed was refused.
func (i Input) wrong() bool { return i.Error != "" }

func (i Input) id() string { return "field-" + strings.ReplaceAll(i.Name, ".", "-") }

// describedBy names what a screen reader adds to the label.
func (i Input) describedBy(zoned bool) string {
	var ids []string
	if i.Error != "" {
		ids = append(ids, i.id()+"-error")
	}
	if i.Hint != "" {
		ids = append(ids, i.id()+"-hint")
	}
	if zoned {
		ids = append(ids, i.id()+"-zone")
	}
	return strings.Join(ids, " ")
}

func (i Input) attributes(zoned bool) templ.Attributes {
	a := templ.Attributes{"id": i.id(), "name": i.Name, "autocomplete": "off"}
	if i.Complete != "" {
		a["autocomplete"] = i.Complete
	}
	if by := i.describedBy(zoned); by != "" {
		a["aria-describedby"] = by
	}
	if i.Error != "" {
		a["aria-invalid"] = "true"
	}
	if i.Required {
		a["required"] = true
	}
	if i.Max > 0 {
		a["maxlength"] = strconv.Itoa(i.Max)
	}
	return a
}

func (i Input) kind() string {
	if i.Kind == "" {
		return "text"
	}
	return i.Kind
}

func (i Input) rows() string {
	if i.Rows == 0 {
		return "4"
	}
	return strconv.Itoa(i.Rows)
}

// LocalTime is the value of a datetime-local input for t in zone; "" for the
// zero time.
func LocalTime(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("2006-01-02T15:04")
}

// ParseLocalTime reads the value of a datetime-local input in zone.
func ParseLocalTime(value string, zone *time.Location) (time.Time, error) {
	layout := "2006-01-02T15:04"
	if strings.Count(value, ":") == 2 {
		layout = "2006-01-02T15:04:05"
	}
	return time.ParseInLocation(layout, value, zone)
}

// Button kinds.
const (
	Main   = "main"   // what the page is for, once a page
	Plain  = "plain"  // everything else
	Danger = "danger" // takes something away
)

// Row is one line of a table; Cells stand under the columns of the same place.
type Row struct {
	Href  string // of the first cell, if the row leads somewhere
	Cells []templ.Component
}

// Detail is one pair of a detail list.
type Detail struct {
	Key   string
	Value templ.Component
}

// Decision is how something was decided, for its seal.
type Decision struct {
	Name    string // of the one who decided
	At      time.Time
	Method  string // how the decider was sure to be themself ("passkey")
	Refused bool
}

// Step is one stop of a timeline.
type Step struct {
	Title string
	Text  string
	Note  string    // what became of it elsewhere
	At    time.Time // zero: not yet
	Href  string    // of the evidence
	Seal  *Decision
}

// Activity is one line of the activity strip.
type Activity struct {
	Who, What, Href string
	At              time.Time
}

// who splits a principal into a word for people and the end of its id, which
// tells two of a kind apart.
func who(ctx context.Context, principal string) (text, tail string) {
	p := id.Principal(principal)
	if _, err := id.ParsePrincipal(principal); err != nil {
		return principal, ""
	}
	return Say(ctx, "web.who."+p.Kind(), "rest", p.Rest()), tailOf(p.Rest())
}

// thing does the same for what was acted on ("notice:ID"); rooms say the words
// of their things (target.notice).
func thing(ctx context.Context, target string) (text, tail string) {
	kind, rest, _ := strings.Cut(target, ":")
	if book := Of(ctx).Book; book != nil && book.Has("target."+kind) {
		return Say(ctx, "target."+kind), tailOf(rest)
	}
	return who(ctx, target)
}

// tailOf is the end of an identifier; "" of anything else.
func tailOf(s string) string {
	if !id.Valid(s) {
		return ""
	}
	return "…" + s[id.Len-4:]
}

// Event says what a record is about; an event without words shows as itself.
func Event(ctx context.Context, name string) string {
	if book := Of(ctx).Book; book != nil && book.Has("event."+name) {
		return Say(ctx, "event."+name)
	}
	return name
}

// Date says a day and a minute as the language writes them, in the reader's
// zone.
func Date(ctx context.Context, t time.Time) string {
	frame := Of(ctx)
	if frame.Lang == words.Japanese {
		return t.In(frame.Zone).Format("2006年1月2日 15:04")
	}
	return t.In(frame.Zone).Format("2 Jan 2006, 15:04")
}

// ZoneName is the short name of the reader's zone at t ("JST", "UTC+03").
func ZoneName(ctx context.Context, t time.Time) string {
	name, _ := t.In(Of(ctx).Zone).Zone()
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return "UTC" + name
	}
	return name
}

// Relative says how far t is from now ("3 hours ago").
func Relative(ctx context.Context, t time.Time) string {
	d := t.Sub(Of(ctx).Now)
	key := "web.time.in"
	if d < 0 {
		key, d = "web.time.ago", -d
	}
	switch {
	case d < time.Minute:
		return Say(ctx, "web.time.now")
	case d < time.Hour:
		return span(ctx, key, "minute", int(d/time.Minute))
	case d < 24*time.Hour:
		return span(ctx, key, "hour", int(d/time.Hour))
	}
	return span(ctx, key, "day", int(d/(24*time.Hour)))
}

func span(ctx context.Context, key, unit string, n int) string {
	if n != 1 {
		unit += "s"
	}
	return Say(ctx, key, "span", Say(ctx, "web.time."+unit, "n", n))
}

func sealLabel(ctx context.Context, d Decision) string {
	key := "web.seal.approved"
	if d.Refused {
		key = "web.seal.refused"
	}
	return Say(ctx, key, "name", d.Name, "date", Date(ctx, d.At), "method", d.Method)
}

// sealName is what fits into a round seal: the family name of a Japanese name,
// else initials.
func sealName(name string) []string {
	fields := strings.Fields(strings.ReplaceAll(name, "　", " "))
	if len(fields) == 0 {
		return []string{"印"}
	}
	if first := []rune(fields[0]); first[0] > 0x2E7F {
		first = first[:min(len(first), 3)]
		lines := make([]string, len(first))
		for i, r := range first {
			lines[i] = string(r)
		}
		return lines
	}
	var initials strings.Builder
	for _, field := range fields[:min(len(fields), 2)] {
		initials.WriteString(strings.ToUpper(string([]rune(field)[:1])))
	}
	return []string{initials.String()}
}

// sealY centres the lines above the date.
func sealY(line, lines int) string {
	step := map[int]int{2: 24, 3: 18}[lines]
	return strconv.Itoa(43 + line*step - (lines-1)*step/2)
}

func sealDate(ctx context.Context, t time.Time) string {
	return t.In(Of(ctx).Zone).Format("2006.1.2")
}

// Choice is one box to tick, or one of several to choose.
type Choice struct {
	Value, Text, Hint string
	On                bool
	Fixed             bool // shown, and not to be changed here
}

// Pick is a question with choices as its answers.
type Pick struct {
	Name, Legend, Hint, Error string
	One                       bool // only one of them
	Choices                   []Choice
}

func (p Pick) kind() string {
	if p.One {
		return "radio"
	}
	return "checkbox"
}

func (p Pick) id() string { return "field-" + strings.ReplaceAll(p.Name, ".", "-") }

// Input is the question as Mistakes lists it.
func (p Pick) Input() Input { return Input{Name: p.Name, Label: p.Legend, Error: p.Error} }

func (p Pick) described() templ.Attributes {
	var ids []string
	if p.Error != "" {
		ids = append(ids, p.id()+"-error")
	}
	if p.Hint != "" {
		ids = append(ids, p.id()+"-hint")
	}
	if len(ids) == 0 {
		return nil
	}
	return templ.Attributes{"aria-describedby": strings.Join(ids, " ")}
}

func (p Pick) invalid() templ.Attributes {
	if p.Error == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true"}
}
