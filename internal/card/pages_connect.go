package card

import (
	"github.com/sekisho/sekisho/internal/card/ui"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// connect leads a person who cannot decide here to what is missing.
func (r *Room) connect(v *web.Visit, c Card, page *ui.Card) error {
	if !page.Decide && len(page.Acts) == 0 {
		return nil
	}
	if c.Kind == OwnAsk && !c.Sheet.Decidable {
		page.NeedText = v.Say("card.need.not-now")
		page.Decide = false
	}
	if c.Kind != Outside {
		return nil
	}
	t, err := r.tieOf(v.Context(), c)
	if err != nil {
		return err
	}
	self, err := r.mailOf(v.Context(), c.Person)
	if err != nil {
		return err
	}
	page.Service = t.Service
	switch {
	case !t.On && t.Service:
		page.NeedText = v.Say("card.need.unmatched", "source", c.Label)
	case !t.On:
		page.NeedText, page.NeedDo = v.Say("card.need.connection", "source", c.Label), v.Say("card.need.connection.do")
		page.NeedHref = r.Systems.Switch(id.Connector(c.Source))
	case c.Sheet.ownRequest(t.Native, self):
		page.NeedText = v.Say("card.need.other")
	case !c.Sheet.Decidable, t.Service && c.Sheet.nobodyAsks():
		page.NeedText = v.Say("card.need.there", "source", c.Label)
	default:
		return nil
	}
	page.Decide, page.Acts = false, nil
	return nil
}
