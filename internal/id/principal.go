package id

import (
	"fmt"
	"strconv"
	"strings"
)

// Principal is who acts: a kind, a colon and the rest, or the bare word
// "anonymous".
//
//	person:ID  app:ID  device:ID   those who signed in
//	local:UID                      a process of the machine, by the control socket
//	node:ID                        a process of this house
//	system:NAME                    a part of the house acting by itself
//	anonymous                      nobody we know
type Principal string

// Anonymous is nobody we know.
const Anonymous Principal = "anonymous"

// The kinds of principals.
const (
	KindPerson = "person"
	KindApp    = "app"
	KindDevice = "device"
	KindLocal  = "local"
	KindNode   = "node"
	KindSystem = "system"
)

// Local is the principal of a local process with the given user id.
func Local(uid int) Principal { return Principal(KindLocal + ":" + strconv.Itoa(uid)) }

// System is a part of the house that acts by itself ("sequencer").
func System(name string) Principal { return Principal(KindSystem + ":" + name) }

// OfPerson is the principal of a person.
func OfPerson(p Person) Principal { return Principal(KindPerson + ":" + string(p)) }

// Person returns whose principal p is; "" if it is not a person's.
func (p Principal) Person() Person {
	if p.Kind() != KindPerson {
		return ""
	}
	return Person(p.Rest())
}

// OfNode is the principal of a node.
func OfNode(n Node) Principal { return Principal(KindNode + ":" + string(n)) }

// Kind returns what stands before the colon ("anonymous" for Anonymous).
func (p Principal) Kind() string {
	kind, _, _ := strings.Cut(string(p), ":")
	return kind
}

// Rest returns what stands after the colon.
func (p Principal) Rest() string {
	_, rest, _ := strings.Cut(string(p), ":")
	return rest
}

// Known reports whether somebody authenticated stands behind p.
func (p Principal) Known() bool { return p != "" && p != Anonymous }

// ParsePrincipal checks the form of s.
func ParsePrincipal(s string) (Principal, error) {
	if s == string(Anonymous) {
		return Anonymous, nil
	}
	kind, rest, found := strings.Cut(s, ":")
	if !found || rest == "" {
		return "", fmt.Errorf("principal %q: want KIND:ID or %q", s, Anonymous)
	}
	switch kind {
	case KindPerson, KindApp, KindDevice, KindLocal, KindNode, KindSystem:
		return Principal(s), nil
	}
	return "", fmt.Errorf("principal %q: unknown kind %q", s, kind)
}
