package house_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

const (
	largePasswords = 2000 // people with a sealed value
	largePassword  = "correct horse battery staple 7"
)

// TestALargeHouseComesBackOnTheOtherEngine prints seconds for a house of
// SEKISHO_BACKUP_PEOPLE people and SEKISHO_BACKUP_RECORDS audit records, such as
// 100000 and 1000000: a backup while others write, restored on the other engine,
// and counted there.
func TestALargeHouseComesBackOnTheOtherEngine(t *testing.T) {
	people, _ := strconv.Atoi(os.Getenv("SEKISHO_BACKUP_PEOPLE"))
	records, _ := strconv.Atoi(os.Getenv("SEKISHO_BACKUP_RECORDS"))
	if people == 0 || records == 0 {
		t.Skip("say how many: SEKISHO_BACKUP_PEOPLE=100000 SEKISHO_BACKUP_RECORDS=1000000")
	}
	c, far := clock.System(), 20*time.Minute
	timed := func(what string, f func()) {
		began := c.Mono()
		f()
		fmt.Printf("%-36s %6.1f s\n", what, (c.Mono() - began).Seconds())
	}
	for _, way := range [][2]func(testing.TB) string{{housetest.SQLite, housetest.Postgres}, {housetest.Postgres, housetest.SQLite}} {
		from, to := config(t, way[0](t)), config(t, way[1](t))
		n := start(t, from)
		var some []id.Person
		timed("fill "+n.Store().Engine(), func() {
			some = populate(t, n, people, far)
			writeRecords(t, n.Store(), records)
		})
		file, kit := filepath.Join(t.TempDir(), "house.backup"), filepath.Join(from.Data, house.KitFile)
		var report house.Backup
		acked, stop := keepWriting(t, n.Store())
		before := acked.Load()
		timed("backup under load", func() {
			var err error
			if report, err = house.SaveBackup(file, func(w io.Writer) (house.Backup, error) { return overSocket(t, from.Data, w) }); err != nil {
				t.Fatal(err)
			}
		})
		during := acked.Load() - before
		stop()
		fmt.Printf("%d rows, %d records, %d MB; %d writes were acknowledged meanwhile\n", report.Rows, report.AuditSize, report.Bytes>>20, during)
		n.stop(t)
		var back house.Restored
		timed("restore with verification", func() {
			var err error
			if back, err = house.Restore(ctx, optionsOf(t, to), file, kit, "", false, nil); err != nil {
				t.Fatal(err)
			}
		})
		if back.Rows != report.Rows || back.AuditSize < report.AuditSize || during == 0 { // what was not signed yet came too
			t.Errorf("saved %+v, came back %+v, %d writes", report, back, during)
		}
		n = start(t, to)
		timed("counts and "+strconv.Itoa(len(some))+" passwords", func() {
			for table, want := range map[string]int64{"person": int64(people), "member": int64(people), "member_role": int64(people), "factor": int64(len(some))} {
				if got := counted(t, n.Store(), table); got != want {
					t.Errorf("%s: %d, want %d", table, got, want)
				}
			}
			for i := range some {
				h, err := n.Factors().Holdings(ctx, some[i])
				if err != nil {
					t.Fatal(err)
				}
				if right, _, err := n.Factors().Verify(ctx, h.Password, secret.Of(largePassword)); err != nil || !right {
					t.Fatalf("the password of %s: %v %v", some[i], right, err)
				}
			}
		})
		n.stop(t)
	}
}

func counted(t *testing.T, s *store.Store, table string) (n int64) {
	t.Helper()
	if err := s.House().Read(ctx, func(v *store.View) error { return v.Row("SELECT count(*) FROM " + table).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// keepWriting writes a record again and again until it is stopped.
func keepWriting(t *testing.T, s *store.Store) (acked *atomic.Int64, stop func()) {
	var done atomic.Bool
	var wg sync.WaitGroup
	acked = &atomic.Int64{}
	for range 4 {
		wg.Go(func() {
			for !done.Load() {
				err := s.House().Write(ctx, func(*store.Tx) store.End { return store.Done(store.Event{Name: "test.written", By: id.Local(0)}) })
				if err != nil {
					t.Error(err)
					return
				}
				acked.Add(1)
				time.Sleep(2 * time.Millisecond) // a load, not a flood: the log must keep up
			}
		})
	}
	return acked, func() { done.Store(true); wg.Wait() }
}

// populate adds people to one organization, some of whom have passwords.
func populate(t *testing.T, n node, people int, far time.Duration) (some []id.Person) {
	t.Helper()
	hash, err := n.Factors().HashPassword(ctx, org.Person{Login: "nobody-at-all"}, secret.Of(largePassword))
	if err != nil {
		t.Fatal(err)
	}
	in, s := string(id.New[id.Org](time.Now())), n.Store().House().Within(far)
	write := func(f func(*store.Tx) error) {
		t.Helper()
		err := s.Write(ctx, func(tx *store.Tx) store.End {
			if err := f(tx); err != nil {
				return store.Abort(err)
			}
			return store.Done(store.Event{Name: "test.written", By: id.Local(0)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO org (id, name, title, fold, type, parent, state, parent_roles, created, version)
			VALUES ($1, 'large', 'Large', 'large', 'provider', '', 'active', '[]', 1, 1)`, in)
		return err
	})
	for from := 0; from < people; from += 2000 {
		write(func(tx *store.Tx) error {
			for i := from; i < min(from+2000, people); i++ {
				who, login := id.New[id.Person](time.Now()), fmt.Sprintf("p%06d", i)
				_, err := tx.Exec(`INSERT INTO person (id, login, login_fold, email, email_fold, verified, display_name, family_name, given_name, reading, locale, time_zone, state, sort, created, version)
					VALUES ($1, $2, $2, $3, $3, 1, $4, '佐藤', '葵', 'さとう あおい', 'ja', 'Asia/Tokyo', 'active', $2, 1, 1)`, string(who), login, login+"@example.com", "佐藤 "+login)
				if err == nil {
					_, err = tx.Exec("INSERT INTO member (org, person, manager, state, sort, since, version) VALUES ($1, $2, '', 'active', $3, 1, 1)", in, string(who), login)
				}
				if err == nil {
					_, err = tx.Exec("INSERT INTO member_role (org, person, role) VALUES ($1, $2, 'user')", in, string(who))
				}
				if err == nil && i < largePasswords {
					some = append(some, who)
					err = n.Factors().ImportPassword(tx, who, hash)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return some
}

// writeRecords writes many audit records, fifty in a write.
func writeRecords(t *testing.T, s *store.Store, records int) {
	t.Helper()
	const batch, writers = 50, 8
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for from := w * batch; from < records; from += writers * batch {
				events := make([]store.Event, min(batch, records-from))
				for i := range events {
					events[i] = store.Event{Name: "test.written", By: id.Local(0), Target: fmt.Sprint("thing:", from+i), Fields: map[string]string{"text": strings.Repeat("a", 40)}}
				}
				if err := s.House().Write(ctx, func(*store.Tx) store.End { return store.Done(events[0], events[1:]...) }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
