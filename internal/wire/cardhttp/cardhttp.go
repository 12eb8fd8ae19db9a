// Package cardhttp is the card protocol that is known from Workspace ONE Mobile
// Flows as its adapters write it: what an adapter says of itself, its cards with
// their actions, and what it finds wrong with an input. Adapters differ in small
// things; what is read here takes each of their forms, and judges nothing.
package cardhttp

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// Href is an address in the protocol's form.
type Href struct {
	Href string `json:"href"`
}

// Discovery is what an adapter says of itself at its address.
type Discovery struct {
	TestAuth Href `json:"test_auth"` // where it tells whether a person's token works; may be empty
	Types    map[string]struct {
		Endpoint Href `json:"endpoint"`
		Fields   map[string]struct {
			Env string `json:"env"`
		} `json:"fields"`
	} `json:"object_types"` // cards are under "card"
}

// Answer is an adapter's list of cards.
type Answer struct {
	Objects []Card `json:"objects"`
}

// Card is one question as the adapter renders it.
type Card struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	BackendID string `json:"backend_id"`
	Hash      string `json:"hash"` // another one: the person would see something else
	DueDate   string `json:"due_date"`
	Header    struct {
		Title    string   `json:"title"`
		Subtitle []string `json:"subtitle"`
		Links    struct {
			Title string `json:"title"`
		} `json:"links"`
	} `json:"header"`
	Body struct {
		Description string `json:"description"`
		Fields      []struct {
			Type, Title, Subtitle, Description string
			Content                            []struct{ Text string }
		} `json:"fields"`
	} `json:"body"`
	Actions []Action `json:"actions"`
}

// Key is the identity of the business object; the card's own id may change.
func (c Card) Key() string { return cmp.Or(c.BackendID, c.ID) }

// Action is something that can be done with a card.
type Action struct {
	ID        string         `json:"id"`
	Label     string         `json:"label"`
	Completed string         `json:"completed_label"`
	URL       Href           `json:"url"`
	Type      string         `json:"type"`       // method of HTTP
	Key       string         `json:"action_key"` // DIRECT, USER_INPUT, OPEN_IN, INSTALL_APP, DISMISS
	Primary   bool           `json:"primary"`
	Request   map[string]any `json:"request"` // parameters that are always sent
	Repeated  bool           `json:"allow_repeated"`
	Removes   bool           `json:"remove_card_on_completion"`
	Set       string         `json:"mutually_exclusive_set_id"`
	Input     []struct {
		ID      string  `json:"id"`
		Label   string  `json:"label"`
		Format  string  `json:"format"`
		Options Options `json:"options"`
		Min     int     `json:"min_length"`
		Max     int     `json:"max_length"`
	} `json:"user_input"`
}

// Options are values with their labels; adapters write a map, or a list of
// {value, label}.
type Options map[string]string

// UnmarshalJSON reads either form.
func (o *Options) UnmarshalJSON(text []byte) error {
	*o = Options{}
	var list []struct{ Value, Label string }
	if json.Unmarshal(text, &list) == nil {
		for _, option := range list {
			(*o)[option.Value] = option.Label
		}
		return nil
	}
	return json.Unmarshal(text, (*map[string]string)(o))
}

// Mistakes are what an adapter finds wrong with an input, {"errors": {field:
// message}}, in one line; "" for a body of another form.
func Mistakes(body []byte) string {
	var answer struct{ Errors map[string]string }
	if json.Unmarshal(body, &answer) != nil {
		return ""
	}
	var out []string
	for field, message := range answer.Errors {
		out = append(out, field+": "+message)
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}
