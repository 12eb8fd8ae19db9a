package factor

import (
	"maps"
	"slices"
	"time"
)

// The levels of assurance, told to others as acr. They are labels of our own
// for the levels of NIST SP 800-63B-4; what counts is the methods that were
// used, never what a page was called (A040).
const (
	AAL0 = "aal0" // a link or code by mail, or nothing: no assurance (A056)
	AAL1 = "aal1" // one factor
	AAL2 = "aal2" // two, or a passkey with user verification
)

// Recent are the proofs that are not older than most.
func Recent(proofs []Proof, now time.Time, most time.Duration) []Proof {
	return slices.DeleteFunc(slices.Clone(proofs), func(p Proof) bool { return now.Sub(p.At) > most })
}

// Level is what the proofs together are worth. Links and codes by mail never
// raise it.
func Level(proofs []Proof) string {
	has := func(m Method) bool { return slices.ContainsFunc(proofs, func(p Proof) bool { return p.Method == m }) }
	switch {
	case has(ByPasskey), has(ByPassword) && (has(ByTOTP) || has(ByRecovery)):
		return AAL2
	case has(ByPassword), has(ByTOTP), has(ByRecovery):
		return AAL1
	}
	return AAL0
}

// Reached is when proofs together last reached each level: "aal1", "aal2", and
// "passkey" for the method alone. What was never reached is missing.
func Reached(proofs []Proof) map[string]time.Time {
	at := map[Method]time.Time{}
	for _, p := range proofs {
		if p.At.After(at[p.Method]) {
			at[p.Method] = p.At
		}
	}
	later := func(a, b time.Time) time.Time {
		if a.After(b) {
			return a
		}
		return b
	}
	code := later(at[ByTOTP], at[ByRecovery])
	two := at[ByPassword] // both: the older of the two
	if code.Before(two) {
		two = code
	}
	all := map[string]time.Time{
		AAL1: later(later(at[ByPassword], code), at[ByPasskey]), AAL2: later(two, at[ByPasskey]), string(ByPasskey): at[ByPasskey],
	}
	maps.DeleteFunc(all, func(_ string, t time.Time) bool { return t.IsZero() })
	return all
}

// AMR are the methods in the words of RFC 8176 §2; mail has none there.
func AMR(proofs []Proof) []string {
	names := map[Method][]string{
		ByPasskey: {"pop", "user"}, ByPassword: {"pwd"}, ByTOTP: {"otp"}, ByRecovery: {"otp"}, ByMail: {"mail"},
	}
	var all []string
	for _, p := range proofs {
		for _, name := range names[p.Method] {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	if Level(proofs) == AAL2 && !slices.Contains(all, "pop") {
		all = append(all, "mfa")
	}
	return all
}
