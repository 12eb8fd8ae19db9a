package connector

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Bell is a ring as it came: nothing of it is believed.
type Bell struct {
	Header http.Header
	Raw    []byte
}

// Ring proves a ring of a system and returns which of its records somebody
// should read again. NotFound connector-unknown for a system that does not ring.
func (d *Desk) Ring(ctx context.Context, which id.Connector, b Bell) (System, []string, error) {
	s, err := d.Find(ctx, which)
	if err != nil {
		return s, nil, err
	}
	def, err := d.Definition(s)
	if err != nil {
		return s, nil, err
	}
	bell := def.Doorbell()
	if bell == nil || !s.Enabled {
		return s, nil, unknownSystem()
	}
	held, err := d.secrets(s)
	if err != nil {
		return s, nil, err
	}
	records, once, err := def.Ring(ctx, definition.Ringing{
		Header: b.Header, Raw: b.Raw, Secret: held[bell.Secret], Settings: s.Settings, Address: d.DoorbellURL(s.ID), Now: d.clock.Now(),
	})
	if err == nil && once.ID != "" {
		err = d.first(ctx, s, once)
	}
	if err != nil {
		records = nil
	}
	return s, records, err
}

// first refuses a token that has rung before.
func (d *Desk) first(ctx context.Context, s System, once definition.Once) error {
	fresh := false
	err := d.store.Org(s.Org).Write(ctx, func(tx *store.Tx) store.End {
		var err error
		if fresh, err = rungOnce(tx, s.ID, hex.EncodeToString(digest(once.ID)), once.Until); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
	if err == nil && !fresh {
		return fault.New(fault.Unknown, "connector-ring-unproved")
	}
	return err
}
