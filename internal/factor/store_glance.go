package factor

import "github.com/sekisho/sekisho/internal/store"

// Glance is what a person holds to sign in with, as the first page asks.
type Glance struct {
	Passkeys           int
	Password, TOTP     bool
	MustChange         bool // the password
	Codes, CodesOfThem int  // recovery codes that are left, and all that were made
}

// Holds are the methods that the person could use; mail is told by who knows
// their address.
func (g Glance) Holds() (all []Method) {
	for _, one := range []struct {
		method Method
		has    bool
	}{{ByPasskey, g.Passkeys > 0}, {ByPassword, g.Password}, {ByTOTP, g.TOTP}} {
		if one.has {
			all = append(all, one.method)
		}
	}
	return all
}

// GlanceOf reads it in one statement. v is the person's own view.
func GlanceOf(v *store.View) (g Glance, err error) {
	var password, mustChange, totp int64
	err = v.Row(`SELECT (SELECT COUNT(*) FROM passkey WHERE person = $1),
		(SELECT COUNT(*) FROM factor WHERE person = $1 AND kind = 'password'),
		(SELECT COUNT(*) FROM factor WHERE person = $1 AND kind = 'password' AND must_change = 1),
		(SELECT COUNT(*) FROM factor WHERE person = $1 AND kind = 'totp'),
		(SELECT COUNT(*) FROM recovery_code WHERE person = $1 AND used = 0),
		(SELECT COUNT(*) FROM recovery_code WHERE person = $1)`).
		Scan(&g.Passkeys, &password, &mustChange, &totp, &g.Codes, &g.CodesOfThem)
	g.Password, g.MustChange, g.TOTP = password > 0, mustChange > 0, totp > 0
	return g, err
}
