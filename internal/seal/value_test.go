package seal_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
)

// lone is an open ring on SQLite.
func lone(t testing.TB) *seal.Ring {
	s := housetest.Open(t, housetest.SQLite(t), clock.System(), seal.Schema, drawerSchema)
	o := quick(t, s)
	o.Grace = 0 // the real one: a value test may take its time
	r, _ := founded(t, o, drawer{})
	return r
}

// A ciphertext opens nowhere but where it was sealed.
func TestCiphertextCannotBeMoved(t *testing.T) {
	r := lone(t)
	home := seal.Place{Table: "account", Column: "secret", Row: "r1", Org: "kaede"}
	sealed, err := r.Seal(home, []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(context.Background(), operator); err != nil {
		t.Fatal(err)
	}
	places := map[string]seal.Place{
		"another table":                    {Table: "resource", Column: "secret", Row: "r1", Org: "kaede"},
		"another column":                   {Table: "account", Column: "note", Row: "r1", Org: "kaede"},
		"another row":                      {Table: "account", Column: "secret", Row: "r2", Org: "kaede"},
		"another organization":             {Table: "account", Column: "secret", Row: "r1", Org: "momiji"},
		"the house's own":                  {Table: "account", Column: "secret", Row: "r1", Org: ""},
		"a letter from table to column":    {Table: "accoun", Column: "tsecret", Row: "r1", Org: "kaede"},
		"a letter from row to org":         {Table: "account", Column: "secret", Row: "r", Org: "1kaede"},
		"row and organization exchanged":   {Table: "account", Column: "secret", Row: "kaede", Org: "r1"},
		"table and column exchanged":       {Table: "secret", Column: "account", Row: "r1", Org: "kaede"},
		"the separator of a naive joining": {Table: "account|secret", Column: "r1", Row: "kaede", Org: ""},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			_, err := r.Open(place, sealed)
			wantCode(t, err, "seal-value-damaged")
		})
	}
	t.Run("another key's id", func(t *testing.T) {
		moved := bytes.Clone(sealed)
		binary.BigEndian.PutUint32(moved[1:5], 2)
		_, err := r.Open(home, moved)
		wantCode(t, err, "seal-value-damaged")
	})
	t.Run("a key that is not there", func(t *testing.T) {
		moved := bytes.Clone(sealed)
		for _, key := range []uint32{0, 3, 18, 1 << 31} {
			binary.BigEndian.PutUint32(moved[1:5], key)
			_, err := r.Open(home, moved)
			wantCode(t, err, "seal-key-unknown")
		}
	})
	t.Run("home", func(t *testing.T) {
		plain, err := r.Open(home, sealed)
		if err != nil || string(plain) != "plain" {
			t.Fatalf("got %q, %v", plain, err)
		}
	})
}

func TestIncompletePlaceIsRefused(t *testing.T) {
	r := lone(t)
	for _, place := range []seal.Place{{}, {Table: "a", Column: "b"}, {Table: "a", Row: "c"}, {Column: "b", Row: "c"}} {
		if _, err := r.Seal(place, nil); err == nil {
			t.Errorf("sealed for %+v", place)
		}
	}
}

func anyPlace(t *rapid.T) seal.Place {
	part := rapid.StringN(1, 20, 60)
	return seal.Place{
		Table: part.Draw(t, "table"), Column: part.Draw(t, "column"), Row: part.Draw(t, "row"),
		Org: id.Org(rapid.String().Draw(t, "org")),
	}
}

func TestOpenIsTheInverseOfSealAndEveryBitCounts(t *testing.T) {
	r := lone(t)
	rapid.Check(t, func(t *rapid.T) {
		place := anyPlace(t)
		plain := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "plain")
		sealed, err := r.Seal(place, plain)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != len(plain)+seal.Overhead {
			t.Fatalf("%d bytes sealed are %d", len(plain), len(sealed))
		}
		opened, err := r.Open(place, sealed)
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("opened %x, %v", opened, err)
		}
		bit := rapid.IntRange(0, len(sealed)*8-1).Draw(t, "bit")
		sealed[bit/8] ^= 1 << (bit % 8)
		if opened, err := r.Open(place, sealed); err == nil {
			t.Fatalf("bit %d flipped opens as %x", bit, opened)
		}
		if other := anyPlace(t); other != place {
			sealed[bit/8] ^= 1 << (bit % 8)
			if _, err := r.Open(other, sealed); err == nil {
				t.Fatalf("sealed for %+v opens for %+v", place, other)
			}
		}
	})
}

// Every bit of one value, not a sample.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	r := lone(t)
	place := drawerPlace("r1", "kaede")
	sealed, err := r.Seal(place, []byte("sixteen bytes ok"))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(sealed) * 8 {
		sealed[bit/8] ^= 1 << (bit % 8)
		if _, err := r.Open(place, sealed); err == nil {
			t.Fatalf("bit %d flipped was opened", bit)
		}
		sealed[bit/8] ^= 1 << (bit % 8)
	}
	for cut := range len(sealed) {
		if _, err := r.Open(place, sealed[:cut]); err == nil {
			t.Fatalf("cut to %d bytes was opened", cut)
		}
	}
}

func TestEqualValuesSealDifferently(t *testing.T) {
	r := lone(t)
	place := drawerPlace("r1", "kaede")
	seen := map[string]bool{}
	for range 1000 {
		sealed, err := r.Seal(place, []byte("same"))
		if err != nil {
			t.Fatal(err)
		}
		seen[string(sealed)] = true
	}
	if len(seen) != 1000 {
		t.Fatalf("%d of 1000 differ", len(seen))
	}
}

func TestMACIsStableAndBoundToItsPurpose(t *testing.T) {
	r := lone(t)
	mac := func(purpose, data string) string {
		t.Helper()
		sum, err := r.MAC(purpose, []byte(data))
		if err != nil || len(sum) != 32 {
			t.Fatalf("%x, %v", sum, err)
		}
		return string(sum)
	}
	first := mac("client-secret", "x")
	if mac("session", "x") == first || mac("client-secret", "y") == first {
		t.Fatal("two purposes or values share a MAC")
	}
	if err := r.Rotate(context.Background(), operator); err != nil {
		t.Fatal(err)
	}
	if mac("client-secret", "x") != first {
		t.Fatal("a rotation changed the MAC: rows would no longer be found")
	}
}

func FuzzOpen(f *testing.F) {
	r := lone(f)
	place := drawerPlace("r1", "kaede")
	sealed, err := r.Seal(place, []byte("plain"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 1})
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Add(append(bytes.Clone(sealed), 0))
	f.Fuzz(func(t *testing.T, value []byte) {
		plain, err := r.Open(place, value)
		if err == nil && !bytes.Equal(value, sealed) {
			t.Fatalf("%x opens as %q", value, plain)
		}
		if err != nil && fault.As(err) == nil {
			t.Fatalf("a plain error for bad input: %v", err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	r := lone(b)
	running(b, r)
	place, plain := drawerPlace("r1", "kaede"), make([]byte, 256)
	b.ReportAllocs()
	b.SetBytes(256)
	for b.Loop() {
		if _, err := r.Seal(place, plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	r := lone(b)
	place := drawerPlace("r1", "kaede")
	sealed, err := r.Seal(place, make([]byte, 256))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(256)
	for b.Loop() {
		if _, err := r.Open(place, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
