package ui

import web "github.com/sekisho/sekisho/internal/web/ui"

// Keys are the keys of the house; nothing of them is secret.
type Keys struct {
	Here, Topic, Rotate                     string
	Saved, Problem, Do                      string
	Phase, Recipient, AuditKey, Fingerprint string
	Writes                                  uint32
	Progress                                Progress
	Keys, Stuck                             []web.Row
	Root                                    []web.Detail
}

// Progress is how far something is.
type Progress struct {
	Done, Whole int64
	Text        string
}
