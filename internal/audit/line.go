package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
)

// An export is lines of JSON, each of one kind, known by its first key:
//
//	{"format":"sekisho-audit/1","origin":O,"key":K,"size":N}   first
//	{"leaves":BASE64,"from":I}                 the leaf hashes of up to 256 records from I on
//	{"i":I,"f":[[NAME,SALT,VALUE],[NAME,HASH]]}   record I, fields by name; one without value is erased
//	{"checkpoint":NOTE,"size":S}               after record S-1
//	{"end":N}                                  last
//
// A record whose body was archived has its leaf and no line.
const exportFormat = "sekisho-audit/1"

// lineMost bounds a line: fieldMost fields of valueMost bytes, escaped.
const lineMost = 4 << 20

type (
	headLine struct {
		Format string `json:"format"`
		Origin string `json:"origin"`
		Key    string `json:"key"`
		Size   int64  `json:"size"`
	}
	leavesLine struct {
		Leaves []byte `json:"leaves"`
		From   int64  `json:"from"`
	}
	checkpointLine struct {
		Checkpoint string `json:"checkpoint"`
		Size       int64  `json:"size"`
	}
	endLine struct {
		End int64 `json:"end"`
	}
)

// jsonLine appends one of the small lines.
func jsonLine(to []byte, line any) []byte {
	text, err := json.Marshal(line)
	if err != nil {
		panic("audit: " + err.Error()) // our own structs always marshal
	}
	return append(append(to, text...), '\n')
}

// recordLine appends the line of a record.
func recordLine(to []byte, index int64, fs fields) []byte {
	to = append(to, `{"i":`...)
	to = strconv.AppendInt(to, index, 10)
	to = append(to, `,"f":[`...)
	for i := range fs {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(to, '[')
		to = quoted(to, fs[i].name)
		to = append(to, ',', '"')
		if fs[i].erased {
			to = base64.RawStdEncoding.AppendEncode(to, fs[i].hash[:])
			to = append(to, '"', ']')
			continue
		}
		to = base64.RawStdEncoding.AppendEncode(to, fs[i].salt[:])
		to = append(to, '"', ',')
		to = quoted(to, fs[i].value)
		to = append(to, ']')
	}
	return append(to, "]}\n"...)
}

// quoted appends s as a JSON string in which nothing can move a terminal's
// cursor, turn the writing direction or end the line (A162).
func quoted(to []byte, s string) []byte {
	to = append(to, '"')
	plain := 0
	for i, r := range s {
		if !unsafeRune(r) {
			continue
		}
		to = append(to, s[plain:i]...)
		if r == '"' || r == '\\' {
			to = append(to, '\\', byte(r))
		} else {
			to = escaped(to, r)
		}
		plain = i + utf8.RuneLen(r)
	}
	return append(append(to, s[plain:]...), '"')
}

func escaped(to []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(to, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// unsafeRune reports whether r is escaped: quotes, controls (C0, DEL, C1), line
// and paragraph separators, and what turns the writing direction.
func unsafeRune(r rune) bool {
	switch {
	case r < 0x20 || r == '"' || r == '\\':
		return true
	case r < 0x7f:
		return false
	}
	return r <= 0x9f || r == 0x61c || r >= 0x200b && r <= 0x200f ||
		r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff
}

var errLine = errors.New("audit: this line of the export is not as we write it")

// lineReader reads a record's line.
type lineReader struct {
	rest []byte
	bad  bool
}

// readRecord is the inverse of recordLine: it takes what recordLine writes and
// nothing else.
func readRecord(line []byte) (index int64, fs fields, err error) {
	r := lineReader{rest: line}
	r.want(`{"i":`)
	index = r.number()
	r.want(`,"f":[`)
	fs = make(fields, 0, 16)
	for !r.bad && !r.next(']') {
		if len(fs) > 0 {
			r.want(",")
		}
		one := r.field()
		if len(fs) > 0 && fs[len(fs)-1].name >= one.name || len(fs) >= fieldMost+16 {
			r.bad = true
		}
		fs = append(fs, one)
	}
	r.want(`]}`)
	if r.bad || len(r.rest) > 0 {
		return 0, nil, errLine
	}
	return index, fs, nil
}

func (r *lineReader) field() (one field) {
	r.want("[")
	one.name = r.text()
	r.want(`,"`)
	code := r.until('"')
	one.erased = r.next(']')
	if one.erased {
		r.decode(one.hash[:], code)
	} else {
		r.decode(one.salt[:], code)
		r.want(",")
		one.value = r.text()
	}
	r.want("]")
	return one
}

func (r *lineReader) decode(to, code []byte) {
	if r.bad || base64.RawStdEncoding.DecodedLen(len(code)) != len(to) {
		r.bad = true
		return
	}
	// Strict: another spelling of the last character's spare bits is a change.
	if _, err := base64.RawStdEncoding.Strict().Decode(to, code); err != nil {
		r.bad = true
	}
}

func (r *lineReader) want(s string) {
	if r.bad || len(r.rest) < len(s) || string(r.rest[:len(s)]) != s {
		r.bad = true
		return
	}
	r.rest = r.rest[len(s):]
}

func (r *lineReader) next(c byte) bool { return len(r.rest) > 0 && r.rest[0] == c }

func (r *lineReader) number() int64 {
	n := 0
	for n < len(r.rest) && r.rest[n] >= '0' && r.rest[n] <= '9' {
		n++
	}
	value, err := strconv.ParseInt(string(r.rest[:n]), 10, 64)
	r.bad = r.bad || err != nil || n > 1 && r.rest[0] == '0'
	r.rest = r.rest[n:]
	return value
}

// until returns what stands before c and steps behind c.
func (r *lineReader) until(c byte) []byte {
	for i, one := range r.rest {
		if one == c {
			piece := r.rest[:i]
			r.rest = r.rest[i+1:]
			return piece
		}
	}
	r.bad = true
	return nil
}

// text reads a JSON string.
func (r *lineReader) text() string {
	r.want(`"`)
	for i, c := range r.rest {
		switch {
		case c == '"':
			piece := r.rest[:i]
			r.rest = r.rest[i+1:]
			if !utf8.Valid(piece) {
				r.bad = true
			}
			return string(piece)
		case c == '\\':
			return r.escapedText(i)
		case c < 0x20:
			r.bad = true
			return ""
		}
	}
	r.bad = true
	return ""
}

// escapedText reads a string whose first escape stands at i.
func (r *lineReader) escapedText(i int) string {
	for ; i < len(r.rest) && r.rest[i] != '"'; i++ {
		if r.rest[i] == '\\' {
			i++
		}
	}
	if i >= len(r.rest) {
		r.bad = true
		return ""
	}
	piece := r.rest[:i]
	var s string
	whole := slices.Concat([]byte{'"'}, piece, []byte{'"'})
	// One spelling only, so that every changed bit is a change.
	if json.Unmarshal(whole, &s) != nil || !bytes.Equal(quoted(nil, s), whole) {
		r.bad = true
	}
	r.rest = r.rest[i+1:]
	return s
}
