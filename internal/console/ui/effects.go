package ui

import web "github.com/sekisho/sekisho/internal/web/ui"

// Effects is a page of effects on other systems.
type Effects struct {
	Here, Topic, Action       string
	Filter                    []web.Input
	Filtered                  bool
	Oldest                    []web.Rank
	Parked, All               []web.Row
	MoreParked, Before, After string
}

// EffectPage is one of them.
type EffectPage struct {
	Here, Topic, Title, State, Level string
	Why, Code                        string
	Unsure                           bool
	Details                          []web.Detail
	Payload, Back, Log               string
	Reason                           web.Input
	Saved, Problem, Do               string
}

func (p EffectPage) mistakes() []web.Input {
	if p.Reason.Error == "" {
		return nil
	}
	return []web.Input{p.Reason}
}
