package ui

import (
	"context"
	"time"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Door is a sheet of signing in: what it asks, and what went wrong before.
type Door struct {
	Title, Lead string
	Problem, Do string // "" if nothing went wrong
	Login       string // as it was typed
	Back        string // where the person wanted to go
	Passkeys    bool
	Mail        bool   // codes can be sent
	Start       string // address of the first step
	Bare        bool   // it stands in a page that has a title already
}

// Step is a sheet that asks for one more proof.
type Step struct {
	Door
	Ask []Ask
}

// Ask is one method of a step.
type Ask struct {
	Method string // "totp", "recovery", "password", "passkey", "mail"
	Field  web.Input
	Sent   bool // of mail: a code is on its way
}

// Confirm is the sheet that asks somebody who is signed in to prove it again.
type Confirm struct {
	Door
	Passkey, Password, Code bool
	Need                    string // the level that it has to reach, "" for any
	How                     string // they last proved who they are, a method; "" if never
	At                      time.Time
}

func loginField(d Door, say func(string) string) web.Input {
	return web.Input{Name: "login", Label: say("signin.login"), Value: d.Login, Required: true, Max: 254, Complete: "username webauthn"}
}

func passwordField(say func(string) string, key, complete string) web.Input {
	return web.Input{Name: "password", Label: say(key), Kind: "password", Required: true, Complete: complete}
}

// kindOf makes the first way of a sheet its main one.
func kindOf(first bool) string {
	if first {
		return web.Main
	}
	return web.Plain
}

func sayer(ctx context.Context) func(string) string {
	return func(key string) string { return web.Say(ctx, key) }
}
