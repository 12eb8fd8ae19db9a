package notify

import (
	"context"
	"errors"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

const deviceColumns = "id, person, session, name, service, added_at, told_at, refused, sealed"

func scanDevice(scan func(...any) error) (d Device, err error) {
	var added, told int64
	err = scan(&d.ID, &d.Person, &d.Session, &d.Name, &d.Service, &added, &told, &d.Refused, &d.sealed)
	d.AddedAt, d.ToldAt = store.FromMicros(added), store.FromMicros(told)
	return d, err
}

func deviceEvent(name string, by id.Principal, who id.Person, fields map[string]string) store.Event {
	return store.Event{Name: name, By: by, Target: "person:" + string(who), Fields: fields}
}

// addDevice replaces what the same browser was before, whoever had it: else
// what is meant for one person would be shown to the next who sits there.
func (p *Pager) addDevice(ctx context.Context, d Device, mark string) error {
	return p.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		if err := p.Ring.Live(tx, d.sealed); err != nil {
			return store.Abort(err)
		}
		_, err1 := tx.Exec("DELETE FROM notify_device WHERE mark = $1", mark)
		_, err2 := tx.Exec(`INSERT INTO notify_device (`+deviceColumns+`, mark) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8)`,
			string(d.ID), string(d.Person), d.Session, d.Name, d.Service, store.Micros(d.AddedAt), d.sealed, mark)
		_, err3 := tx.Exec(`DELETE FROM notify_device WHERE person = $1 AND id NOT IN
			(SELECT id FROM notify_device WHERE person = $1 ORDER BY id DESC LIMIT $2)`, string(d.Person), DevicesMost)
		if err := errors.Join(err1, err2, err3); err != nil {
			return store.Abort(err)
		}
		return store.Done(deviceEvent("device.push-added", id.OfPerson(d.Person), d.Person, map[string]string{
			"device": string(d.ID), "name": d.Name, "service": d.Service,
		}))
	})
}

func (p *Pager) dropDevice(ctx context.Context, who id.Person, which DeviceID) error {
	return p.Store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		n, err := tx.Exec("DELETE FROM notify_device WHERE person = $1 AND id = $2", string(which))
		if err != nil {
			return store.Abort(err)
		}
		if n == 0 {
			return store.Abort(fault.New(fault.NotFound, "push-device-not-found"))
		}
		return store.Done(deviceEvent("device.push-removed", id.OfPerson(who), who, map[string]string{"device": string(which)}))
	})
}

// Leave forgets the browsers of sessions that ended, in the write that ends
// them: the one named only, or all but the one kept. The ends have their witness.
func (p *Pager) Leave(tx *store.Tx, who id.Person, only, but string) error {
	self := tx.Self(who)
	if only != "" {
		_, err := self.Exec("DELETE FROM notify_device WHERE person = $1 AND session = $2", only)
		return err
	}
	_, err := self.Exec("DELETE FROM notify_device WHERE person = $1 AND session <> $2", but)
	return err
}

// Follow keeps a browser whose owner has another session there now.
func (p *Pager) Follow(tx *store.Tx, who id.Person, before, after string) error {
	_, err := tx.Self(who).Exec("UPDATE notify_device SET session = $3 WHERE person = $1 AND session = $2", before, after)
	return err
}

// peopleBatch is how many owners one statement asks for.
const peopleBatch = 20

func (p *Pager) devicesOf(ctx context.Context, who []id.Person) (map[id.Person][]Device, error) {
	found := map[id.Person][]Device{}
	err := p.Store.House().Read(ctx, func(v *store.View) error {
		clear(found)
		for start := 0; start < len(who); start += peopleBatch {
			args := make([]any, peopleBatch)
			for i := range args {
				args[i] = string(who[min(start+i, len(who)-1)])
			}
			rows, err := v.Query("SELECT "+deviceColumns+` FROM notify_device WHERE person IN
				($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20) ORDER BY id`, args...)
			all, err := store.Collect(rows, err, scanDevice)
			if err != nil {
				return err
			}
			for _, d := range all {
				found[d.Person] = append(found[d.Person], d)
			}
		}
		return nil
	})
	return found, err
}

