package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

var background = context.Background()

func TestErasureKeepsProofs(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(20)
		record := h.search(audit.Query{Name: "note.7"})[0].ID
		wantCode(t, h.EraseField(background, aoi, record, "title"), "audit-record-waiting")
		cp := h.checkpoint()
		before, err := h.Prove(background, admin, record)
		must(t, err)
		wantCode(t, h.EraseField(background, aoi, "0", "title"), "audit-record-unknown")
		wantCode(t, h.EraseField(background, aoi, record, "nothing"), "audit-field-unknown")
		wantCode(t, h.EraseField(background, aoi, record, "@at"), "audit-field-fixed")
		for _, name := range []string{"title", "@by", "title"} {
			must(t, h.EraseField(background, aoi, record, name))
		}
		found, err := h.Get(background, admin, record)
		must(t, err)
		if found.Fields["title"] != "" || found.By != "" || len(found.Erased) != 2 {
			t.Fatalf("%+v", found.Record)
		}
		if left := h.search(audit.Query{By: aoi, Name: "note.7"}); len(left) != 0 {
			t.Fatal("the person is still found by the erased field")
		}
		if text := h.export(); bytes.Contains(text, []byte("number 7")) {
			t.Fatal("the erased value is in the export")
		}
		after, err := h.Prove(background, admin, record)
		must(t, err)
		if before.Leaf != after.Leaf {
			t.Fatal("the leaf changed")
		}
		for _, proof := range []audit.Proof{before, after} {
			text, err := json.Marshal(proof)
			must(t, err)
			back, covered, err := audit.CheckProof(text, h.key())
			must(t, err)
			if back.ID != record || covered.Size <= back.Index {
				t.Fatalf("%+v %+v", back, covered)
			}
		}
		report, err := h.verify(h.export(), cp.Note)
		must(t, err)
		if report.Erased != 2 {
			t.Fatalf("%+v", report)
		}
	})
}

func TestAFalseProofIsRefused(t *testing.T) {
	h := open(t, sqliteURL(t))
	h.write(20)
	proof, err := h.Prove(background, admin, h.search(audit.Query{Name: "note.7"})[0].ID)
	must(t, err)
	for name, change := range map[string]func(p *audit.Proof){
		"value":   func(p *audit.Proof) { v := "other"; p.Fields[len(p.Fields)-1].Value = &v },
		"index":   func(p *audit.Proof) { p.Index++ },
		"beyond":  func(p *audit.Proof) { p.Index = 1 << 40 },
		"below":   func(p *audit.Proof) { p.Index = -1 },
		"leaf":    func(p *audit.Proof) { p.Leaf[0]++ },
		"id":      func(p *audit.Proof) { p.ID = "01hf3k8zq2m4v6x8y0a1b2c3d4" },
		"path":    func(p *audit.Proof) { p.Path = p.Path[1:] },
		"dropped": func(p *audit.Proof) { p.Fields = p.Fields[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(proof)
			must(t, err)
			var changed audit.Proof
			must(t, json.Unmarshal(text, &changed))
			change(&changed)
			text, err = json.Marshal(changed)
			must(t, err)
			_, _, err = audit.CheckProof(text, h.key())
			wantCode(t, err, "audit-proof-false")
		})
	}
}

func TestA160ARestoreIsAFork(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		logOf(t, h, 100)
		old := h.checkpoint()
		epoch, err := h.OpenEpoch(background, "local:0", "restored from yesterday's backup")
		must(t, err)
		h.write(5)
		now := h.checkpoint()
		if epoch != 2 || now.Epoch != 2 || old.Epoch != 1 {
			t.Fatalf("epochs %d %d %d", epoch, now.Epoch, old.Epoch)
		}
		// What the house went on to sign in epoch 1 after the backup was taken.
		lost := h.lostCheckpoint(old, 50)
		report, err := h.verify(h.export(), old.Note, now.Note, lost.Note)
		must(t, err)
		if report.Epoch != 2 || report.Outside != 2 || len(report.Forks) != 1 ||
			report.Forks[0] != (audit.Fork{Epoch: 1, Size: old.Size, Checkpoint: lost.Size}) {
			t.Fatalf("%+v", report)
		}
		if again, err := h.Epoch(background); err != nil || again != 2 {
			t.Fatal(again, err)
		}
	})
}

