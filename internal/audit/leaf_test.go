package audit_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/store"
)

// What follows is the framing, written a second time: big-endian lengths by
// hand, no code of the package.
func length(n int) string {
	return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func framed(s string) string { return length(len(s)) + s }

func leafOf(fields map[string][2]string) [32]byte {
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	list := ""
	for _, name := range names {
		salt, value := fields[name][0], fields[name][1]
		hash := sha256.Sum256([]byte(framed(salt) + framed(name) + framed(value)))
		list += framed(name) + framed(string(hash[:]))
	}
	return sha256.Sum256([]byte("\x00" + list)) // RFC 6962 §2.1
}

// The wanted hashes were computed with Python's hashlib and struct.
func TestTheFramingIsTheWrittenOne(t *testing.T) {
	salt := strings.Repeat("s", 16)
	for name, c := range map[string]struct{ name, value, want string }{
		"one field":   {"a", "b", "edb00ddbc4a72453f4996e57b779cd028ad74dcabe9859878442608053b630a2"},
		"empty value": {"a", "", "296f8a69ec5b71224ef3759ac9c02579b1f6f8ed18522218a83ded7212bb8557"},
		"japanese":    {"title", "停電のお知らせ", "89fa5c0c78047eb9a99a396f4271a50cc855fb8b1e7cc83c378ad57a9226b645"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := leafOf(map[string][2]string{c.name: {salt, c.value}}); hex.EncodeToString(got[:]) != c.want {
				t.Fatalf("the test's own framing: %x, want %s", got, c.want)
			}
			if got := audit.LeafOf([]audit.Salted{{Name: c.name, Salt: salt, Value: c.value}}); hex.EncodeToString(got[:]) != c.want {
				t.Fatalf("%x, want %s", got, c.want)
			}
		})
	}
}

func TestEveryExportedRecordHashesToItsLeaf(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(3)
		h.checkpoint()
		var leaves []byte
		records := 0
		for line := range strings.Lines(string(h.export())) {
			var l struct {
				Leaves []byte
				I      *int
				F      [][]string
			}
			must(t, json.Unmarshal([]byte(line), &l))
			if l.Leaves != nil {
				leaves = l.Leaves
			}
			if l.I == nil {
				continue
			}
			records++
			fields := map[string][2]string{}
			for _, f := range l.F {
				salt, err := base64.RawStdEncoding.DecodeString(f[1])
				must(t, err)
				fields[f[0]] = [2]string{string(salt), f[2]}
			}
			want := leafOf(fields)
			if got := leaves[*l.I*32 : *l.I*32+32]; string(got) != string(want[:]) {
				t.Fatalf("record %d: leaf %x, want %x", *l.I, got, want)
			}
		}
		if records < 4 {
			t.Fatalf("%d records", records)
		}
	})
}

func TestEveryRecordReadsAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"\r\n", "\x1b[31mred", "\u202egnp.exe", `","value"]]}`, "\u2028", "停電", "\x7f\u0085", "\ufeff", "a\\u0041",
		}))
		fields := rapid.MapOf(rapid.StringMatching(`[a-z]{1,8}`), text).Draw(t, "fields")
		line, back, err := audit.LineRoundTrip(fields)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if strings.Count(line, "\n") != 1 || strings.ContainsAny(line, "\r\x1b\x7f\u202e\u2028\u0085") {
			t.Fatalf("A162: %q", line)
		}
		if !json.Valid([]byte(line)) {
			t.Fatalf("not JSON: %q", line)
		}
		for name, value := range fields {
			if back[name] != strings.ToValidUTF8(value, "\uFFFD") {
				t.Fatalf("%s: %q became %q", name, value, back[name])
			}
		}
	})
}

func TestA162NothingBreaksOutOfARecord(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		hostile := "Mozilla\r\n{\"i\":9,\"f\":[]}\n\x1b[2J\u202e\"]]}\xff" + strings.Repeat("長", 5000)
		h.one(store.Event{Name: "note.written", By: aoi, Target: hostile, Fields: map[string]string{"agent": hostile}})
		h.checkpoint()
		records := h.search(audit.Query{Name: "note."})
		if len(records) != 1 {
			t.Fatalf("%d records of one event", len(records))
		}
		value := records[0].Fields["agent"]
		if !strings.HasPrefix(value, "Mozilla\r\n{") || len(value) > 9000 || !strings.HasSuffix(value, "bytes)") {
			t.Fatalf("%d bytes: %.100q", len(value), value)
		}
		out := string(h.export())
		if strings.ContainsAny(out, "\r\x1b\u202e") {
			t.Fatal("a control character stands in the export as it is")
		}
		_, err := h.verify([]byte(out))
		must(t, err)
	})
}

func FuzzExportReader(f *testing.F) {
	line, _, _ := audit.LineRoundTrip(map[string]string{"a": "b\n", "title": "停電"})
	f.Add([]byte(line))
	f.Add([]byte(`{"i":0,"f":[]}` + "\n"))
	f.Add([]byte(`{"format":"sekisho-audit/1","origin":"o","key":"","size":1}` + "\n" + `{"end":0}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		// Whatever it is, a line that is taken is the line that is written.
		for line := range strings.Lines(string(text)) {
			if back, ok := audit.Rewrite([]byte(strings.TrimSuffix(line, "\n"))); ok && string(back) != strings.TrimSuffix(line, "\n")+"\n" {
				t.Fatalf("%q was taken for %q", line, back)
			}
		}
		_, err := audit.Verify(t.Context(), strings.NewReader(string(text)), audit.VerifyOptions{Key: "sekisho-audit+00000000+x"})
		if err == nil && len(text) > 0 && !strings.Contains(string(text), `"size":0`) {
			t.Fatalf("an unsigned export was verified: %q", text)
		}
	})
}
