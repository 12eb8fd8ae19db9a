package sender

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// errThere leaves a write in which another was first with the same.
var errThere = errors.New("sender: it is there already")

func itoa(n int) string { return strconv.Itoa(n) }

// newTimers makes identifiers outside of a write.
func (r *Room) newTimers(n int) (all []job.TimerID) {
	for range n {
		all = append(all, id.New[job.TimerID](r.Clock.Now()))
	}
	return all
}

// derivedTimer is the identifier of a timer that somebody else's write sets: the
// same each time the write is run again.
func derivedTimer(what, which string, at time.Time) job.TimerID {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	const head = 10 // characters of an identifier that are its time
	sum := sha256.Sum256([]byte("sender\x00" + what + "\x00" + which))
	tail := make([]byte, id.Len-head)
	for i := range tail {
		tail[i] = alphabet[sum[i]&31]
	}
	return job.TimerID(string(id.New[job.TimerID](at))[:head] + string(tail))
}

// end takes a sender and its tokens away, and lets a timer withdraw its messages.
func (r *Room) end(tx *store.Tx, by id.Principal, s Sender, timer job.TimerID) (store.Event, error) {
	if err := dropSender(tx, s.ID); err != nil {
		return store.Event{}, err
	}
	body, err := json.Marshal(spreading{Sender: s.ID})
	if err != nil {
		return store.Event{}, err
	}
	err = job.At(tx, job.Timer{ID: timer, Org: s.Org, Kind: spreadTimer, At: tx.Now(), Payload: body})
	return s.event("card-sender.removed", by), err
}

// sweepSender withdraws the messages of a sender that is gone, one at a time.
func (r *Room) sweepSender(tx *store.Tx, in id.Org, which id.Sender, timer job.TimerID) store.End {
	all, err := lettersAfter(&tx.View, which, "", 1)
	if err != nil {
		return store.Abort(err)
	}
	if len(all) == 0 {
		return store.Quietly(store.QuietClaim)
	}
	l := all[0]
	events, left, err := r.Cards.Withdraw(tx, in, which, l.ID, chunk)
	if err == nil && !left {
		err = dropLetter(tx, l.ID)
	}
	if err == nil {
		body, _ := json.Marshal(spreading{Sender: which}) // of strings
		err = job.At(tx, job.Timer{ID: timer, Org: in, Kind: spreadTimer, At: tx.Now(), Payload: body})
	}
	if err != nil {
		return store.Abort(err)
	}
	if len(events) == 0 {
		return store.Quietly(store.QuietClaim)
	}
	return store.Done(events[0], events[1:]...)
}
