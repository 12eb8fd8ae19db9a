package connector

import (
	"context"
)

var errCard = &Problem{Kind: Failed, Message: "not yet"}

func (e *Engine) cardWhoami(context.Context, Call) (Party, error)      { return Party{}, errCard }
func (e *Engine) cards(context.Context, Call) ([]Approval, error)      { return nil, errCard }
func (e *Engine) card(context.Context, Call, string) (Approval, error) { return Approval{}, errCard }

func (e *Engine) cardDecide(context.Context, Call, Verdict) (Approval, error) {
	return Approval{}, errCard
}

func (e *Engine) cardAct(context.Context, Call, string, string, map[string]string) (Approval, error) {
	return Approval{}, errCard
}
