package backup

import (
	"context"
	"errors"
	"io"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// MoveOptions say what is moved and how its keys are opened.
type MoveOptions struct {
	Ground
	// From is the database that is read; it is left as it is.
	From secret.Text
	// Provider opens the house there and here: the unseal key stays the same.
	Provider seal.Provider
	Version  string
}

// Move copies a house that nobody runs into another, empty database, and
// verifies the copy as Restore does. The original could be started again and go
// on by itself, so the copy begins a new epoch too.
func Move(ctx context.Context, o MoveOptions) (report Restored, err error) {
	from, err := store.OpenAsIs(ctx, store.Options{URL: o.From.Reveal(), Clock: o.Clock, Log: o.Log, Schemas: o.Schemas})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if from.Engine() != "sqlite" {
		return report, fault.New(fault.Unmet, "backup-move-from", "engine", from.Engine())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, in := io.Pipe()
	h := &Header{MadeAt: o.Clock.Now(), Version: o.Version}
	done := make(chan struct{})
	go func() {
		defer close(done)
		in.CloseWithError(dump(ctx, from, in, h, nil, nil))
	}()
	r := &restorer{ground: o.Ground, opens: o.Provider, reason: "moved"}
	report, err = r.run(ctx, out)
	_ = out.CloseWithError(errors.New("backup: the reader has ended"))
	<-done
	return report, err
}
