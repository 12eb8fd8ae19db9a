package sender

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

// Content is what a card shows, for everybody whom it reaches the same but for
// the language.
type Content struct {
	Title     string    `json:"title" yaml:"title,required"`
	Text      string    `json:"text,omitempty" yaml:"text,omitempty"`
	Number    string    `json:"number,omitempty" yaml:"-"`
	Requester string    `json:"requester,omitempty" yaml:"-"` // as they are shown
	Link      string    `json:"link,omitempty" yaml:"-"`
	Fields    []Field   `json:"fields,omitempty" yaml:"fields,omitempty"`
	Comment   string    `json:"comment,omitempty" yaml:"approval,omitempty"` // approve and reject, with a reason never, onReject or always; "" is no approval
	Actions   []Action  `json:"actions,omitempty" yaml:"actions,omitempty"`
	Priority  string    `json:"priority" yaml:"priority,omitempty"`
	Due       time.Time `json:"due,omitzero" yaml:"-"`
	Single    bool      `json:"single,omitempty" yaml:"single,omitempty"` // one decision is enough for all

	Languages map[string]Texts `json:"languages,omitempty" yaml:"languages,omitempty"` // for who reads another one than its own
}

// Field is one line of a card.
type Field struct {
	Label string `json:"label" yaml:"label,required" doc:"At most 60 characters"`
	Value string `json:"value" yaml:"value,required" doc:"Plain text, at most 300 characters"`
}

// Action is a button. With inputs it asks before it is pressed.
type Action struct {
	ID        string  `json:"id" yaml:"id,required" doc:"What the callback says; lower-case letters, digits, hyphens"`
	Label     string  `json:"label" yaml:"label,required" doc:"On the button, at most 40 characters"`
	Completed string  `json:"completed,omitempty" yaml:"completed,omitempty" doc:"On the button once it was pressed"`
	Primary   bool    `json:"primary,omitempty" yaml:"primary,omitempty" doc:"The one that most people press"`
	Inputs    []Input `json:"inputs,omitempty" yaml:"inputs,omitempty" doc:"What it asks for; none: it is pressed at once"`
}

// Input is one thing that an action asks for.
type Input struct {
	ID       string   `json:"id" yaml:"id,required" doc:"Its name in the callback"`
	Label    string   `json:"label" yaml:"label,required" doc:"At most 60 characters"`
	Format   string   `json:"format,omitempty" yaml:"format,omitempty" enum:"text,number,date,boolean" doc:"text if it is left out"`
	Required bool     `json:"required,omitempty" yaml:"required,omitempty" doc:"The action cannot be pressed without it"`
	Most     int      `json:"max,omitempty" yaml:"max,omitempty" doc:"Characters, at most 1,000; 200 if it is left out"`
	Options  []Option `json:"options,omitempty" yaml:"options,omitempty" doc:"One of them is chosen"`
}

// Option is a choice of an input.
type Option struct {
	Value string `json:"value" yaml:"value,required" doc:"In the callback"`
	Label string `json:"label" yaml:"label,required" doc:"As people read it"`
}

// Bounds of what a card shows, in characters and as counts.
const (
	titleMost   = 150
	textMost    = 2000
	numberMost  = 64
	fieldsMost  = 20
	labelMost   = 60
	valueMost   = 300
	ActionsMost = 3
	buttonMost  = 40
	inputsMost  = 6
	inputMost   = 1000
	inputUsual  = 200
	optionsMost = 20
	linkMost    = 1000
)

// The priorities.
const (
	Normal = "normal"
	High   = "high"
	Urgent = "urgent"
)

var wordForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// check adds all that is wrong with the content of a card of s. path stands
// before the names of fields.
func (c *Content) check(bad *fault.Checks, path string, s *Sender) {
	at := func(name string) string { return path + name }
	if plain(bad, at("title"), c.Title, titleMost) && strings.TrimSpace(c.Title) == "" {
		bad.Add(at("title"), "field-required")
	}
	wording(bad, at("text"), c.Text, textMost, true)
	plain(bad, at("number"), c.Number, numberMost)
	if c.Priority == "" {
		c.Priority = Normal
	}
	choice(bad, at("priority"), c.Priority, Normal, High, Urgent)
	if len(c.Fields) > fieldsMost {
		bad.Add(at("fields"), "sender-list-long", "limit", fieldsMost)
		return
	}
	for _, f := range c.Fields {
		plain(bad, at("fields"), f.Label, labelMost)
		wording(bad, at("fields"), f.Value, valueMost, true)
	}
	c.checkLink(bad, at("link"), s)
	c.checkDecision(bad, at, s)
	c.checkLanguages(bad, at)
}

// checkLink keeps links to where the sender itself is: people trust a card.
func (c *Content) checkLink(bad *fault.Checks, path string, s *Sender) {
	if c.Link == "" {
		return
	}
	to, err := url.Parse(c.Link)
	home, _ := url.Parse(s.Callback)
	if err != nil || len(c.Link) > linkMost || checkCallback(c.Link) != nil || home == nil || to.Host != home.Host || to.Scheme != home.Scheme {
		bad.Add(path, "sender-link-elsewhere")
	}
}

func (c *Content) checkDecision(bad *fault.Checks, at func(string) string, s *Sender) {
	switch {
	case c.Comment != "" && len(c.Actions) > 0:
		bad.Add(at("actions"), "sender-both")
	case len(c.Actions) > ActionsMost:
		bad.Add(at("actions"), "sender-actions-long", "limit", ActionsMost)
		return
	case (c.Comment != "" || len(c.Actions) > 0) && s.Callback == "":
		bad.Add(at("actions"), "sender-no-callback")
	}
	if c.Comment != "" {
		choice(bad, at("approval"), c.Comment, "never", "onReject", "always")
	}
	var seen []string
	for i := range c.Actions {
		a := &c.Actions[i]
		if !wordForm.MatchString(a.ID) || slices.Contains(seen, a.ID) || a.ID == seenAction {
			bad.Add(at("actions"), "sender-action-id")
		}
		seen = append(seen, a.ID)
		if plain(bad, at("actions"), a.Label, buttonMost) && strings.TrimSpace(a.Label) == "" {
			bad.Add(at("actions"), "field-required")
		}
		plain(bad, at("actions"), a.Completed, buttonMost)
		a.checkInputs(bad, at("actions"))
	}
}

// seenAction is how a card is put aside that asks for nothing.
const seenAction = "seen"

func (a *Action) checkInputs(bad *fault.Checks, path string) {
	if len(a.Inputs) > inputsMost {
		bad.Add(path, "sender-list-long", "limit", inputsMost)
		return
	}
	var seen []string
	for i := range a.Inputs {
		in := &a.Inputs[i]
		if !wordForm.MatchString(in.ID) || slices.Contains(seen, in.ID) {
			bad.Add(path, "sender-action-id")
		}
		seen = append(seen, in.ID)
		if in.Format == "" {
			in.Format = "text"
		}
		if in.Most == 0 {
			in.Most = inputUsual
		}
		if in.Most < 1 || in.Most > inputMost {
			bad.Add(path, "field-too-long", "limit", inputMost)
		}
		plain(bad, path, in.Label, labelMost)
		choice(bad, path, in.Format, "text", "number", "date", "boolean")
		if len(in.Options) > optionsMost {
			bad.Add(path, "sender-list-long", "limit", optionsMost)
			continue
		}
		for _, o := range in.Options {
			plain(bad, path, o.Label, labelMost)
			if plain(bad, path, o.Value, labelMost) && o.Value == "" {
				bad.Add(path, "field-required")
			}
		}
	}
}

// digest is the SHA-256 of the content, by which a program finds out whether a
// decision is about what it has sent.
func (c Content) digest() string {
	text, _ := json.Marshal(c) // of strings and times
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