// lostCheckpoint is one that the same key signs for more records.
func (h *house) lostCheckpoint(c audit.Checkpoint, more int64) audit.Checkpoint {
	h.t.Helper()
	c.Size += more
	c.Root[0]++
	signed, err := h.SignForTest(background, c)
	must(h.t, err)
	return signed
}

func TestN6ReadingLeavesARecord(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(3)
		_, err := h.Search(background, admin, audit.Query{})
		wantCode(t, err, "audit-scope-missing")
		_, err = h.Search(background, admin, audit.Query{House: true, Cursor: "' OR 1=1"})
		wantCode(t, err, "audit-cursor-malformed")
		chika := audit.Reader{By: "person:chika", Org: "kaede"}
		page, err := h.Search(background, chika, audit.Query{Org: "kaede", Text: "NUMBER 2"})
		must(t, err)
		if len(page.Records) != 1 {
			t.Fatalf("%+v", page)
		}
		_, err = h.Get(background, chika, page.Records[0].ID)
		must(t, err)
		_, err = h.Get(background, audit.Reader{By: "person:eve", Org: "other"}, page.Records[0].ID)
		wantCode(t, err, "audit-record-unknown")
		h.export()
		for name, want := range map[string]int{"audit.searched": 1, "audit.read": 1} {
			if got := h.search(audit.Query{By: chika.By, Name: name}); len(got) != want || got[0].Org != "kaede" {
				t.Errorf("%s: %+v", name, got)
			}
		}
		if got := h.search(audit.Query{Name: "audit.exported"}); len(got) != 1 {
			t.Errorf("audit.exported: %+v", got)
		}
		if got := h.search(audit.Query{Org: "other"}); len(got) != 0 {
			t.Errorf("another organization sees %+v", got)
		}
	})
}

func TestSearchPagesThroughAll(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for part := range 3 {
			h.write(40)
			h.clock.Advance(time.Hour)
			if part < 2 {
				must(t, h.Integrate(background))
			}
		}
		for name, c := range map[string]struct {
			q    audit.Query
			want int
		}{
			"all of a name":   {audit.Query{Name: "note."}, 120},
			"prefix":          {audit.Query{Name: "note.1"}, 33},
			"first hour":      {audit.Query{Name: "note.", Until: start.Add(time.Hour)}, 40},
			"last hour":       {audit.Query{Name: "note.", From: start.Add(2 * time.Hour)}, 40},
			"organization":    {audit.Query{Org: "kaede"}, 120},
			"who":             {audit.Query{By: aoi}, 120},
			"target and text": {audit.Query{Target: "note:1", Text: "number 39"}, 3},
			"nobody":          {audit.Query{By: "person:nobody"}, 0},
		} {
			t.Run(name, func(t *testing.T) {
				seen := map[id.Record]bool{}
				c.q.Limit, c.q.House = 7, c.q.Org == ""
				for pages := 0; ; pages++ {
					page, err := h.Search(background, admin, c.q)
					must(t, err)
					for _, r := range page.Records {
						if seen[r.ID] {
							t.Fatalf("twice: %+v", r)
						}
						seen[r.ID] = true
					}
					if page.Cursor == "" || pages > 100 {
						break
					}
					c.q.Cursor = page.Cursor
				}
				if len(seen) != c.want {
					t.Fatalf("%d records, want %d", len(seen), c.want)
				}
			})
		}
	})
}

func TestArchivedBodiesLeaveTheirLeaves(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		export, cp := logOf(t, h, 200)
		cut := h.clock.Now()
		h.clock.Advance(24 * time.Hour)
		h.write(10)
		must(t, h.Integrate(background))
		var archive bytes.Buffer
		moved, err := h.Archive(background, "system:retention", cut, &archive)
		must(t, err)
		if moved < 200 {
			t.Fatalf("moved %d", moved)
		}
		report, err := h.verify(h.export(), cp.Note)
		must(t, err)
		if report.Size-report.Bodies != moved || len(report.Archived) == 0 {
			t.Fatalf("%+v", report)
		}
		n, err := audit.VerifyArchive(background, bytes.NewReader(archive.Bytes()), report.Archived)
		must(t, err)
		if n != moved || !bytes.Contains(export, archive.Bytes()[:200]) {
			t.Fatalf("%d of %d", n, moved)
		}
		changed := bytes.Replace(archive.Bytes(), []byte("number 5"), []byte("number 6"), 1)
		_, err = audit.VerifyArchive(background, bytes.NewReader(changed), report.Archived)
		wantCode(t, err, "audit-archive-altered")
		_, err = audit.VerifyArchive(background, bytes.NewReader(archive.Bytes()[:archive.Len()/2]), report.Archived)
		if err == nil {
			t.Fatal("half an archive was taken")
		}
		// What no record explains is missing, archived or not.
		h.sql("DELETE FROM audit_record WHERE id = (SELECT min(id) FROM audit_record)")
		_, err = h.verify(h.export(), cp.Note)
		wantCode(t, err, "audit-record-missing")
	})
}

