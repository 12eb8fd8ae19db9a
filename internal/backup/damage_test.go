package backup_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/backup"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/seal"
)

// refused restores a file into an empty place of either engine and wants it
// refused with one of the codes, and nothing left there.
func refused(t *testing.T, o backup.RestoreOptions, codes ...string) {
	t.Helper()
	_, err := backup.Restore(t.Context(), o)
	if err == nil {
		t.Fatal("restored")
	}
	for _, code := range codes {
		if fault.Code(err) == code {
			wantCode(t, err, code)
			isEmpty(t, o.URL.Reveal())
			if left, _ := os.ReadDir(filepath.Dir(o.KeyFile)); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			return
		}
	}
	t.Fatalf("got %v, want one of %v", err, codes)
}

// sample is a backup and what opens it.
func sample(t *testing.T) (file, kit string) {
	t.Helper()
	h := open(t, housetest.SQLite(t), schemas...)
	_, kit = h.found(t)
	h.fill(t, 50)
	file, _ = h.save(t)
	h.close(t)
	return file, kit
}

// anew is a fresh empty place for each try.
func anew(t *testing.T, file, kit string) backup.RestoreOptions {
	return restoring(t, file, kit, housetest.SQLite(t), filepath.Join(t.TempDir(), "unseal.key"))
}

func TestDamagedFilesAreRefused(t *testing.T) {
	file, kit := sample(t)
	whole := contentOf(t, file)
	random := rand.New(rand.NewPCG(1, 2))
	t.Run("any bit", func(t *testing.T) {
		for range 40 {
			changed := bytes.Clone(whole)
			at := random.IntN(len(changed))
			changed[at] ^= 1 << random.IntN(8)
			t.Run(fmt.Sprint(at), func(t *testing.T) {
				refused(t, anew(t, fileOf(t, changed), kit), "backup-damaged", "backup-identity-wrong")
			})
		}
	})
	for _, n := range []int{0, 1, 30, 200, len(whole) / 2, len(whole) - 17, len(whole) - 1} {
		t.Run(fmt.Sprintf("cut to %d", n), func(t *testing.T) { refused(t, anew(t, fileOf(t, whole[:n]), kit), "backup-damaged") })
	}
	t.Run("longer", func(t *testing.T) {
		refused(t, anew(t, fileOf(t, append(bytes.Clone(whole), 0)), kit), "backup-damaged")
	})
	t.Run("no file", func(t *testing.T) { refused(t, anew(t, file+"x", kit), "backup-file-unreadable") })
	t.Run("another kit", func(t *testing.T) {
		h := open(t, housetest.SQLite(t), schemas...)
		defer h.close(t)
		_, other := h.found(t)
		refused(t, anew(t, file, other), "backup-identity-wrong")
	})
	t.Run("A165 kit open to others", func(t *testing.T) {
		loose := filepath.Join(t.TempDir(), "kit")
		if err := os.WriteFile(loose, contentOf(t, kit), 0o644); err != nil { //nolint:gosec // that is the point
			t.Fatal(err)
		}
		refused(t, anew(t, file, loose), "seal-file-open-to-others")
	})
	t.Run("as it is", func(t *testing.T) {
		if _, err := backup.Restore(t.Context(), anew(t, file, kit)); err != nil {
			t.Error(err)
		}
	})
}

// frame is a frame of the format.
type frame struct {
	kind    byte
	content []byte
}

