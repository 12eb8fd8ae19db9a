package org

import (
	"time"

	"github.com/sekisho/sekisho/internal/id"
)

// Seat is a membership as its person sees it.
type Seat struct {
	Org         id.Org
	State       State
	Since       time.Time
	Manager     id.Person // "" for none
	ManagerName string    // as they are shown
}

// Own is what a person sees of themselves besides what they may do.
type Own struct {
	Email    string
	Verified bool   // mail to Email arrives at them
	Seats    []Seat // in any state
}
