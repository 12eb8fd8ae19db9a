package seal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/store"
)

// topic is touched by every change of the ring.
const topic = "seal"

func decimal(key uint32) string { return strconv.FormatUint(uint64(key), 10) }

// state of a data key.
type keyState string

const (
	stateWrites    keyState = "writes"
	stateReads     keyState = "reads"
	stateClosing   keyState = "closing"
	stateDestroyed keyState = "destroyed"
)

// keyRow is a data key as the database has it.
type keyRow struct {
	id      uint32
	state   keyState
	wrapped []byte
	spent   int64
	made    time.Time
	retired time.Time
}

// ringRow is the ring without its keys.
type ringRow struct {
	writes    uint32
	rootCheck string
	recipient string
}

func loadRing(v *store.View) (ringRow, error) {
	var r ringRow
	var writes int64
	err := v.Row("SELECT writes, root_check, recipient FROM seal_ring WHERE one = 1").Scan(&writes, &r.rootCheck, &r.recipient)
	if errors.Is(err, store.ErrNoRow) {
		return r, errUnfounded()
	}
	r.writes = uint32(writes)
	return r, err
}

func loadKeys(v *store.View) ([]keyRow, error) {
	rows, err := v.Query("SELECT id, state, wrapped, spent, made_at, retired_at FROM seal_key WHERE state <> 'destroyed' ORDER BY id")
	return store.Collect(rows, err, func(scan func(...any) error) (k keyRow, err error) {
		var id, made, retired int64
		var state string
		err = scan(&id, &state, &k.wrapped, &k.spent, &made, &retired)
		k.id, k.state, k.made, k.retired = uint32(id), keyState(state), store.FromMicros(made), store.FromMicros(retired)
		return k, err
	})
}

func loadWrappings(v *store.View) ([]wrapping, error) {
	rows, err := v.Query("SELECT id, kind, params, wrapped FROM seal_wrapping ORDER BY id")
	return store.Collect(rows, err, func(scan func(...any) error) (w wrapping, err error) {
		var text string
		if err := scan(&w.id, &w.kind, &text, &w.wrapped); err != nil {
			return w, err
		}
		// What cannot be read recognises no key: the provider says so.
		if json.Unmarshal([]byte(text), &w.params) != nil {
			w.params = params{}
		}
		return w, nil
	})
}

// insertRing founds the ring; false if there is one.
func insertRing(tx *store.Tx, r ringRow) (bool, error) {
	n, err := tx.Exec(`INSERT INTO seal_ring (one, writes, root_check, recipient, founded_at)
		VALUES (1, $1, $2, $3, $4) ON CONFLICT (one) DO NOTHING`,
		int64(r.writes), r.rootCheck, r.recipient, store.Micros(tx.Now()))
	if err != nil || n == 0 {
		return false, err
	}
	_, err = tx.Exec(`INSERT INTO seal_pass (one, phase, target, holder, after, seen, moved, stuck, told, since, owner, until, fence)
		VALUES (1, 'done', $1, '', '', 0, 0, 0, 1, $2, '', 0, 0)`, int64(r.writes), store.Micros(tx.Now()))
	return true, err
}

func insertWrapping(tx *store.Tx, w wrapping) error {
	_, err := tx.Exec("INSERT INTO seal_wrapping (id, kind, params, wrapped, made_at) VALUES ($1, $2, $3, $4, $5)",
		w.id, w.kind, w.params.text(), w.wrapped, store.Micros(tx.Now()))
	return err
}

// deleteWrappings removes those of every unseal provider; the recovery stays.
func deleteWrappings(tx *store.Tx) error {
	_, err := tx.Exec("DELETE FROM seal_wrapping WHERE kind <> $1", KindRecovery)
	return err
}

func insertKey(tx *store.Tx, id uint32, wrapped []byte) error {
	_, err := tx.Exec(`INSERT INTO seal_key (id, state, wrapped, spent, made_at, retired_at, destroyed_at)
		VALUES ($1, 'writes', $2, 0, $3, 0, 0)`, int64(id), wrapped, store.Micros(tx.Now()))
	return err
}

// succeed makes key next the one that writes, if was still is and next is free.
func succeed(tx *store.Tx, was, next uint32, wrapped []byte) (bool, error) {
	n, err := tx.Exec("UPDATE seal_ring SET writes = $1 WHERE one = 1 AND writes = $2", int64(next), int64(was))
	if err != nil || n == 0 {
		return false, err
	}
	n, err = tx.Exec("UPDATE seal_key SET state = 'reads', retired_at = $1 WHERE id = $2 AND state = 'writes'",
		store.Micros(tx.Now()), int64(was))
	if err != nil {
		return false, err
	}
	if n != 1 {
		return false, fmt.Errorf("seal: key %d writes but is not in that state", was)
	}
	return true, insertKey(tx, next, wrapped)
}

