package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web/ui"
)

// DryRun is the header by which a program asks what a request would do: with
// "true" on an unsafe method the rules run and nothing is kept. The answer is the
// refusal as it would be, or what would change where the operation can say it
// (Rehearsal, 200), or 204.
const DryRun = "Dry-Run"

// rehearses reports whether the request is a dry run.
func rehearses(r *http.Request) bool {
	return r.Header.Get(DryRun) == "true" && r.Method != http.MethodGet && r.Method != http.MethodHead
}

// Rehearsal answers a dry run of an operation that can say what it would change.
type Rehearsal struct {
	Foreseen []string `json:"foreseen" doc:"What would change for people, in the caller's language; empty: nothing worth saying"`
}

// Foresees hands in what a dry run of an operation says where it would be done;
// call it in the operation's handler before the write. Otherwise it costs
// nothing: says is not called.
func Foresees(ctx context.Context, says func(*Visit) ([]string, error)) {
	recordOf(ctx).foresees = says
}

// Foreseeing marks an operation whose handler calls Foresees.
func Foreseeing(op huma.Operation) huma.Operation {
	op.Extensions = maps.Clone(op.Extensions)
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	op.Extensions["x-foresees"] = true
	return op
}

// foreseen answers a dry run that would have been done.
func (v *Visit) foreseen() error {
	if v.rec.foresees == nil {
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	lines, err := v.rec.foresees(v)
	if err != nil {
		return err
	}
	return v.JSON(Rehearsal{append([]string{}, lines...)})
}

// Rehearse runs f with every write of it a rehearsal: nil says that it would be
// done, a fault why not.
func (v *Visit) Rehearse(f func() error) error {
	before := v.r
	defer func() { v.r = before }()
	v.r = before.WithContext(store.Rehearsing(before.Context()))
	if err := f(); !errors.Is(err, store.ErrRehearsed) {
		return err
	}
	return nil
}

// Foreseen says on a form what saving it would change. Digest binds it: the
// button below sends it along, and what is saved is what was shown. Stale says
// that something else was shown before.
func Foreseen(typed url.Values, lines []string) ui.Foreseen {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(typed)) {
		if name != ui.SeenField {
			sum.Write([]byte(name + "\x00" + strings.Join(typed[name], "\x00") + "\x01"))
		}
	}
	sum.Write([]byte(strings.Join(lines, "\x00")))
	f := ui.Foreseen{Lines: lines, Digest: hex.EncodeToString(sum.Sum(nil))}
	f.Stale = typed.Get(ui.SeenField) != "" && typed.Get(ui.SeenField) != f.Digest
	return f
}

// Seen reports whether what a form sent was shown with these consequences. What
// has none needs no second look.
func Seen(typed url.Values, f ui.Foreseen) bool {
	return len(f.Lines) == 0 || typed.Get(ui.SeenField) == f.Digest
}