func TestRefusalsAreNoWayToFillTheDisk(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		stranger := func(source, code string) {
			must(t, h.Refuse(background, audit.Refusal{Code: code, Source: source}))
		}
		for i := range 50 {
			must(t, h.Refuse(background, audit.Refusal{Subject: "person:aoi", By: aoi, Code: "no-right", Source: "192.0.2.1", Target: "note:1"}))
			must(t, h.Refuse(background, audit.Refusal{Subject: "person:botan", Code: "wrong-password", Source: "[2001:db8:1:2::3]:99"}))
			stranger(fmt.Sprintf("198.51.100.%d", i), "no-session")
		}
		if got := h.search(audit.Query{Name: "refused", Limit: 500}); len(got) != 40 {
			t.Fatalf("%d refusals told one by one, want 20 of each", len(got))
		}
		for i := range 3000 {
			stranger(fmt.Sprintf("10.%d.%d.1", i/256, i%256), "no-session")
		}
		must(t, h.Flush(background))
		must(t, h.Flush(background))
		if got := h.search(audit.Query{Name: "refused.counted"}); len(got) != 0 {
			t.Fatal("a minute that is not over was closed")
		}
		h.clock.Advance(time.Minute)
		must(t, h.Flush(background))
		counted := 0
		sums := map[string]int{}
		q := audit.Query{Name: "refused.counted", House: true, Limit: 500}
		for {
			page, err := h.Search(background, admin, q)
			must(t, err)
			for _, r := range page.Records {
				counted++
				var n int
				_, err := fmt.Sscan(r.Fields["count"], &n)
				must(t, err)
				sums[r.Fields["source"]] += n
			}
			if q.Cursor = page.Cursor; q.Cursor == "" {
				break
			}
		}
		if counted > 1001 || sums["198.51.100.0/24"] != 50 || sums["2001:db8:1::/48"] != 30 || sums["192.0.2.0/24"] != 30 {
			t.Fatalf("%d rows; %d %d %d", counted, sums["198.51.100.0/24"], sums["2001:db8:1::/48"], sums["192.0.2.0/24"])
		}
		all := 0
		for _, n := range sums {
			all += n
		}
		if all != 50+30+30+3000 || sums["others"] == 0 {
			t.Fatalf("%d counted in all, %d others", all, sums["others"])
		}
		must(t, h.Flush(background))
		if got := h.search(audit.Query{Name: "refused.counted", Text: "198.51.100.0/24"}); len(got) != 1 {
			t.Fatalf("counted twice: %+v", got)
		}
	})
}

// place is somewhere outside.
type place struct {
	name string
	mu   sync.Mutex
	got  []audit.Checkpoint
	away bool
	hang bool
}

func (p *place) Name() string { return p.name }

func (p *place) Send(ctx context.Context, c audit.Checkpoint) error {
	if p.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return errors.New("connection refused")
	}
	p.got = append(p.got, c)
	return nil
}

func (p *place) last() (c audit.Checkpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.got) > 0 {
		c = p.got[len(p.got)-1]
	}
	return c
}

// eventually waits for something that another goroutine does.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 400 {
		if is() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("not within 20 s: " + what)
}

