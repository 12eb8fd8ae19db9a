package house

import (
	"fmt"
	"os"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/audit/outside"
	"github.com/sekisho/sekisho/internal/egress"
)

// places are where checkpoints go that nobody here can change any more.
func (c AuditConfig) places(out *egress.Client) ([]audit.Outside, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "-" // RFC 5424 §6.2.4: not known
	}
	var all []audit.Outside
	for _, to := range c.CheckpointTo {
		place, err := outside.Parse(to, outside.Options{Dialer: out, HTTP: out.HTTP(), Host: host})
		if err != nil {
			return nil, fmt.Errorf("configuration: audit.checkpoint_to: %q: %w", to, err)
		}
		all = append(all, place)
	}
	return all, nil
}
