package audit

import (
	"crypto/aes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sort"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	saltLen = 16
	hashLen = tlog.HashSize
)

// field is one field of a record. An erased one has lost value and salt and
// keeps its hash.
type field struct {
	name   string
	value  string
	salt   [saltLen]byte
	hash   tlog.Hash
	erased bool
}

// fields is a record as it is hashed, stored and exported: sorted by name.
type fields []field

// sorted puts the fields in order of their names' bytes and refuses two of one
// name: the later would hide the earlier.
func (fs fields) sorted() error {
	fs.inOrder()
	for i := 1; i < len(fs); i++ {
		if fs[i].name == fs[i-1].name {
			return errors.New("audit: two fields named " + fs[i].name)
		}
	}
	return nil
}

func (fs fields) inOrder() {
	slices.SortFunc(fs, func(a, b field) int { return strings.Compare(a.name, b.name) })
}

// seed is what the salts of one record are made of, as long as nothing of it
// is erased. It never leaves the database: who sees some of the salts learns
// nothing of the others.
type seed [saltLen]byte

// salted gives every field a salt of its own, made of a fresh seed.
func (fs fields) salted() (s seed) {
	_, _ = rand.Read(s[:]) // never fails (crypto/rand, Go 1.24)
	fs.saltedBy(&s)
	return s
}

// saltedBy makes salt i the AES-128 encryption of the block i under the seed.
func (fs fields) saltedBy(s *seed) {
	cipher, _ := aes.NewCipher(s[:]) // fails for other lengths only
	for i := range fs {
		fs[i].salt = [saltLen]byte{}
		binary.BigEndian.PutUint64(fs[i].salt[saltLen-8:], uint64(i)) //nolint:gosec // i >= 0
		cipher.Encrypt(fs[i].salt[:], fs[i].salt[:])
	}
}

// item appends one item of a list to hash: its length as uint32 big-endian,
// then its bytes.
func item[T ~string | ~[]byte](to []byte, bytes T) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(bytes))) //nolint:gosec // caps keep every item far below 4 GiB
	return append(to, bytes...)
}

// framer computes leaves; it keeps its buffers between records.
type framer struct{ one, all []byte }

// leaf returns tlog.RecordHash over the items (name, hash) of all fields, hash
// being SHA-256 over the items (salt, name, value).
func (f *framer) leaf(fs fields) tlog.Hash {
	f.all = f.all[:0]
	for i := range fs {
		hash := fs[i].hash
		if !fs[i].erased {
			hash = f.hash(&fs[i])
		}
		f.all = item(f.all, fs[i].name)
		f.all = item(f.all, hash[:])
	}
	return tlog.RecordHash(f.all)
}

func (f *framer) hash(one *field) tlog.Hash {
	f.one = item(f.one[:0], one.salt[:])
	f.one = item(f.one, one.name)
	f.one = item(f.one, one.value)
	return sha256.Sum256(f.one)
}

// get returns the value of a field; "" if it is erased or not there.
func (fs fields) get(name string) string {
	if i := fs.find(name); i >= 0 {
		return fs[i].value
	}
	return ""
}

func (fs fields) find(name string) int {
	i := sort.Search(len(fs), func(i int) bool { return fs[i].name >= name })
	if i < len(fs) && fs[i].name == name {
		return i
	}
	return -1
}

// erase drops value and salt of a field and keeps its hash.
func (fs fields) erase(i int) {
	var f framer
	if !fs[i].erased {
		fs[i] = field{name: fs[i].name, hash: f.hash(&fs[i]), erased: true}
	}
}

// The body of a record in the database. Whole, as it is written: one byte of
// format, the seed, then name and value of each field. After an erasure: one
// byte of format, then for each field a byte (kept or erased), its name, and
// salt and value or the hash. Strings are preceded by their length as uvarint;
// of a whole body's names those that the witness fills in are one byte.
const (
	bodyErased  = 1
	bodyWhole   = 2
	fieldKept   = 0
	fieldErased = 1
	nameCoded   = 0x80 // no name is that long
)

