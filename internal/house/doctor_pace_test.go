package house_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// stuck writes rows as something that stopped working leaves them.
func stuck(t *testing.T, o house.Options, statement string, args ...any) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: o.Config.Database.Reveal(), Clock: o.Clock, Schemas: house.Schemas()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // of a test
	err = s.House().Write(t.Context(), func(tx *store.Tx) store.End {
		if _, err := tx.Exec(statement, args...); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	})
	if err != nil {
		t.Fatal(err)
	}
}

const effectRow = `INSERT INTO job_effect (id, org, driver, target, line, seq, waits, state, probe, payload, principal, tries, due, owner,
	fence_no, sent_at, fence_until, intended_at, first_at, ended_at, why, result)
	VALUES ('e', '', 'mail', 'relay', '', 0, 0, $1, 0, '{}', 'system:test', 0, 0, '', 0, 0, 0, $2, 0, 0, '', '')`

// A house in which nothing is stuck is found so, and each thing that gets stuck
// is found alone.
func TestDoctorFindsWhatIsStuck(t *testing.T) {
	now := housetest.Epoch
	const place = "https://witness.example/checkpoint"
	ages := func(d time.Duration) int64 { return store.Micros(now.Add(-d)) }
	sound := map[string]house.Level{"backup.fresh": house.Fine, "effects.done": house.Fine, "certificate.stands": house.Fine, "mail.reached": house.Fine, "outside.kept": house.Fine}
	relay := listens(t)
	for _, c := range []struct {
		name, key, instead string
		want               house.Level
		spoil              func(o *house.Options)
	}{
		{"nothing", "", "", "", func(*house.Options) {}},
		{"CAP-O2 certificate within two months", "certificate.coming", "certificate.stands", house.Fine, func(o *house.Options) { certify(t, o, now.Add(45*24*time.Hour)) }},
		{"CAP-O2 certificate within a week", "certificate.last", "certificate.stands", house.Bad, func(o *house.Options) { certify(t, o, now.Add(6*24*time.Hour)) }},
		{"CAP-O2 no mail server", "mail.away", "mail.reached", house.Bad, func(o *house.Options) { relays(t, o, closed(t)) }},
		{"CAP-O2 effect parked", "effects.parked", "effects.done", house.Bad, func(o *house.Options) { stuck(t, *o, effectRow, "parked", ages(time.Second)) }},
		{"CAP-O2 effect waits", "effects.wait", "effects.done", house.Warn, func(o *house.Options) { stuck(t, *o, effectRow, "intended", ages(11*time.Minute)) }},
		{"an effect that waits a little", "effects.done", "", house.Fine, func(o *house.Options) { stuck(t, *o, effectRow, "intended", ages(9*time.Minute)) }},
		{"CAP-O2 outside refuses", "outside.fails", "outside.kept", house.Bad, func(o *house.Options) {
			stuck(t, *o, "INSERT INTO audit_outside (name, epoch, size, pushed_at, failed_at, error) VALUES ($1, 1, 0, 0, $2, 'no')", place, ages(time.Minute))
		}},
		{"CAP-O2 outside is behind", "outside.behind", "outside.kept", house.Warn, func(o *house.Options) {
			stuck(t, *o, "INSERT INTO audit_outside (name, epoch, size, pushed_at, failed_at, error) VALUES ($1, 1, -5000, 0, 0, '')", place)
		}},
		{"CAP-O2 backup too old", "backup.old", "backup.fresh", house.Warn, func(o *house.Options) { o.Clock = clock.NewMoved(now.Add(8 * 24 * time.Hour)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := founded(t, clock.NewMoved(now))
			if _, err := house.WriteBackup(t.Context(), o, io.Discard, nil, nil); err != nil {
				t.Fatal(err)
			}
			certify(t, &o, now.Add(90*24*time.Hour))
			relays(t, &o, relay)
			o.Config.Audit.CheckpointTo = []string{place}
			c.spoil(&o)
			found := house.Doctor(t.Context(), o)
			for key, want := range sound {
				if got := level(found, key); key == c.instead && got != "" || key != c.instead && got != want {
					t.Errorf("%s: %q", key, got)
				}
			}
			if got := level(found, c.key); c.key != "" && got != c.want {
				t.Errorf("%s: %q, want %q", c.key, got, c.want)
			}
		})
	}
	t.Run("CAP-O2 no backup at all", func(t *testing.T) {
		if got := level(house.Doctor(t.Context(), founded(t, clock.NewMoved(now))), "backup.never"); got != house.Warn {
			t.Errorf("%q", got)
		}
	})
}

// listens is a mail server's address, at which nobody speaks.
func listens(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// closed is an address at which nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // of a test
	return l.Addr().String()
}

func relays(t *testing.T, o *house.Options, address string) {
	t.Helper()
	if err := o.Config.Mail.SMTP.UnmarshalText([]byte("smtp://" + address)); err != nil {
		t.Fatal(err)
	}
	o.Config.Egress.Allow = []string{"127.0.0.1/32"}
}

// The clock of a database on another machine is compared with ours.
func TestDoctorComparesClocks(t *testing.T) {
	c := config(t, housetest.Postgres(t))
	start(t, c)
	for want, by := range map[string]time.Duration{"clock.fits": 0, "clock.drifts": 10 * time.Second, "clock.apart": time.Hour} {
		o := house.Options{Config: c, Clock: clock.NewMoved(time.Now().Add(by))}
		if got := level(house.Doctor(t.Context(), o), want); got == "" {
			t.Errorf("CAP-O2 %s apart: no %s", by, want)
		}
	}
}