func TestADeadPlaceDelaysNobody(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		good, away, hangs := &place{name: "good"}, &place{name: "away", away: true}, &place{name: "hangs", hang: true}
		h = attach(t, h.store, h.clock, func(o *audit.Options) { o.Outside = []audit.Outside{hangs, away, good} })
		h.Start()
		h.write(20)
		eventually(t, "the good place has it", func() bool { return good.last().Size > 0 })
		var states []audit.OutsideState
		eventually(t, "the failure is noted", func() bool {
			var err error
			states, err = h.OutsideStates(background)
			must(t, err)
			return states[1].Error != "" && states[2].Size > 0
		})
		if states[0].Size != 0 || states[1].Size != 0 || states[1].FailedAt.IsZero() || !strings.Contains(states[1].Error, "refused") {
			t.Fatalf("%+v", states)
		}
		away.mu.Lock()
		away.away = false
		away.mu.Unlock()
		eventually(t, "the place that came back has it", func() bool { return away.last().Size > 0 })
		must(t, h.Stop(background))
		record := h.search(audit.Query{Name: "note.3"})[0].ID
		found, err := h.Get(background, admin, record)
		must(t, err)
		if found.State != audit.Covered || len(found.Outside) == 0 {
			t.Fatalf("%+v", found)
		}
		if _, err := audit.ParseCheckpoint(good.last().Note, h.key()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheSequencerKeepsUpByItself(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.Start()
		h.write(50)
		eventually(t, "all is in the tree", func() bool {
			lag, err := h.Lag(background)
			must(t, err)
			return lag == 0 && len(h.search(audit.Query{Name: "note.49"})) == 1
		})
		must(t, h.Stop(background))
		report, err := h.VerifyStore(background, audit.VerifyOptions{Key: h.key()})
		must(t, err)
		if report.Bodies < 50 {
			t.Fatalf("%+v", report)
		}
	})
}

func TestLagIsTheAgeOfTheOldest(t *testing.T) {
	h := open(t, sqliteURL(t))
	h.write(1)
	h.clock.Advance(3 * time.Second)
	lag, err := h.Lag(background)
	must(t, err)
	if lag != 3*time.Second {
		t.Fatalf("lag %s", lag)
	}
	must(t, h.Integrate(background))
	if lag, err = h.Lag(background); err != nil || lag != 0 {
		t.Fatal(lag, err)
	}
}

func TestCheckpointsComeByTimeAndByCount(t *testing.T) {
	h := open(t, sqliteURL(t), func(o *audit.Options) { o.CheckpointRecords = 50 })
	h.write(1)
	must(t, h.Integrate(background)) // the first is signed at once
	size := func() int64 {
		_, beyond, err := h.CheckpointAge(background)
		must(t, err)
		return beyond
	}
	must(t, h.Integrate(background))
	h.write(20)
	must(t, h.Integrate(background))
	if size() == 0 {
		t.Fatal("signed before its time")
	}
	h.clock.Advance(time.Minute)
	_, err := h.Step(background, false)
	must(t, err)
	if size() != 0 {
		t.Fatal("a minute passed, and nothing was signed")
	}
	h.write(51)
	must(t, h.Integrate(background))
	if size() != 0 {
		t.Fatal("51 records, and nothing was signed")
	}
}

// TestA159TwoSequencers: two nodes on one PostgreSQL write and integrate at
// once; the one that sits stops without a word.
func TestA159TwoSequencers(t *testing.T) {
	url := housetest.Postgres(t)
	sealer := newGCM()
	same := func(o *audit.Options) { o.Sealer = sealer }
	a, b := open(t, url, same), open(t, url, same)
	var wg sync.WaitGroup
	const each = 400
	for n, h := range []*house{a, b} {
		h.Start()
		for w := range 4 {
			wg.Go(func() {
				for i := range each {
					err := h.store.House().Write(background, func(*store.Tx) store.End {
						return store.Done(store.Event{Name: "two.written", By: aoi, Target: fmt.Sprintf("%d/%d/%d", n, w, i)})
					})
					if err != nil {
						t.Error(err)
					}
					if n == 0 && w == 0 && i == each/2 {
						a.Kill()
					}
				}
			})
		}
	}
	wg.Wait()
	must(t, b.Integrate(background))
	must(t, b.Stop(background))
	report, err := b.VerifyStore(background, audit.VerifyOptions{Key: b.key()})
	must(t, err)
	targets := map[string]int{}
	q := audit.Query{House: true, Name: "two.", Limit: 500}
	for {
		page, err := b.Search(background, admin, q)
		must(t, err)
		for _, r := range page.Records {
			targets[r.Target]++
		}
		if q.Cursor = page.Cursor; q.Cursor == "" {
			break
		}
	}
	if len(targets) != 2*4*each || report.Bodies != report.Size {
		t.Fatalf("%d of %d records, %+v", len(targets), 2*4*each, report)
	}
	for target, n := range targets {
		if n != 1 {
			t.Fatalf("%s is there %d times", target, n)
		}
	}
	// The one that was dead comes back, believes that it sits, and is refused.
	before := report.Size
	a.write(1)
	if _, err := a.Step(background, false); err == nil {
		if _, err = a.Step(background, false); err != nil {
			t.Fatal(err)
		}
	}
	must(t, a.Integrate(background))
	report, err = a.VerifyStore(background, audit.VerifyOptions{Key: b.key()})
	must(t, err)
	if report.Size <= before {
		t.Fatal("the record is not there")
	}
}

