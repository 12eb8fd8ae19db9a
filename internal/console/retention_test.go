package console_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"os"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/store"
)

// sealer keeps the log's signing key for the length of a test.
type sealer struct{ gcm cipher.AEAD }

var ctx = context.Background()

func newSealer(t *testing.T) sealer {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return sealer{gcm}
}

func (s sealer) Seal(_ context.Context, _ audit.Place, plain []byte) ([]byte, error) {
	return s.gcm.Seal(nil, nil, plain, nil), nil
}

func (s sealer) Open(_ context.Context, _ audit.Place, sealed []byte) ([]byte, error) {
	return s.gcm.Open(nil, nil, sealed, nil)
}

// What is old leaves the database for a file that only we can read, and the
// log verifies as before.
func TestArchive(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, c, once.Schema, console.Schema, audit.Schema)
		log := audit.New(audit.Options{Store: s, Clock: c, Node: id.New[id.Node](c.Now()), Sealer: newSealer(t)})
		r := console.New(console.Options{Store: s, Clock: c, Audit: log, Data: t.TempDir()})
		by := id.Local(0)
		write := func() {
			t.Helper()
			if err := s.House().Write(ctx, func(*store.Tx) store.End { return store.Done(store.Event{Name: "test.done", By: by}) }); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Archive(ctx, by, time.Hour); fault.Code(err) != "archive-too-young" {
			t.Errorf("an hour is old enough: %v", err)
		}
		for range 3 {
			write()
		}
		c.Advance(72 * time.Hour)
		write()
		if _, err := log.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		a, err := r.Archive(ctx, by, 48*time.Hour)
		if err != nil || a.Moved < 3 {
			t.Fatalf("moved %+v (%v), want the three old records", a, err)
		}
		info, err := os.Stat(a.Path)
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("A165 the archive is %v (%v)", info, err)
		}
		c.Advance(time.Second)
		again, err := r.Archive(ctx, by, 48*time.Hour)
		if err != nil || again.Moved != 0 || again.Path != "" {
			t.Errorf("a second run moved %+v (%v)", again, err)
		}
		if _, err := log.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		key, err := log.PublicKey(ctx)
		if err != nil {
			t.Fatal(err)
		}
		report, err := log.VerifyStore(ctx, audit.VerifyOptions{Key: key})
		if err != nil || report.Size-report.Bodies != a.Moved {
			t.Errorf("after archiving %d: %+v (%v)", a.Moved, report, err)
		}
	})
}
