package backup

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/seal"
)

// Limits are the caps on what a file may unpack to. (A153)
type Limits struct {
	Plain int64 // bytes in all: 64 GiB when it is 0
	Ratio int64 // bytes for each byte of the file, beyond the first 16 MiB: 100 when it is 0
}

const ratioFrom = 16 << 20

func (l *Limits) fill() {
	if l.Plain == 0 {
		l.Plain = 64 << 30
	}
	if l.Ratio == 0 {
		l.Ratio = 100
	}
}

func damaged(err error) error {
	if fault.As(err) != nil {
		return err
	}
	return fault.New(fault.Unmet, "backup-damaged").Because(err)
}

// unpack opens a backup file with the identities of a file.
func unpack(file io.Reader, identity string, limits Limits) (io.Reader, error) {
	limits.fill()
	packed := &counted{r: file}
	plain, err := seal.Decrypt(packed, identity)
	switch {
	case fault.Code(err) == "seal-key-wrong":
		return nil, fault.New(fault.Unmet, "backup-identity-wrong", "path", identity)
	case err != nil:
		return nil, damaged(err)
	}
	inner := bufio.NewReaderSize(plain, 64<<10)
	unzipped, err := gzip.NewReader(inner)
	if err != nil {
		return nil, damaged(err)
	}
	unzipped.Multistream(false) // one stream, and then nothing
	return &capped{zip: unzipped, rest: inner, packed: packed, limits: limits}, nil
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// capped reads the unpacked stream within the limits, and nothing behind it.
type capped struct {
	zip    *gzip.Reader
	rest   *bufio.Reader
	packed *counted
	limits Limits
	n      int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.zip.Read(p)
	c.n += int64(n)
	if c.n > c.limits.Plain || c.n > ratioFrom && c.n/c.limits.Ratio > c.packed.n {
		return 0, fault.New(fault.Unmet, "backup-bomb", "bytes", c.n)
	}
	if err == io.EOF {
		if _, more := c.rest.ReadByte(); more == nil {
			return n, errors.New("backup: something follows the end")
		} else if more != io.EOF {
			return n, more
		}
	}
	return n, err
}

// taker is told what a copy holds, in its order.
type taker interface {
	begin(h *Header) error
	row(table int, row []byte) error
}

// reader reads the frames of a copy.
type reader struct {
	r      *bufio.Reader
	hash   hash.Hash
	signed bool
	buf    []byte
	to     taker
}

// read reads a copy to its end and holds it against itself: order, counts,
// digests, hash and, if it is to be signed, the manifest's signature. What the
// taker got before an error counts for nothing.
func read(plain io.Reader, signed bool, to taker) (*Header, error) {
	r := &reader{r: bufio.NewReaderSize(plain, 256<<10), hash: sha256.New(), signed: signed, to: to}
	content, err := r.want(frameHeader, headerMost)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(content)
	if err != nil {
		return nil, damaged(err)
	}
	if h.Format != formatNow {
		return nil, fault.New(fault.Unmet, "backup-format-unknown", "format", h.Format)
	}
	if err := to.begin(h); err != nil {
		return nil, err
	}
	for i := range h.Tables {
		if err := r.table(i, &h.Tables[i]); err != nil {
			return nil, err
		}
	}
	return h, r.end(h)
}

// next reads a frame. What it returns is gone with the next call.
func (r *reader) next(most int) (kind byte, content []byte, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return 0, nil, damaged(noEOF(err))
	}
	n := int(binary.BigEndian.Uint32(head[1:]))
	if n > most {
		return 0, nil, damaged(errors.New("backup: a frame is longer than it may be"))
	}
	if err := r.fill(n); err != nil {
		return 0, nil, damaged(noEOF(err))
	}
	if head[0] != frameManifest {
		r.hash.Write(head[:])
		r.hash.Write(r.buf)
	}
	return head[0], r.buf, nil
}

// fill reads n bytes, growing as they come: a length is easily written.
func (r *reader) fill(n int) error {
	const step = 1 << 20
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		from, more := len(r.buf), min(step, n-len(r.buf))
		r.buf = append(r.buf, make([]byte, more)...)
		if _, err := io.ReadFull(r.r, r.buf[from:]); err != nil {
			return err
		}
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *reader) want(kind byte, most int) ([]byte, error) {
	got, content, err := r.next(most)
	if err == nil && got != kind {
		err = damaged(errors.New("backup: the frames are out of order"))
	}
	return content, err
}

func (r *reader) table(i int, table *Table) error {
	name, err := r.want(frameTable, headerMost)
	if err != nil {
		return err
	}
	if string(name) != table.Name {
		return damaged(errors.New("backup: the tables are out of order"))
	}
	var sum digest
	for {
		kind, content, err := r.next(rowMost)
		switch {
		case err != nil:
			return err
		case kind == frameEnd && sum.rows == table.Rows && bytes.Equal(content, sum.bytes()):
			return nil
		case kind != frameRow || sum.rows == table.Rows:
			return damaged(errors.New("backup: a table does not have the rows that the header says"))
		}
		sum.add(content)
		if err := r.to.row(i, content); err != nil {
			return err
		}
	}
}

// end holds the whole against the manifest.
func (r *reader) end(h *Header) error {
	note, err := r.want(frameManifest, manifestMost)
	if err != nil {
		return err
	}
	text := string(note)
	if r.signed {
		if text, err = audit.Signed(text, h.AuditKey); err != nil {
			return fault.New(fault.Unmet, "backup-signature-wrong").Because(err)
		}
	}
	if text != manifestText(h, r.hash.Sum(nil)) {
		return damaged(errors.New("backup: the manifest is about something else"))
	}
	if _, err := r.r.ReadByte(); err != io.EOF {
		return damaged(errors.New("backup: something follows the manifest"))
	}
	return nil
}
