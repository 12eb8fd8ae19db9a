package demo

import (
	"context"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
)

// orderStory: somebody orders in ServiceNow, their manager approves on a card,
// and ServiceNow says so.
var orderStory = story{Name: "order", Steps: []step{
	{Name: "connect", Who: "botan", Open: "/settings/integrations", Done: botanIsConnected},
	{Name: "order", Who: "aoi", Open: itemsPage, Done: aoiOrders},
	{Name: "card", Who: "botan", Open: "/cards", Done: aCardCame},
	{Name: "decide", Who: "botan", Open: "/cards", Done: botanApproves},
	{Name: "told", Who: "aoi", Open: ordersPage, Done: aoiSees},
}}

// number is that of the order, or of none.
func (s *scene) number() string {
	if s.order.Number == "" {
		return "REQ…"
	}
	return s.order.Number
}

// botanIsConnected: she connected, or still was when the story began again.
func botanIsConnected(s *scene, after time.Time) time.Time {
	if made := s.first(after, s.by("botan", "connection.made")); made.ID != "" {
		return made.At
	}
	all, err := s.demo.house.Systems().Of(context.Background(), s.people["botan"].Person())
	if err != nil || !slices.ContainsFunc(all, func(c connector.Connection) bool { return c.State == connector.On }) {
		return time.Time{}
	}
	return after
}

// aoiOrders: the one that was approved, else the newest, for who was refused
// orders once more. ServiceNow keeps whole seconds.
func aoiOrders(s *scene, after time.Time) time.Time {
	for _, q := range s.demo.outside(ServiceNow).now.Requests() {
		if q.RequestedFor != "aoi" || q.Opened.Before(after.Truncate(time.Second)) {
			continue
		}
		if s.order = q; q.Approval == "approved" {
			break
		}
	}
	if s.order.Opened.IsZero() || s.order.Opened.After(after) {
		return s.order.Opened
	}
	return after
}

// ofOrder are records of the card of the order.
func (s *scene) ofOrder(name string) func(audit.Record) bool {
	return func(r audit.Record) bool { return r.Name == name && r.Fields["ticket"] == s.order.Number }
}

func aCardCame(s *scene, after time.Time) time.Time {
	return s.first(after, s.ofOrder("card.raised")).At
}

// botanApproves: once it was read back.
func botanApproves(s *scene, after time.Time) time.Time {
	decided := s.first(after, func(r audit.Record) bool { return s.ofOrder("card.decided")(r) && r.By == s.people["botan"] })
	if decided.ID == "" {
		return time.Time{}
	}
	return s.first(decided.At, s.ofOrder("card.applied")).At
}

// aoiSees: she looked at the request behind the approval, or, if she ordered in
// the Hub, was told there that it is approved.
func aoiSees(s *scene, after time.Time) time.Time {
	told := s.first(after, func(r audit.Record) bool {
		return r.Name == "order.changed" && r.Fields["number"] == s.order.Number && r.Fields["state"] == string(connector.Approved)
	})
	if told.ID != "" {
		return told.At
	}
	approved := slices.ContainsFunc(s.order.Approvals, func(a servicenow.Approval) bool { return a.Approver == "botan" && a.State == "approved" })
	at := s.demo.outside(ServiceNow).now.Looked("aoi", s.order.Number)
	if !approved || s.order.Approval != "approved" || at.Before(after) {
		return time.Time{}
	}
	return at
}
