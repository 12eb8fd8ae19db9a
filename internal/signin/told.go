package signin

import (
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// What becomes of the browsers that people are told in when their sessions end.
// A session that was only left alone for too long keeps its browser: a phone is
// told overnight.

// endOne ends a session because somebody wants it ended.
func (r *Room) endOne(tx *store.Tx, who id.Person, session string) (bool, error) {
	there, err := deleteSession(tx.Self(who), session)
	if err != nil || r.told == nil {
		return there, err
	}
	return there, r.told.Leave(tx, who, session, "")
}

// endBut ends all sessions but one ("" for none).
func (r *Room) endBut(tx *store.Tx, who id.Person, but string) (int64, error) {
	n, err := deleteSessions(tx.Self(who), but)
	if err != nil || r.told == nil {
		return n, err
	}
	return n, r.told.Leave(tx, who, "", but)
}

// endThese ends those of an organization that are still there.
func (r *Room) endThese(tx *store.Tx, which []Session) ([]Session, error) {
	ended, err := endIn(tx, which)
	if err != nil || r.told == nil {
		return ended, err
	}
	for _, one := range ended {
		if err := r.told.Leave(tx, one.Person, one.ID, ""); err != nil {
			return nil, err
		}
	}
	return ended, nil
}

// follow keeps a browser whose owner signed in again there.
func (r *Room) follow(tx *store.Tx, who id.Person, before, after string) error {
	if r.told == nil {
		return nil
	}
	return r.told.Follow(tx, who, before, after)
}

// replaced is a browser in which somebody, the same or another, signed in.
func (r *Room) replaced(tx *store.Tx, who id.Person, before string, now Session) error {
	switch {
	case r.told == nil:
		return nil
	case who == now.Person:
		return r.told.Follow(tx, who, before, now.ID)
	}
	return r.told.Leave(tx, who, before, "")
}
