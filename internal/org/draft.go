package org

import (
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Draft is something that a room is about to write for another, with all that
// is slow or random made already: a link, a sealed mail.
type Draft struct {
	// Link is to be handed on by whoever asked; empty if the house mails it.
	Link secret.Text
	// Write does it in the caller's write. It may run again.
	Write func(*store.Tx) (store.Event, error)
}