// deviceAndOwner reads a device as it is now; one that was removed, or whose
// owner was, is not there.
func (p *Pager) deviceAndOwner(ctx context.Context, which DeviceID) (d Device, owner org.Person, there bool, err error) {
	err = p.Store.House().Read(ctx, func(v *store.View) error {
		d, err = scanDevice(v.Row("SELECT "+deviceColumns+" FROM notify_device WHERE id = $1", string(which)).Scan)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		return d, owner, false, nil
	}
	if err != nil {
		return d, owner, false, err
	}
	people, err := p.People.People(ctx, []id.Person{d.Person})
	owner, there = people[d.Person]
	return d, owner, there, err
}

func noteDevice(tx *store.Tx, which DeviceID, refused int) error {
	if refused != 0 {
		_, err := tx.Exec("UPDATE notify_device SET refused = $2 WHERE id = $1", string(which), refused)
		return err
	}
	_, err := tx.Exec("UPDATE notify_device SET refused = 0, told_at = $2 WHERE id = $1", string(which), store.Micros(tx.Now()))
	return err
}

func removeDevice(tx *store.Tx, which DeviceID) (who id.Person, there bool, err error) {
	rows, err := tx.Query("DELETE FROM notify_device WHERE id = $1 RETURNING person", string(which))
	all, err := store.Collect(rows, err, func(scan func(...any) error) (who id.Person, err error) { return who, scan(&who) })
	if err != nil || len(all) == 0 {
		return "", false, err
	}
	return all[0], true, nil
}

func (p *Pager) loadSender(ctx context.Context) (sealed []byte, err error) {
	err = p.Store.House().Read(ctx, func(v *store.View) error {
		return v.Row("SELECT sealed FROM notify_pusher WHERE name = $1", vapid.Row).Scan(&sealed)
	})
	if errors.Is(err, store.ErrNoRow) {
		return nil, nil
	}
	return sealed, err
}

func (p *Pager) saveSender(ctx context.Context, sealed []byte) error {
	return p.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		if err := p.Ring.Live(tx, sealed); err != nil {
			return store.Abort(err)
		}
		n, err := tx.Exec("INSERT INTO notify_pusher (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", vapid.Row, sealed)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "push.key-made", By: id.System("notify"), Target: "house", Fields: map[string]string{
			"first": map[int64]string{0: "no", 1: "yes"}[n],
		}})
	})
}

// SealedDevices are the subscriptions among the values that move to a new data
// key.
type SealedDevices struct{}

// Name implements seal.Sealed.
func (SealedDevices) Name() string { return "notify.device" }

// Next implements seal.Sealed.
func (SealedDevices) Next(v *store.View, after string, limit int) ([]seal.Cell, error) {
	rows, err := v.Query("SELECT "+deviceColumns+" FROM notify_device WHERE id > $1 ORDER BY id LIMIT $2", after, limit)
	return store.Collect(rows, err, func(read func(...any) error) (seal.Cell, error) {
		d, err := scanDevice(read)
		return seal.Cell{Place: d.place(), After: string(d.ID), Sealed: d.sealed}, err
	})
}

// Replace implements seal.Sealed.
func (SealedDevices) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE notify_device SET sealed = $1 WHERE id = $2 AND sealed = $3", sealed, cell.After, cell.Sealed)
	return n == 1, err
}

// SealedPusher is the house's push key among them.
type SealedPusher struct{}

// Name implements seal.Sealed.
func (SealedPusher) Name() string { return "notify.pusher" }

// Next implements seal.Sealed.
func (SealedPusher) Next(v *store.View, after string, limit int) ([]seal.Cell, error) {
	rows, err := v.Query("SELECT name, sealed FROM notify_pusher WHERE name > $1 ORDER BY name LIMIT $2", after, limit)
	return store.Collect(rows, err, func(read func(...any) error) (c seal.Cell, err error) {
		err = read(&c.After, &c.Sealed)
		c.Place = vapid
		return c, err
	})
}

// Replace implements seal.Sealed.
func (SealedPusher) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE notify_pusher SET sealed = $1 WHERE name = $2 AND sealed = $3", sealed, cell.After, cell.Sealed)
	return n == 1, err
}
