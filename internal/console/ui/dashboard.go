package ui

import web "github.com/sekisho/sekisho/internal/web/ui"

// Dashboard is what happened over time.
type Dashboard struct {
	Of, Spans     []web.Link // ways to look; Of is empty for who may look one way only
	House, Quiet  bool
	Tiles         []web.Tile
	SignIns       web.Chart
	Lines         []web.Chart
	Reasons, Ways []web.Rank
	Log           string
}

func lead(page Dashboard) string {
	if page.House {
		return "console.dashboard.lead.house"
	}
	return "console.dashboard.lead"
}

func reasonsAbout(page Dashboard) string {
	if page.House {
		return "console.chart.reasons.about.house"
	}
	return "console.chart.reasons.about"
}
