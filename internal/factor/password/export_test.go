package password

import "context"

// Occupy takes a place at the mill as a hash of so many units and processors
// does, and returns how to give it back.
func (m *Mill) Occupy(memory, threads int) (leave func(), err error) {
	n, err := m.line.enter(context.Background(), need{memory, threads}, m.clock.After, m.patience)
	return func() { m.line.leave(n) }, err
}

// Listed looks a folded password up in the list.
func Listed(folded string) (bool, error) {
	l, err := common()
	if err != nil {
		return false, err
	}
	return l.has(folded), nil
}

// List is the decoded list.
type List = list

// ReadList decodes a packed list.
func ReadList(packed []byte) (*List, error) { return readList(packed, "") }

// Spelled returns the stored form as it is understood, written anew.
func Spelled(stored string) (string, bool) {
	switch h, ok := parse(stored); h := h.(type) {
	case argon:
		return h.String(), ok
	case blowfish:
		return string(h), ok
	}
	return "", false
}
