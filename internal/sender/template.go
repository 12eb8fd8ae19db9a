package sender

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
)

// Template is content with places for arguments, written {name}.
type Template struct {
	Name    string `json:"name" yaml:"name,required"`
	Content `yaml:",inline"`
}

var placeForm = regexp.MustCompile(`\{([a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?)\}`)

const (
	argumentsMost = 40
	argumentMost  = 500
)

// checkTemplates holds templates to what cards are held to, with their places
// still open.
func (s *Sender) checkTemplates(bad *fault.Checks) {
	if len(s.Templates) > templatesMost {
		bad.Add("templates", "sender-list-long", "limit", templatesMost)
		return
	}
	var seen []string
	for i := range s.Templates {
		t := &s.Templates[i]
		if !wordForm.MatchString(t.Name) || slices.Contains(seen, t.Name) {
			bad.Add("templates", "sender-template-name", "name", named(t.Name))
		}
		seen = append(seen, t.Name)
		t.check(bad, "templates."+named(t.Name)+".", s)
	}
}

// texts are the places of a content that may hold arguments.
func (c *Content) texts() []*string {
	all := []*string{&c.Title, &c.Text}
	for i := range c.Fields {
		all = append(all, &c.Fields[i].Label, &c.Fields[i].Value)
	}
	for i := range c.Actions {
		all = append(all, &c.Actions[i].Label, &c.Actions[i].Completed)
	}
	return all
}

// fill returns the content of a template with arguments in their places; each has
// to be there, and none more. What comes of it is checked like any other content,
// so an argument says nothing that could not be said at once.
func (t Template) fill(bad *fault.Checks, arguments map[string]string) Content {
	c := t.Content
	c.Fields, c.Actions = slices.Clone(c.Fields), slices.Clone(c.Actions)
	if len(arguments) > argumentsMost {
		bad.Add("arguments", "sender-list-long", "limit", argumentsMost)
		return c
	}
	used, missing := map[string]bool{}, map[string]bool{}
	all := c.texts()
	translated := make(map[string]*Texts, len(c.Languages))
	for lang, t := range c.Languages {
		copied := t.clone()
		translated[lang], all = &copied, append(all, copied.texts()...)
	}
	for _, text := range all {
		*text = placeForm.ReplaceAllStringFunc(*text, func(place string) string {
			name := strings.Trim(place, "{}")
			value, there := arguments[name]
			if used[name] = true; !there {
				missing[name] = true
			}
			return value
		})
	}
	c.Languages = maps.Clone(c.Languages)
	for lang, t := range translated {
		c.Languages[lang] = *t
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		bad.Add("arguments", "sender-argument-missing", "name", name)
	}
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		switch {
		case !used[name]:
			bad.Add("arguments", "sender-argument-unknown", "name", named(name))
		default:
			wording(bad, "arguments", arguments[name], argumentMost, true)
		}
	}
	return c
}

// template finds a template by its name.
func (s *Sender) template(name string) (Template, bool) {
	i := slices.IndexFunc(s.Templates, func(t Template) bool { return t.Name == name })
	if i < 0 {
		return Template{}, false
	}
	return s.Templates[i], true
}
