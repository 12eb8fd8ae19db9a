package connector

import (
	"context"
	"net/http"

	"github.com/sekisho/sekisho/internal/id"
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
	records, err := def.Ring(ctx, b.Header, b.Raw, held[bell.Secret], s.Settings)
	return s, records, err
}
