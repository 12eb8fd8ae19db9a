package housetest

import (
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// Megumi is somebody who is invited, and not in the register yet.
func Megumi(login, email string) org.Person {
	now := time.Now()
	return org.Person{
		ID: id.New[id.Person](now), Login: login, Email: email, FamilyName: "伊藤", GivenName: "恵", Reading: "いとう めぐみ",
		State: org.Invited, Created: now,
	}
}
