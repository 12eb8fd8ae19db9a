package seal

import (
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

func errSealed() *fault.Fault { return fault.New(fault.Busy, "sealed") }

func errUnfounded() *fault.Fault { return fault.New(fault.Unmet, "seal-unfounded") }

func errFounded() *fault.Fault { return fault.New(fault.Conflict, "seal-founded") }

func errAnonymous() *fault.Fault { return fault.New(fault.Forbidden, "seal-anonymous") }

func errKeyWrong(kind string) *fault.Fault {
	return fault.New(fault.Unmet, "seal-key-wrong", "kind", kind)
}

func errWrappingMissing(kind string) *fault.Fault {
	return fault.New(fault.Unmet, "seal-wrapping-missing", "kind", kind)
}

func errWrappingDamaged(kind string) *fault.Fault {
	return fault.New(fault.Unmet, "seal-wrapping-damaged", "kind", kind)
}

func errRingDamaged(key uint32) *fault.Fault {
	return fault.New(fault.Unmet, "seal-ring-damaged", "key", key)
}

func errValueDamaged(place Place) *fault.Fault {
	return fault.New(fault.Broken, "seal-value-damaged", "table", place.Table, "column", place.Column)
}

func errKeyUnknown(key uint32) *fault.Fault {
	return fault.New(fault.Broken, "seal-key-unknown", "key", key)
}

func errKeyRetired(key uint32) *fault.Fault {
	return fault.New(fault.Conflict, "seal-key-retired", "key", key)
}

func errRotatedMeanwhile() *fault.Fault { return fault.New(fault.Conflict, "seal-rotated-meanwhile") }

// errSpent: the key's reserved messages are used up and the store has not
// answered for more; errStale: the store was not seen for so long that the key
// may be gone. Both pass when the store is back.
func errSpent() *fault.Fault {
	return fault.New(fault.Busy, "seal-spent").RetryAfter(time.Second)
}

func errStale() *fault.Fault {
	return fault.New(fault.Busy, "seal-stale").RetryAfter(2 * time.Second)
}
