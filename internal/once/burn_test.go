package once_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

var ticket = once.Declare(once.Kind{Name: "test-ticket", Life: 5 * time.Minute, Size: 16})

func burn(s *store.Store, k once.Kind, value secret.Text) error {
	return s.House().Write(context.Background(), func(tx *store.Tx) store.End {
		if err := once.Burn(tx, k, value); err != nil {
			return store.Abort(err)
		}
		return store.Done(event("test.burned"))
	})
}

func TestBurn(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, s *store.Store) {
		t.Run("A049 what was burned does not count again", func(t *testing.T) {
			value := ticket.New()
			if err := burn(s, ticket, value); err != nil {
				t.Fatal(err)
			}
			if err := burn(s, ticket, value); !errors.Is(err, once.ErrInvalid) {
				t.Errorf("burned twice: %v", err)
			}
		})
		t.Run("R1 one of 64 at once", func(t *testing.T) {
			value, won := ticket.New(), atomic.Int64{}
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					switch err := burn(s, ticket, value); {
					case err == nil:
						won.Add(1)
					case !errors.Is(err, once.ErrInvalid):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Errorf("%d of 64 burned it", won.Load())
			}
		})
		t.Run("what is minted or malformed is not burned", func(t *testing.T) {
			if err := burn(s, challenge, challenge.New()); err == nil || errors.Is(err, once.ErrInvalid) {
				t.Errorf("a bound kind: %v", err)
			}
			if err := burn(s, ticket, secret.Of("short")); !errors.Is(err, once.ErrInvalid) {
				t.Errorf("a short value: %v", err)
			}
		})
	}, once.Schema)
}
