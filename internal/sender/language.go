package sender

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Texts are those of a card in another language than its own. What is left out
// is read as the card has it.
type Texts struct {
	Title   string        `json:"title,omitempty" yaml:"title,omitempty" doc:"Plain text, at most 150 characters"`
	Text    string        `json:"text,omitempty" yaml:"text,omitempty" doc:"Plain text, at most 2,000 characters"`
	Fields  []Field       `json:"fields,omitempty" yaml:"fields,omitempty" doc:"All of them in their order, or none"`
	Actions []ActionTexts `json:"actions,omitempty" yaml:"actions,omitempty" doc:"What is on the buttons, by their ids"`
}

// ActionTexts are those of an action.
type ActionTexts struct {
	ID        string       `json:"id" yaml:"id,required" doc:"Of the action"`
	Label     string       `json:"label,omitempty" yaml:"label,omitempty" doc:"On the button, at most 40 characters"`
	Completed string       `json:"completed,omitempty" yaml:"completed,omitempty" doc:"On the button once it was pressed"`
	Inputs    []InputTexts `json:"inputs,omitempty" yaml:"inputs,omitempty" doc:"What it asks for, by their ids"`
}

// InputTexts are those of an input.
type InputTexts struct {
	ID      string   `json:"id" yaml:"id,required" doc:"Of the input"`
	Label   string   `json:"label,omitempty" yaml:"label,omitempty" doc:"At most 60 characters"`
	Options []Option `json:"options,omitempty" yaml:"options,omitempty" doc:"Labels of choices, by their values"`
}

// in is a card as somebody reads it who reads a language.
func (c Content) in(lang words.Lang) Content {
	t, there := c.Languages[string(lang)]
	c.Languages = nil
	if !there {
		return c
	}
	c.Title, c.Text = cmp.Or(t.Title, c.Title), cmp.Or(t.Text, c.Text)
	if len(t.Fields) > 0 {
		c.Fields = t.Fields
	}
	c.Actions = slices.Clone(c.Actions)
	for i := range c.Actions {
		for _, one := range t.Actions {
			if one.ID == c.Actions[i].ID {
				c.Actions[i] = c.Actions[i].in(one)
			}
		}
	}
	return c
}

func (a Action) in(t ActionTexts) Action {
	a.Label, a.Completed = cmp.Or(t.Label, a.Label), cmp.Or(t.Completed, a.Completed)
	a.Inputs = slices.Clone(a.Inputs)
	for i := range a.Inputs {
		for _, one := range t.Inputs {
			if one.ID != a.Inputs[i].ID {
				continue
			}
			a.Inputs[i].Label = cmp.Or(one.Label, a.Inputs[i].Label)
			a.Inputs[i].Options = slices.Clone(a.Inputs[i].Options)
			for j := range a.Inputs[i].Options {
				a.Inputs[i].Options[j].Label = labelOf(one.Options, a.Inputs[i].Options[j])
			}
		}
	}
	return a
}

func labelOf(all []Option, o Option) string {
	for _, one := range all {
		if one.Value == o.Value && one.Label != "" {
			return one.Label
		}
	}
	return o.Label
}

// checkLanguages holds texts in other languages to what the card's own are held
// to, and to the card: they say nothing that it has not.
func (c *Content) checkLanguages(bad *fault.Checks, at func(string) string) {
	for _, lang := range slices.Sorted(maps.Keys(c.Languages)) {
		path := at("languages." + named(lang) + ".")
		if !slices.Contains(words.Langs, words.Lang(lang)) {
			bad.Add(at("languages"), "sender-language-unknown", "lang", named(lang))
			continue
		}
		t := c.Languages[lang]
		translated(bad, path+"title", t.Title, titleMost)
		wording(bad, path+"text", t.Text, textMost, true)
		if len(t.Fields) > 0 && len(t.Fields) != len(c.Fields) {
			bad.Add(path+"fields", "sender-fields-differ", "count", len(c.Fields))
			continue
		}
		for _, f := range t.Fields {
			plain(bad, path+"fields", f.Label, labelMost)
			wording(bad, path+"fields", f.Value, valueMost, true)
		}
		c.checkActionTexts(bad, path+"actions", t.Actions)
	}
}

func (c *Content) checkActionTexts(bad *fault.Checks, path string, all []ActionTexts) {
	var seen []string
	for _, t := range all {
		at := slices.IndexFunc(c.Actions, func(a Action) bool { return a.ID == t.ID })
		if at < 0 || slices.Contains(seen, t.ID) {
			bad.Add(path, "sender-text-of-nothing", "name", named(t.ID))
			continue
		}
		seen = append(seen, t.ID)
		translated(bad, path, t.Label, buttonMost)
		translated(bad, path, t.Completed, buttonMost)
		c.Actions[at].checkInputTexts(bad, path, t.Inputs)
	}
}

func (a *Action) checkInputTexts(bad *fault.Checks, path string, all []InputTexts) {
	var seen []string
	for _, t := range all {
		at := slices.IndexFunc(a.Inputs, func(in Input) bool { return in.ID == t.ID })
		if at < 0 || slices.Contains(seen, t.ID) {
			bad.Add(path, "sender-text-of-nothing", "name", named(t.ID))
			continue
		}
		seen = append(seen, t.ID)
		translated(bad, path, t.Label, labelMost)
		for _, o := range t.Options {
			if !slices.ContainsFunc(a.Inputs[at].Options, func(one Option) bool { return one.Value == o.Value }) {
				bad.Add(path, "sender-text-of-nothing", "name", named(o.Value))
			}
			translated(bad, path, o.Label, labelMost)
		}
	}
}

// translated holds a line to plain text that shows something, or is left out.
func translated(bad *fault.Checks, path, text string, most int) {
	if plain(bad, path, text, most) && text != "" && strings.TrimSpace(text) == "" {
		bad.Add(path, "field-required")
	}
}

// clone is a copy whose places can be filled.
func (t Texts) clone() Texts {
	t.Fields, t.Actions = slices.Clone(t.Fields), slices.Clone(t.Actions)
	return t
}

// texts are the places that may hold arguments.
func (t *Texts) texts() []*string {
	all := []*string{&t.Title, &t.Text}
	for i := range t.Fields {
		all = append(all, &t.Fields[i].Label, &t.Fields[i].Value)
	}
	for i := range t.Actions {
		all = append(all, &t.Actions[i].Label, &t.Actions[i].Completed)
	}
	return all
}

// readers are people by the language in which they read a message.
func (l *Letter) readers(tx *store.Tx, to []id.Person) (map[words.Lang][]id.Person, error) {
	if len(l.Content.Languages) == 0 {
		return map[words.Lang][]id.Person{words.English: to}, nil
	}
	people, err := org.PeopleByID(&tx.View, to)
	by := map[words.Lang][]id.Person{}
	for _, who := range to {
		lang := factor.LangOf(people[who])
		if !slices.Contains(words.Langs, lang) {
			lang = words.English
		}
		by[lang] = append(by[lang], who)
	}
	return by, err
}
