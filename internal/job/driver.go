package job

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/internal/store"
)

// Driver knows how to do effects of one sort, and either how to find out
// whether one was done, or by which key the outside system does it once.
type Driver struct {
	// Name is what Effect.Driver says.
	Name string
	// Timeout bounds one call. It is shorter than the fence.
	Timeout time.Duration
	// Fence is how long after a call was begun it may still take effect:
	// Timeout, plus the outside system's own most for one request, plus the
	// delay until Probe can see it. A driver that is idempotent may leave it 0.
	Fence time.Duration
	// Do does the effect. Its error says what is known: a *Refusal or *Away is
	// definite (nothing was done); any other error is an unknown outcome. The
	// result is a JSON document or nil.
	Do func(ctx context.Context, e Effect) (json.RawMessage, error)
	// Probe reads the marker back: directly, never by search (indexes lag). An
	// error means that it could not be found out.
	Probe func(ctx context.Context, e Effect) (found bool, err error)
	// IdempotentBy names the key by which the outside system does an effect
	// once however often it is called, in place of Probe. The system must
	// remember keys for longer than Options.Patience.
	IdempotentBy string
	// Then writes what follows from the proven effect, in the same transaction
	// and under the same law as any write closure. May be nil.
	Then func(tx *store.Tx, e Effect, result json.RawMessage) ([]store.Event, error)
	// Aside says that nothing of a line depends on one of it that is parked: it
	// leaves the line, and takes its last place when it is retried.
	Aside bool
	// Concurrency is how many calls one node has open to one target; 0 means 4.
	Concurrency int
}

func (d Driver) check() error {
	switch {
	case d.Name == "" || len(d.Name) > mostName:
		return errors.New("job: a driver needs a name")
	case d.Do == nil:
		return fmt.Errorf("job: driver %s does nothing", d.Name)
	case d.Timeout <= 0:
		return fmt.Errorf("job: driver %s has no timeout", d.Name)
	case d.Probe == nil && d.IdempotentBy == "":
		return fmt.Errorf("job: driver %s has neither a probe nor a key by which the target is idempotent: a crash would lose or double its effects", d.Name)
	case d.Probe != nil && d.IdempotentBy != "":
		return fmt.Errorf("job: driver %s has both a probe and an idempotent key: say one", d.Name)
	case d.Probe != nil && d.Fence <= d.Timeout:
		return fmt.Errorf("job: driver %s: fence %v must be longer than the timeout %v", d.Name, d.Fence, d.Timeout)
	case d.Concurrency < 0:
		return fmt.Errorf("job: driver %s: negative concurrency", d.Name)
	}
	return nil
}

// ErrUnprovable is what Probe returns where nobody can ever find out whether an
// effect was done: it is parked at once, for an operator to look there.
var ErrUnprovable = errors.New("job: the target shows nothing to find the effect by")

// fence is how long nobody else acts on a claimed effect.
func (d Driver) fence() time.Duration { return max(d.Fence, d.Timeout) }

// Refusal is a definite no: the target answered, and nothing was done.
type Refusal struct {
	Code  string // kebab-case, shown to the operator
	Final bool   // trying again cannot help: park it now
	Err   error  // for the log
}

// Error gives the code and the cause.
func (r *Refusal) Error() string { return fmt.Sprintf("refused: %s: %v", r.Code, r.Err) }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Err }

// Away says that nothing was done because the target was not there (the
// connection was refused, 503) or asked to wait (429). It is not held against
// the effect.
type Away struct {
	After time.Duration // Retry-After: nobody calls the target before; 0 if not said
	Err   error         // for the log
}

// Error gives the cause.
func (a *Away) Error() string { return fmt.Sprintf("away: %v", a.Err) }

// Unwrap returns the cause.
func (a *Away) Unwrap() error { return a.Err }

// backoff doubles from one second to ten minutes; half of it is jitter.
func backoff(try int) time.Duration {
	d := min(time.Second<<min(max(try-1, 0), 10), 10*time.Minute)
	return d/2 + jitter(d/2)
}

// jitter is a random duration below d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	var b [8]byte
	_, _ = rand.Read(b[:])                                     // never fails (crypto/rand, Go 1.24)
	return time.Duration(binary.BigEndian.Uint64(b[:])>>1) % d //nolint:gosec // shifted: fits
}
