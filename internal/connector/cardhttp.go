package connector

import (
	"context"
)

// Signer signs the tokens by which an adapter of the card protocol knows us.
type Signer interface {
	// Sign returns a compact JWT with the claims.
	Sign(claims map[string]any) (string, error)
}

var cardOperations = []string{OpWhoami, OpApprovals, OpApproval, OpDecide}

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
