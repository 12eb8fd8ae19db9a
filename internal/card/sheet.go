package card

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
)

// Sheet is everything that a card shows of a question. What is not here is not
// shown, and a change of anything here makes an earlier digest void.
type Sheet struct {
	Title     string             `json:"title"`
	Number    string             `json:"number,omitempty"` // of the request, as its source writes it
	Text      string             `json:"text,omitempty"`
	Requester connector.Party    `json:"requester,omitzero"`
	Approver  connector.Party    `json:"approver,omitzero"` // who is asked, as the source knows them
	Amount    connector.Amount   `json:"amount,omitzero"`
	Due       time.Time          `json:"due,omitzero"`
	Lines     []string           `json:"lines,omitempty"`
	Fields    []connector.Field  `json:"fields,omitempty"`
	Leading   int                `json:"-"` // so many of the fields stand above the text
	Stage     string             `json:"stage,omitempty"`
	URL       string             `json:"url,omitempty"` // of the source's own page: https, or empty
	Comment   connector.Need     `json:"comment,omitempty"`
	Actions   []connector.Action `json:"actions,omitempty"`  // none: approve and reject
	Decidable bool               `json:"decidable"`          // the source lets this person decide
	Cut       bool               `json:"cut,omitempty"`      // it was longer than a card can show
	Priority  string             `json:"priority,omitempty"` // high or urgent, of a card of an app; "" otherwise
	Single    bool               `json:"single,omitempty"`   // of a card of an app: one decision is enough for all
}

// Bounds of what a card shows, in characters and in entries.
const (
	mostLine   = 300
	mostText   = 4000
	mostLines  = 60
	mostFields = 40
	mostInputs = 12
)

// sheetOf is the sheet of an approval of an outside system.
func sheetOf(a connector.Approval) Sheet {
	var w washer
	s := Sheet{
		Title: w.line(a.Title), Number: w.line(a.TicketID), Requester: w.party(a.Requester), Approver: w.party(a.Approver),
		Amount: connector.Amount{Value: w.line(a.Amount.Value), Currency: w.line(a.Amount.Currency)},
		Due:    a.DueAt.UTC().Truncate(time.Microsecond), Stage: w.line(a.Stage), URL: link(a.URL), Comment: a.CommentRequired, Decidable: a.CanDecide,
	}
	if a.DueAt.IsZero() {
		s.Due = time.Time{}
	}
	if s.Title == "" {
		s.Title = s.Number
	}
	for _, l := range first(&w, a.Lines, mostLines) {
		s.Lines = append(s.Lines, w.line(l))
	}
	for _, f := range first(&w, a.Fields, mostFields) {
		s.Fields = append(s.Fields, connector.Field{Label: w.line(f.Label), Value: w.text(f.Value)})
	}
	if s.Actions = w.actions(a.Actions); len(s.Actions) == 0 && len(a.Actions) > 0 {
		s.Decidable = false // approve and reject are not what its source offers
	}
	s.Cut = w.cut
	return s
}

// washed makes a sheet of our own as inert as one of others: people wrote it.
func (s Sheet) washed() Sheet {
	var w washer
	s.Title, s.Text, s.Requester = w.line(s.Title), w.text(s.Text), w.party(s.Requester)
	lines, fields := first(&w, s.Lines, mostLines), first(&w, s.Fields, mostFields)
	s.Lines, s.Fields = nil, nil
	for _, l := range lines {
		s.Lines = append(s.Lines, w.text(l))
	}
	for _, f := range fields {
		s.Fields = append(s.Fields, connector.Field{Label: w.line(f.Label), Value: w.text(f.Value)})
	}
	s.Cut = s.Cut || w.cut
	return s
}

// Digest binds a decision to what was shown to one person on one card.
func (s Sheet) Digest(card id.Card) string {
	text, _ := json.Marshal(s) // of strings and times
	sum := sha256.New()
	fmt.Fprintf(sum, "sekisho card 1\x00%s\x00%d\x00", card, len(text))
	sum.Write(text)
	return hex.EncodeToString(sum.Sum(nil))
}

