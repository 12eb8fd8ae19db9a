package ui

import (
	"time"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// NewPasskey is the form that adds a passkey.
type NewPasskey struct {
	Action, Options, Back string
	Problem, Do           string
	Name                  web.Input
}

// OnePasskey is a passkey with the form that renames it.
type OnePasskey struct {
	Form    web.SettingForm
	Details []web.Detail
	Remove  string
}

// TOTP is whether one-time codes are set up.
type TOTP struct {
	On          bool
	Saved       string
	Since, Used time.Time
	New, Remove string
}

// NewTOTP shows a secret and asks for its first code.
type NewTOTP struct {
	Form            web.SettingForm
	Picture         string // SVG of our own making
	Secret, Account string
	Ticket          string
}

// Recovery is how many codes are left.
type Recovery struct {
	Left, All int
	New       string
}
