package signin

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Glance is what a person holds to sign in with, counted.
type Glance struct {
	Passkeys           int
	Password, TOTP     bool
	MustChange         bool // the password
	Codes, CodesOfThem int  // recovery codes that are left, and all that were made
	Sessions           int
	Invitations        int // that wait for an answer
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

// Glance counts what a person holds, in one statement.
func (r *Room) Glance(ctx context.Context, who id.Person) (g Glance, err error) {
	now := store.Micros(r.clock.Now())
	err = r.store.Self(who).Read(ctx, func(v *store.View) error {
		var password, mustChange, totp int64
		err := v.Row(`SELECT (SELECT COUNT(*) FROM passkey WHERE person = $1),
			(SELECT COUNT(*) FROM factor WHERE person = $1 AND kind = 'password'),
			(SELECT COUNT(*) FROM factor WHERE person = $1 AND kind = 'password' AND must_change = 1),
			(SELECT COUNT(*) FROM factor WHERE person = $1 AND kind = 'totp'),
			(SELECT COUNT(*) FROM recovery_code WHERE person = $1 AND used = 0),
			(SELECT COUNT(*) FROM recovery_code WHERE person = $1),
			(SELECT COUNT(*) FROM session WHERE person = $1 AND ends > $2 AND seen + idle / 1000 >= $2),
			(SELECT COUNT(*) FROM invitation WHERE person = $1 AND ends > $2 AND accepted = 0)`, now).
			Scan(&g.Passkeys, &password, &mustChange, &totp, &g.Codes, &g.CodesOfThem, &g.Sessions, &g.Invitations)
		g.Password, g.MustChange, g.TOTP = password > 0, mustChange > 0, totp > 0
		return err
	})
	return g, err
}