func decrypt(t *testing.T, file, kit string) []byte {
	t.Helper()
	plain, err := seal.Decrypt(bytes.NewReader(contentOf(t, file)), kit)
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(plain)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func framesOf(content []byte) (all []frame) {
	for len(content) > 0 {
		n := 5 + int(binary.BigEndian.Uint32(content[1:]))
		all = append(all, frame{content[0], content[5:n]})
		content = content[n:]
	}
	return all
}

func join(frames []frame) (out []byte) {
	for _, f := range frames {
		out = binary.BigEndian.AppendUint32(append(out, f.kind), uint32(len(f.content)))
		out = append(out, f.content...)
	}
	return out
}

// pack encrypts a plain stream to the kit of somebody: anybody can, who knows
// the recipient.
func pack(t *testing.T, kit string, plain io.Reader) string {
	t.Helper()
	var out bytes.Buffer
	sealed, err := seal.Encrypt(&out, regexp.MustCompile("age1[0-9a-z]+").FindString(string(contentOf(t, kit))))
	if err != nil {
		t.Fatal(err)
	}
	zipped := gzip.NewWriter(sealed)
	if _, err := io.Copy(zipped, plain); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sealed.Close(); err != nil {
		t.Fatal(err)
	}
	return fileOf(t, out.Bytes())
}

// forge changes the frames of a backup, makes digests and manifest fit again,
// and signs with the key of another house.
func forge(t *testing.T, forger *home, frames []frame, change func(h *backup.Header, frames []frame) []frame) []byte {
	t.Helper()
	var h backup.Header
	if err := json.Unmarshal(frames[0].content, &h); err != nil {
		t.Fatal(err)
	}
	frames = change(&h, append([]frame{}, frames[:len(frames)-1]...))
	head, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	frames[0].content = head
	rows, sum := int64(0), [4]uint64{}
	for i, f := range frames {
		switch f.kind {
		case 'T':
			rows, sum = 0, [4]uint64{}
		case 'R':
			rows++
			hashed := sha256.Sum256(f.content)
			for i := range sum {
				sum[i] += binary.BigEndian.Uint64(hashed[8*i:])
			}
		case 'E':
			content := binary.BigEndian.AppendUint64(nil, uint64(rows))
			for _, part := range sum {
				content = binary.BigEndian.AppendUint64(content, part)
			}
			frames[i].content = content
		}
	}
	body := join(frames)
	var all int64
	for _, table := range h.Tables {
		all += table.Rows
	}
	text := fmt.Sprintf("sekisho backup manifest\nformat %d\nmade %s\ntables %d\nrows %d\nsha256 %x\n",
		h.Format, h.MadeAt.UTC().Format("2006-01-02T15:04:05.999999999Z07:00"), len(h.Tables), all, sha256.Sum256(body))
	signed, err := forger.audit.Sign(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	return append(body, join([]frame{{'M', []byte(signed)}})...)
}

func TestForgedFilesAreRefused(t *testing.T) {
	file, kit := sample(t)
	frames := framesOf(decrypt(t, file, kit))
	forger := open(t, housetest.SQLite(t), schemas...)
	defer forger.close(t)
	forger.found(t)
	key, err := forger.audit.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same := func(_ *backup.Header, f []frame) []frame { return f }
	ours := func(h *backup.Header, f []frame) []frame { h.AuditKey = key; return f }
	try := func(name string, change func(*backup.Header, []frame) []frame, codes ...string) {
		t.Run(name, func(t *testing.T) {
			forged := pack(t, kit, bytes.NewReader(forge(t, forger, frames, change)))
			refused(t, anew(t, forged, kit), codes...)
		})
	}
	try("foreign signer", same, "backup-signature-wrong")
	try("foreign signer with their key in the header", ours, "backup-signature-wrong")
	try("foreign signer with their key everywhere", func(h *backup.Header, f []frame) []frame {
		theirs := bytes.ReplaceAll(join(f), []byte(h.AuditKey), []byte(key)) // both keys are of one length
		h.AuditKey = key
		return framesOf(theirs)
	}, "backup-signature-wrong")
	try("A166 table that is none of ours", func(h *backup.Header, f []frame) []frame {
		h.Tables[3].Name = `x" (id) VALUES (1); DROP TABLE thing; --`
		return f
	}, "backup-schema-foreign")
	try("A166 table twice", func(h *backup.Header, f []frame) []frame {
		h.Tables[3] = h.Tables[2]
		return f
	}, "backup-schema-foreign")
	try("A166 table of the migrations", func(h *backup.Header, f []frame) []frame {
		h.Tables[0].Name = "schema_migration"
		return f
	}, "backup-schema-foreign")
	try("A166 column that is none of ours", func(h *backup.Header, f []frame) []frame {
		h.Tables[0].Columns[0].Name = `a" TEXT); --`
		return f
	}, "backup-schema-foreign")
	try("format of tomorrow", func(h *backup.Header, f []frame) []frame { h.Format = 2; return f }, "backup-format-unknown")
	try("no tables", func(h *backup.Header, f []frame) []frame { h.Tables = nil; return f[:1] }, "backup-damaged")
	try("fewer rows", func(_ *backup.Header, f []frame) []frame { return without(f, 'R') }, "backup-damaged")
	try("more rows", func(_ *backup.Header, f []frame) []frame { return twice(f, 'R') }, "backup-damaged")
	try("order of tables", func(h *backup.Header, f []frame) []frame {
		h.Tables[0], h.Tables[1] = h.Tables[1], h.Tables[0]
		return f
	}, "backup-damaged")
	try("row of other kinds", func(_ *backup.Header, f []frame) []frame {
		for i := range f {
			if f[i].kind == 'R' {
				f[i].content = bytes.Repeat([]byte{9}, 40)
			}
		}
		return f
	}, "backup-damaged")
	t.Run("unsigned", func(t *testing.T) {
		body := append([]frame{}, frames[:len(frames)-1]...)
		text := fmt.Sprintf("sekisho backup manifest\nsha256 %x\n", sha256.Sum256(join(body)))
		forged := join(append(body, frame{'M', []byte(text)}))
		refused(t, anew(t, pack(t, kit, bytes.NewReader(forged)), kit), "backup-signature-wrong")
	})
	t.Run("something behind", func(t *testing.T) {
		forged := append(join(frames), join([]frame{{'R', nil}})...)
		refused(t, anew(t, pack(t, kit, bytes.NewReader(forged)), kit), "backup-damaged")
	})
	t.Run("not ours at all", func(t *testing.T) {
		refused(t, anew(t, pack(t, kit, strings.NewReader("PK\x03\x04 ../../etc/passwd")), kit), "backup-damaged")
	})
}

func without(frames []frame, kind byte) []frame {
	for i, f := range frames {
		if f.kind == kind {
			return append(append([]frame{}, frames[:i]...), frames[i+1:]...)
		}
	}
	return frames
}

func twice(frames []frame, kind byte) []frame {
	for i, f := range frames {
		if f.kind == kind {
			return append(append(append([]frame{}, frames[:i+1]...), f), frames[i+1:]...)
		}
	}
	return frames
}

// zeros is a reader of n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

func TestBombsAreRefused(t *testing.T) {
	file, kit := sample(t)
	frames := framesOf(decrypt(t, file, kit))
	head := join(frames[:1])
	t.Run("A153 a row of nothing but zeros", func(t *testing.T) {
		length := []byte{'R', 3, 255, 255, 255} // 64 MiB less one
		first := append(append([]byte{}, head...), join([]frame{{'T', frames[1].content}})...)
		bomb := io.MultiReader(bytes.NewReader(append(first, length...)), &zeros{100 << 20})
		refused(t, anew(t, pack(t, kit, bomb), kit), "backup-bomb")
	})
	t.Run("A153 a frame that says it is 4 GiB", func(t *testing.T) {
		bomb := io.MultiReader(bytes.NewReader([]byte{'H', 255, 255, 255, 255}), &zeros{1 << 20})
		refused(t, anew(t, pack(t, kit, bomb), kit), "backup-damaged")
	})
	t.Run("A153 more than the whole may be", func(t *testing.T) {
		o := anew(t, file, kit)
		o.Limits.Plain = 10_000
		refused(t, o, "backup-bomb")
	})
}