// TestA159StaleSequencerIsRefused: both believe to sit; only one grows the
// tree, and no record is lost or there twice.
func TestA159StaleSequencerIsRefused(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		other := attach(t, h.store, h.clock)
		h.write(5)
		must(t, h.Integrate(background))
		h.write(5)
		for range 6 { // silent for long enough
			if _, err := other.Step(background, true); err == nil {
				break
			}
		}
		h.write(5)
		if _, err := h.Step(background, false); err == nil {
			t.Fatal("the old holder's write was taken")
		}
		must(t, other.Integrate(background))
		report, err := other.verifyStoreWith(h.key())
		must(t, err)
		if report.Bodies != report.Size || report.Size < 15 {
			t.Fatalf("%+v", report)
		}
	}, func(o *audit.Options) { o.Sealer = fixed })
}

// fixed is one key for all logs of a test.
var fixed = newGCM()

func (h *house) verifyStoreWith(key string) (audit.Report, error) {
	return h.VerifyStore(background, audit.VerifyOptions{Key: key})
}

func TestKillBetweenCommitAndIntegration(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(start)
		s := housetest.Open(t, url, c, audit.Schema)
		same := func(o *audit.Options) { o.Sealer = fixed }
		var key string
		for round := range 20 {
			h := attach(t, s, c, same) // a process that starts anew and never stops in order
			h.write(10 + round)
			if round%3 == 0 {
				for range 6 {
					if _, err := h.Step(background, true); err == nil {
						break
					}
				}
			}
			key = h.key()
		}
		h := attach(t, s, c, same)
		must(t, h.Integrate(background))
		report, err := h.verifyStoreWith(key)
		must(t, err)
		want := int64(20*10 + 19*20/2)
		if report.Bodies < want || report.Bodies != report.Size {
			t.Fatalf("%+v, want at least %d", report, want)
		}
	})
}

func TestTheSigningKeyIsSealedAnew(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(1)
		first := h.checkpoint()
		next := newGCM()
		must(t, h.store.House().Write(background, func(tx *store.Tx) store.End {
			at, sealed, ok, err := audit.SealedKey(&tx.View)
			if err != nil || !ok {
				return store.Abort(fmt.Errorf("%v %w", ok, err))
			}
			plain, err := fixed.Open(background, at, sealed)
			if err != nil {
				return store.Abort(err)
			}
			anew, err := next.Seal(background, at, plain)
			if err != nil {
				return store.Abort(err)
			}
			if done, err := audit.ReplaceSealedKey(tx, []byte("not what stands there"), anew); done || err != nil {
				return store.Abort(fmt.Errorf("it was replaced: %w", err))
			}
			if done, err := audit.ReplaceSealedKey(tx, sealed, anew); !done || err != nil {
				return store.Abort(fmt.Errorf("it was not replaced: %w", err))
			}
			return store.Quietly(store.QuietReencrypt)
		}))
		again := attach(t, h.store, h.clock, func(o *audit.Options) { o.Sealer = next })
		again.write(1)
		second := again.checkpoint()
		if second.Size <= first.Size {
			t.Fatal("no checkpoint by the key sealed anew")
		}
		_, err := audit.ParseCheckpoint(second.Note, h.key())
		must(t, err)
	}, func(o *audit.Options) { o.Sealer = fixed })
}
