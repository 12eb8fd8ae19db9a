package audit_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// gcm seals with a key of the test's own and the place as associated data.
type gcm struct{ cipher.AEAD }

func newGCM() gcm {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return gcm{aead}
}

func (g gcm) Seal(_ context.Context, at audit.Place, plain []byte) ([]byte, error) {
	return g.AEAD.Seal(nil, nil, plain, fmt.Append(nil, at)), nil
}

func (g gcm) Open(_ context.Context, at audit.Place, sealed []byte) ([]byte, error) {
	return g.AEAD.Open(nil, nil, sealed, fmt.Append(nil, at))
}

// house is a log on a store.
type house struct {
	*audit.Log
	store *store.Store
	clock *clock.Moved
	t     testing.TB
}

// open makes a log on the database at url; started by the caller if at all.
func open(t testing.TB, url string, change ...func(*audit.Options)) *house {
	t.Helper()
	c := clock.NewMoved(start)
	s := housetest.Open(t, url, c, audit.Schema)
	return attach(t, s, c, change...)
}

func attach(t testing.TB, s *store.Store, c *clock.Moved, change ...func(*audit.Options)) *house {
	o := audit.Options{Store: s, Clock: c, Node: id.New[id.Node](start), Log: housetest.Log(t), Sealer: newGCM()}
	for _, f := range change {
		f(&o)
	}
	return &house{Log: audit.New(o), store: s, clock: c, t: t}
}

// each runs f with a log on either engine.
func each(t *testing.T, f func(t *testing.T, h *house), change ...func(*audit.Options)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(t, open(t, url, change...)) })
}

// aoi is who acts in these tests.
const aoi = id.Principal("person:aoi")

var admin = audit.Reader{By: "local:0"}

// write leaves n records; their names are note.0 and so on.
func (h *house) write(n int) {
	h.t.Helper()
	for i := range n {
		h.one(store.Event{
			Name: fmt.Sprintf("note.%d", i), Org: "kaede", By: aoi, Target: "note:1",
			Fields: map[string]string{"title": fmt.Sprintf("number %d", i), "text": "a few words\nof text"},
		})
	}
}

func (h *house) one(e store.Event) {
	h.t.Helper()
	ctx := store.Around(context.Background(), store.Circumstance{
		Request: "r1", Source: "192.0.2.7:4711", Trust: "peer", Session: "s1", ACR: "2", AMR: []string{"pwd", "otp"},
	})
	must(h.t, h.store.House().Write(ctx, func(*store.Tx) store.End { return store.Done(e) }))
}

func (h *house) export() []byte {
	h.t.Helper()
	var out bytes.Buffer
	must(h.t, h.Export(context.Background(), admin, &out))
	return out.Bytes()
}

func (h *house) key() string {
	h.t.Helper()
	key, err := h.PublicKey(context.Background())
	must(h.t, err)
	return key
}

// verify holds an export against outside checkpoints.
func (h *house) verify(export []byte, notes ...string) (audit.Report, error) {
	return audit.Verify(context.Background(), bytes.NewReader(export), audit.VerifyOptions{Key: h.key(), Checkpoints: notes})
}

func (h *house) checkpoint() audit.Checkpoint {
	h.t.Helper()
	cp, err := h.Checkpoint(context.Background())
	must(h.t, err)
	return cp
}

// sql runs a statement past the witness, as an intruder with the database does.
func (h *house) sql(statement string, args ...any) {
	h.t.Helper()
	must(h.t, h.store.House().Append(context.Background(), func(tx *store.Tx) store.End {
		n, err := tx.Exec(statement, args...)
		if err == nil && n == 0 {
			err = errors.New("changed nothing: " + statement)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietCount)
	}))
}

func (h *house) search(q audit.Query) []audit.Record {
	h.t.Helper()
	q.House = q.Org == ""
	page, err := h.Search(context.Background(), admin, q)
	must(h.t, err)
	return page.Records
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if fault.Code(err) != code {
		t.Fatalf("got %v, want the fault %s", err, code)
	}
}

func TestAWriteWithoutItsRecordDoesNotCommit(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for name, e := range map[string]store.Event{
			"no name":           {By: aoi},
			"nobody acted":      {Name: "note.written"},
			"reserved field":    {Name: "note.written", By: aoi, Fields: map[string]string{"@by": "person:other"}},
			"field of no name":  {Name: "note.written", By: aoi, Fields: map[string]string{"": "x"}},
			"broken field name": {Name: "note.written", By: aoi, Fields: map[string]string{"\xff": "x"}},
		} {
			t.Run("A156 "+name, func(t *testing.T) {
				err := h.store.House().Write(context.Background(), func(tx *store.Tx) store.End {
					_, err := tx.Exec("INSERT INTO topic (name, version) VALUES ('effect', 1)")
					if err != nil {
						return store.Abort(err)
					}
					return store.Done(e)
				})
				if err == nil {
					t.Fatal("it committed")
				}
				versions, err := h.store.Versions(context.Background(), "effect")
				must(t, err)
				if versions["effect"] != 0 {
					t.Fatal("the effect is there without its record")
				}
				if found := h.search(audit.Query{Name: "note."}); len(found) != 0 {
					t.Fatalf("a record without an effect: %v", found)
				}
			})
		}
	})
}

func TestARecordIsProved(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(300)
		records := h.search(audit.Query{Name: "note.42"})
		if len(records) != 1 || records[0].Index != -1 {
			t.Fatalf("before integration: %+v", records)
		}
		found, err := h.Get(context.Background(), admin, records[0].ID)
		must(t, err)
		if found.State != audit.Pending {
			t.Fatalf("state %s", found.State)
		}
		must(t, h.Integrate(context.Background()))
		cp := h.checkpoint()
		if cp.Size < 300 || cp.Epoch != 1 {
			t.Fatalf("checkpoint %+v", cp)
		}
		found, err = h.Get(context.Background(), admin, records[0].ID)
		must(t, err)
		if found.State != audit.Covered || found.Fields["title"] != "number 42" || found.Source != "192.0.2.7:4711" || len(found.AMR) != 2 {
			t.Fatalf("%+v", found)
		}
		report, err := h.verify(h.export(), cp.Note)
		must(t, err)
		if report.Outside != 1 || report.Size < 300 || report.Bodies != report.Size {
			t.Fatalf("%+v", report)
		}
		report, err = h.VerifyStore(context.Background(), audit.VerifyOptions{Key: h.key(), Checkpoints: []string{cp.Note}})
		must(t, err)
		if report.Covered != report.Size {
			t.Fatalf("%+v", report)
		}
	})
}
