package card

import "github.com/sekisho/sekisho/internal/web"

// priority is how much an open card of an app hurries, in a word.
func priority(v *web.Visit, c Card) (text, kind string) {
	switch c.Sheet.Priority {
	case "urgent":
		return v.Say("card.priority.urgent"), "bad"
	case "high":
		return v.Say("card.priority.high"), "wait"
	}
	return "", ""
}

// toldApp says that a decision has arrived.
func toldApp(v *web.Visit, c Card) string {
	if c.Told() == "" {
		return v.Say("card.says.seen")
	}
	return v.Say("card.says.told", "source", c.Label)
}
