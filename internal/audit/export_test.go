package audit

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sekisho/sekisho/internal/id"
)

// Salted is a field for LeafOf.
type Salted struct{ Name, Salt, Value string }

// LeafOf gives tests the leaf of fields with known salts.
func LeafOf(all []Salted) tlog.Hash {
	var fs fields
	for _, one := range all {
		f := field{name: one.Name, value: one.Value}
		copy(f.salt[:], one.Salt)
		fs = append(fs, f)
	}
	var f framer
	return f.leaf(fs)
}

// LineRoundTrip writes fields as the line of a record and as a stored body, and
// reads both back.
func LineRoundTrip(values map[string]string) (line string, back map[string]string, err error) {
	var fs fields
	for name, value := range values {
		fs = append(fs, field{name: name, value: clean(value)})
	}
	if err := fs.sorted(); err != nil {
		return "", nil, err
	}
	salts := fs.salted()
	stored, err := decodeBody(fs.whole(nil, &salts))
	if err == nil {
		stored, err = decodeBody(stored.encode(nil)) // as it is after an erasure
	}
	if err != nil {
		return "", nil, err
	}
	text := recordLine(nil, 7, stored)
	index, read, err := readRecord(text[:len(text)-1])
	if err != nil {
		return string(text), nil, err
	}
	var f framer
	if index != 7 || f.leaf(read) != f.leaf(fs) {
		return string(text), nil, errors.New("another record came back")
	}
	back = map[string]string{}
	for i := range read {
		back[read[i].name] = read[i].value
	}
	return string(text), back, nil
}

// Rewrite reads a record's line and writes it again.
func Rewrite(line []byte) ([]byte, bool) {
	index, fs, err := readRecord(line)
	if err != nil {
		return nil, false
	}
	return recordLine(nil, index, fs), true
}

// Step lets a test run the sequencer by hand; looked counts as half a second.
func (l *Log) Step(ctx context.Context, looked bool) (int, error) { return l.step(ctx, looked, false) }

// Flush lets a test flush the counted refusals.
func (l *Log) Flush(ctx context.Context) error { return l.flush(ctx, false) }

// SignForTest signs a checkpoint that the log would never sign.
func (l *Log) SignForTest(ctx context.Context, c Checkpoint) (Checkpoint, error) {
	key, err := l.key(ctx)
	if err != nil {
		return c, err
	}
	signed, err := note.Sign(&note.Note{Text: c.text()}, key.signer)
	c.Note = string(signed)
	return c, err
}

// Kill ends what Start began as a kill does: nothing is brought to an end.
func (l *Log) Kill() {
	l.stop()
	l.wg.Wait()
	l.stop = nil
}

// ExportOf writes an export of n records into a file, as the database would
// give it, and returns the file's name and the public key.
func ExportOf(name string, n int64) (file, key string, err error) {
	private, public, err := note.GenerateKey(rand.Reader, "sekisho-audit")
	if err != nil {
		return "", "", err
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return "", "", err
	}
	out, err := os.Create(name)
	if err != nil {
		return "", "", err
	}
	w := bufio.NewWriterSize(out, 1<<20)
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	_, _ = w.Write(jsonLine(nil, headLine{exportFormat, "sekisho-audit", public, n}))
	var tip frontier
	var f framer
	for from := int64(0); from < n; from += tileWidth {
		var leaves, lines []byte
		for i := from; i < min(from+tileWidth, n); i++ {
			fs := sample(i, at)
			leaf := f.leaf(fs)
			tip.add(leaf)
			leaves = append(leaves, leaf[:]...)
			lines = recordLine(lines, i, fs)
			if tip.size%1000 == 0 || tip.size == n {
				cp := Checkpoint{Origin: "sekisho-audit", Epoch: 1, Size: tip.size, Root: tip.root(), At: at}
				signed, err := note.Sign(&note.Note{Text: cp.text()}, signer)
				if err != nil {
					return "", "", err
				}
				lines = jsonLine(lines, checkpointLine{string(signed), tip.size})
			}
		}
		_, _ = w.Write(jsonLine(nil, leavesLine{leaves, from}))
		_, _ = w.Write(lines)
	}
	_, _ = w.Write(jsonLine(nil, endLine{n}))
	return name, public, errors.Join(w.Flush(), out.Close())
}

// sample is a record of usual size.
func sample(i int64, at time.Time) fields {
	fs := fields{
		{name: fieldACR, value: "2"},
		{name: fieldAMR, value: "pwd otp"},
		{name: fieldAt, value: at.Format(atLayout)},
		{name: fieldBy, value: "person:01hf3k8zq2m4v6x8y0a1b2c3d4"},
		{name: fieldID, value: string(id.New[id.Record](at))},
		{name: fieldName, value: "notice.written"},
		{name: fieldNode, value: "01hf3k8zq2m4v6x8y0a1b2c3d4"},
		{name: fieldOrg, value: "01hf3k8zq2m4v6x8y0a1b2c3d4"},
		{name: fieldRequest, value: "01hf3k8zq2m4v6x8y0a1b2c3d4"},
		{name: fieldSeq, value: strconv.FormatInt(i, 10)},
		{name: fieldSession, value: "01hf3k8zq2m4v6x8y0a1b2c3d4"},
		{name: fieldSource, value: "192.0.2.7"},
		{name: fieldTarget, value: "notice:01hf3k8zq2m4v6x8y0a1b2c3d4"},
		{name: fieldTrust, value: "peer"},
		{name: "text", value: "a few words, two lines\nof text"},
		{name: "title", value: "停電のお知らせ"},
	}
	fs.salted()
	return fs
}

// CountNow makes records of all counted refusals, those of this minute too.
func (l *Log) CountNow(ctx context.Context) error { return l.flush(ctx, true) }

// CatchUp counts at most so many tiles of what is not counted yet; 0 is all.
func (l *Log) CatchUp(ctx context.Context, tiles int) error { return l.catchUp(ctx, tiles) }
