// Package order is what people want from outside systems: their catalogs, orders
// from the Hub, and the person's own requests with how they stand.
//
//	sending → there (open → waiting → approved | rejected → closed) | refused
//
// An order is committed with the form that it was made by, with its record and
// its effect, in one write; the same form sent again is the same order. Before
// the first call what is there already is noted, so that after a crash the one
// that has come since is it. Where a system shows nothing by which an order could
// be found again, nobody knows, and a person looks: it is never sent twice.
//
// Requests are read with the questions of the same connection: with one call
// where nothing has changed. A list that brings less closes nothing.
//
// Read first: order.go, wish.go, then driver.go (an order's way) and read.go.
package order