// codedNames are never reordered: their places are in the database.
var codedNames = [...]string{
	fieldID, fieldAt, fieldNode, fieldSeq, fieldName, fieldOrg, fieldBy,
	fieldTarget, fieldRequest, fieldSource, fieldTrust, fieldSession, fieldACR, fieldAMR,
}

func codeOf(name string) (code byte, ok bool) {
	if name[0] != '@' {
		return 0, false
	}
	i := slices.Index(codedNames[:], name)
	return nameCoded | byte(i), i >= 0 //nolint:gosec // a short list
}

var errBody = errors.New("audit: the stored body of a record is not readable")

func (fs fields) encode(to []byte) []byte {
	to = append(to, bodyErased)
	for i := range fs {
		one := &fs[i]
		if one.erased {
			to = text(append(to, fieldErased), one.name)
			to = append(to, one.hash[:]...)
			continue
		}
		to = text(append(to, fieldKept), one.name)
		to = append(to, one.salt[:]...)
		to = text(to, one.value)
	}
	return to
}

// whole encodes fields that salted has salted.
func (fs fields) whole(to []byte, s *seed) []byte {
	to = append(append(to, bodyWhole), s[:]...)
	for i := range fs {
		if code, ok := codeOf(fs[i].name); ok {
			to = append(to, code)
		} else {
			to = text(to, fs[i].name)
		}
		to = text(to, fs[i].value)
	}
	return to
}

func text(to []byte, s string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}

// decodeBody is the inverse of encode and whole. Names come in order and once.
func decodeBody(body []byte) (fields, error) {
	if len(body) == 0 || body[0] != bodyErased && body[0] != bodyWhole {
		return nil, errBody
	}
	r := bodyReader{rest: body[1:]}
	next := r.field
	var s seed
	if body[0] == bodyWhole {
		next = r.pair
		copy(s[:], r.take(saltLen))
	}
	fs := make(fields, 0, 16)
	for len(r.rest) > 0 && !r.bad {
		one := next()
		if len(fs) > 0 && fs[len(fs)-1].name >= one.name {
			return nil, errBody
		}
		fs = append(fs, one)
	}
	if r.bad {
		return nil, errBody
	}
	if body[0] == bodyWhole {
		fs.saltedBy(&s)
	}
	return fs, nil
}

// bodyReader hands out pieces until one is missing.
type bodyReader struct {
	rest []byte
	bad  bool
}

func (r *bodyReader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.rest) {
		r.bad = true
		return nil
	}
	piece := r.rest[:n]
	r.rest = r.rest[n:]
	return piece
}

// field reads what encode has written.
func (r *bodyReader) field() field {
	one := field{erased: r.flag()}
	one.name = r.text()
	if one.erased {
		copy(one.hash[:], r.take(hashLen))
	} else {
		copy(one.salt[:], r.take(saltLen))
		one.value = r.text()
	}
	return one
}

// pair reads what whole has written.
func (r *bodyReader) pair() (one field) {
	one.name = r.name()
	one.value = r.text()
	return one
}

func (r *bodyReader) name() string {
	if len(r.rest) == 0 || r.rest[0] < nameCoded {
		return r.text()
	}
	code := int(r.take(1)[0] &^ nameCoded)
	if r.bad = r.bad || code >= len(codedNames); r.bad {
		return ""
	}
	return codedNames[code]
}

func (r *bodyReader) flag() (erased bool) {
	flag := r.take(1)
	r.bad = r.bad || flag[0] > fieldErased
	return !r.bad && flag[0] == fieldErased
}

func (r *bodyReader) text() string { return string(r.piece()) }

// piece is what a length stands before.
func (r *bodyReader) piece() []byte {
	n, width := binary.Uvarint(r.rest)
	if width <= 0 || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	r.rest = r.rest[width:]
	return r.take(int(n)) //nolint:gosec // bounded by what is left
}