// material is what somebody is told of again when it changes.
func (s Sheet) material() string {
	text, _ := json.Marshal(Sheet{Title: s.Title, Requester: s.Requester, Amount: s.Amount, Lines: s.Lines, Text: s.Text})
	return string(text)
}

// action finds an action by its identifier.
func (s Sheet) action(which string) (connector.Action, bool) {
	for _, a := range s.Actions {
		if a.ID == which {
			return a, true
		}
	}
	return connector.Action{}, false
}

// requesterLine is the requester as lists show them.
func (s Sheet) requesterLine() string {
	switch {
	case s.Requester.Name != "":
		return s.Requester.Name
	case s.Requester.Email != "":
		return s.Requester.Email
	}
	return s.Requester.NativeID
}

// washer makes foreign text fit to be shown, and notes whether any was cut.
type washer struct{ cut bool }

func (w *washer) line(text string) string { return w.wash(text, mostLine, false) }
func (w *washer) text(text string) string { return w.wash(text, mostText, true) }

func (w *washer) party(p connector.Party) connector.Party {
	return connector.Party{NativeID: w.line(p.NativeID), Name: w.line(p.Name), Email: w.line(p.Email)}
}

// wash drops controls, spells out marks that turn or hide text (A128), and cuts.
func (w *washer) wash(text string, most int, breaks bool) string {
	var b strings.Builder
	n := 0
	for _, c := range strings.ToValidUTF8(text, "\uFFFD") {
		if n >= most {
			w.cut = true
			b.WriteRune('…')
			break
		}
		switch {
		case c == '\n' && breaks:
			b.WriteRune(c)
		case c == '\t' || c == '\n' || c == '\r' || c == '\u2028' || c == '\u2029':
			b.WriteRune(' ')
		case unicode.Is(unicode.Cc, c):
			continue
		case hides(c):
			fmt.Fprintf(&b, "[U+%04X]", c)
			n += 7
		default:
			b.WriteRune(c)
		}
		n++
	}
	return strings.TrimSpace(b.String())
}

// hides reports whether a character changes how others look and has no look of
// its own. Joiners stay where a script needs them beside letters; here names and
// numbers count more.
func hides(c rune) bool {
	return unicode.Is(unicode.Cf, c) || c == '\u3164' || c == '\u115F' || c == '\u1160' || c == '\uFFA0' || unicode.Is(unicode.Co, c)
}

// link keeps an address that a page may lead to: anything but https is dropped.
func link(text string) string {
	if len(text) > 2000 || !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") || !utf8.ValidString(text) {
		return ""
	}
	for _, c := range text {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' {
			return ""
		}
	}
	return text
}

func first[T any](w *washer, all []T, most int) []T {
	if len(all) > most {
		w.cut = true
		return all[:most]
	}
	return all
}

// actions are those that can be shown as they are called: identifiers and values
// go back to the source, so they are taken as they are or not at all.
func (w *washer) actions(all []connector.Action) (clean []connector.Action) {
	for _, a := range first(w, all, mostInputs) {
		a.Label, a.Completed, a.URL = w.line(a.Label), w.line(a.Completed), link(a.URL)
		inputs := a.Inputs
		a.Inputs = nil
		whole := shown(a.ID)
		for _, in := range inputs {
			whole = whole && len(inputs) <= mostInputs && shown(in.ID) && len(in.Options) <= mostLines
			in.Label = w.line(in.Label)
			options := in.Options
			in.Options = nil
			for _, o := range options {
				whole = whole && (o.Value == "" || shown(o.Value))
				in.Options = append(in.Options, connector.Option{Value: o.Value, Label: w.line(o.Label)})
			}
			a.Inputs = append(a.Inputs, in)
		}
		if !whole || a.Kind == connector.Visit && a.URL == "" {
			w.cut = true
			continue
		}
		clean = append(clean, a)
	}
	return clean
}

// shown reports whether a text looks like what it is.
func shown(text string) bool {
	return text != "" && len(text) <= mostLine && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(c rune) bool { return unicode.Is(unicode.Cc, c) || hides(c) })
}