// reserve adds n messages to what the key has spent; false if it does not write.
func reserve(tx *store.Tx, id uint32, n int64) (bool, error) {
	changed, err := tx.Exec("UPDATE seal_key SET spent = spent + $1 WHERE id = $2 AND state = 'writes'", n, int64(id))
	return changed == 1, err
}

// highestKey is the newest id that ever was.
func highestKey(v *store.View) (uint32, error) {
	var most int64
	err := v.Row("SELECT COALESCE(MAX(id), 0) FROM seal_key").Scan(&most)
	return uint32(most), err
}

// stateOf returns "" for a key that never was.
func stateOf(v *store.View, id uint32) (keyState, error) {
	var state string
	err := v.Row("SELECT state FROM seal_key WHERE id = $1", int64(id)).Scan(&state)
	if errors.Is(err, store.ErrNoRow) {
		return "", nil
	}
	return keyState(state), err
}

func holders(v *store.View) ([]string, error) {
	rows, err := v.Query("SELECT name FROM seal_holder ORDER BY name")
	return store.Collect(rows, err, func(scan func(...any) error) (name string, err error) {
		return name, scan(&name)
	})
}

func insertHolder(tx *store.Tx, name string) error {
	_, err := tx.Exec("INSERT INTO seal_holder (name) VALUES ($1) ON CONFLICT (name) DO NOTHING", name)
	return err
}

// phase of the re-encryption.
type phase string

const (
	phaseMoving  phase = "moving"  // values go to the key that writes
	phaseWaiting phase = "waiting" // none is left; late writers get their time
	phaseClosing phase = "closing" // the last look before the old keys go
	phaseStuck   phase = "stuck"   // some value cannot be moved; tried again later
	phaseDone    phase = "done"    // one key, nothing to do
)

// pass is the walk of the re-encryption through all holders.
type pass struct {
	phase  phase
	target uint32
	holder string // where it stands
	after  string
	seen   int64 // values looked at in this walk
	moved  int64 // values sealed anew since the rotation
	stuck  int64 // values of this walk that cannot be moved
	told   bool  // the end of the moving was witnessed
	since  time.Time
	owner  string
	until  time.Time
	fence  int64
}

func loadPass(v *store.View) (pass, error) {
	var p pass
	var phaseText string
	var target, told, since, until int64
	err := v.Row(`SELECT phase, target, holder, after, seen, moved, stuck, told, since, owner, until, fence
		FROM seal_pass WHERE one = 1`).Scan(&phaseText, &target, &p.holder, &p.after, &p.seen, &p.moved,
		&p.stuck, &told, &since, &p.owner, &until, &p.fence)
	if errors.Is(err, store.ErrNoRow) {
		return p, errUnfounded()
	}
	p.phase, p.target, p.told = phase(phaseText), uint32(target), told == 1
	p.since, p.until = store.FromMicros(since), store.FromMicros(until)
	return p, err
}

// claimPass gives the walk to owner until then, with the next fence.
func claimPass(tx *store.Tx, p pass, owner string, until time.Time) (bool, error) {
	n, err := tx.Exec("UPDATE seal_pass SET owner = $1, until = $2, fence = fence + 1 WHERE one = 1 AND fence = $3",
		owner, store.Micros(until), p.fence)
	return n == 1, err
}

// savePass writes where the walk stands; false if another node has the walk.
func savePass(tx *store.Tx, p pass) (bool, error) {
	told := int64(0)
	if p.told {
		told = 1
	}
	n, err := tx.Exec(`UPDATE seal_pass SET phase = $1, target = $2, holder = $3, after = $4, seen = $5, moved = $6,
		stuck = $7, told = $8, since = $9, until = $10 WHERE one = 1 AND fence = $11`,
		string(p.phase), int64(p.target), p.holder, p.after, p.seen, p.moved,
		p.stuck, told, store.Micros(p.since), store.Micros(p.until), p.fence)
	return n == 1, err
}

// closeKeys begins the end of every key that only reads.
func closeKeys(tx *store.Tx) error {
	_, err := tx.Exec("UPDATE seal_key SET state = 'closing' WHERE state = 'reads'")
	return err
}

// destroyKeys drops the keys that are closing and returns their ids.
func destroyKeys(tx *store.Tx) ([]uint32, error) {
	rows, err := tx.Query(`UPDATE seal_key SET state = 'destroyed', wrapped = $1, destroyed_at = $2
		WHERE state = 'closing' RETURNING id`, []byte{}, store.Micros(tx.Now()))
	return store.Collect(rows, err, func(scan func(...any) error) (uint32, error) {
		var id int64
		err := scan(&id)
		return uint32(id), err
	})
}
