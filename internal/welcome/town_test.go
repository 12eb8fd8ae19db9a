package welcome_test

import (
	"context"
	"testing"

	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/secret"
)

var ctx = context.Background()

// town is a house with people and mail, seen from the links.
type town struct{ factortest.Town }

// eachTown runs f with such a house on either engine.
func eachTown(t *testing.T, f func(t *testing.T, r town)) {
	t.Helper()
	factortest.EachTown(t, func(t *testing.T, r factortest.Town) { f(t, town{r}) })
}

func newTown(t *testing.T, options ...func(*housetest.Options)) town {
	t.Helper()
	return town{factortest.NewTown(t, options...)}
}

func text(s string) secret.Text { return secret.Of(s) }
