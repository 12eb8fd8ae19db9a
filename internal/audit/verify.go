package audit

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sekisho/sekisho/internal/fault"
)

// VerifyOptions says what a log is held against.
type VerifyOptions struct {
	// Key is the public key, from the recovery kit: never from the export.
	Key string
	// Checkpoints are signed notes from places outside. Without one a cut tail
	// cannot be seen.
	Checkpoints []string
	// Progress is told now and then how many records of how many are checked.
	Progress func(done, total int64)
}

// Report is what a verified log holds.
type Report struct {
	Size        int64     // records
	Root        tlog.Hash // of all of them
	Epoch       int64
	Covered     int64 // records under a signed checkpoint
	Bodies      int64 // records that are there in full; the others are archived
	Erased      int64 // fields whose value was erased
	Checkpoints int64 // of the log itself
	Outside     int64 // given ones that the log fits
	Forks       []Fork
	// Backdated are records that claim to be older, by more than five minutes,
	// than a checkpoint signed before they were in the tree: somebody set a
	// clock back, or lied. The first hundred.
	Backdated []int64
	// Archived is what was taken out, with the digest of what was written.
	Archived []Archived
}

// Fork is a checkpoint of an epoch that a restore left behind: the log went on
// from Size, and what the checkpoint signed beyond it is lost.
type Fork struct {
	Epoch, Size int64 // where the epoch was left
	Checkpoint  int64 // what was signed in it
}

const (
	backdatedBy   = 5 * time.Minute
	backdatedMost = 100
	progressEvery = 1 << 14
)

// Verify reads an export and holds it against its own leaf hashes, its signed
// checkpoints and those from outside. The error is a fault that names the first
// bad record, or the first stretch between two checkpoints that holds it.
func Verify(ctx context.Context, r io.Reader, o VerifyOptions) (Report, error) {
	v := &verifier{options: o, roots: map[int64]tlog.Hash{}, report: Report{Epoch: 1}}
	if err := v.prepare(); err != nil {
		return v.report, err
	}
	err := eachLine(ctx, r, v.take)
	if err == nil {
		err = v.finish()
	}
	return v.report, err
}

// VerifyStore verifies the database itself.
func (l *Log) VerifyStore(ctx context.Context, o VerifyOptions) (Report, error) {
	size, err := l.settled(ctx)
	if err != nil {
		return Report{}, err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(l.export(ctx, w, size)) }()
	report, err := Verify(ctx, r, o)
	_ = r.Close() // ends an export that Verify did not read to the end
	return report, err
}

// verifier walks through an export once.
type verifier struct {
	options VerifyOptions
	outside []Checkpoint // by size
	next    int          // of outside, whose root is not known yet
	roots   map[int64]tlog.Hash
	report  Report
	epochs  []epochOpened
	missing []int64 // first records without a body, until an archive explains them
	notes   map[int64]Checkpoint

	total    int64
	origin   string
	started  bool
	ended    bool
	leaves   []byte // of the block
	from     int64  // first record of the block
	body     int64  // next record whose body may come
	stack    frontier
	good     int64  // up to here a signed root was met
	earliest string // a record after the last checkpoint is not older
}

type epochOpened struct{ epoch, forkSize int64 }

func (v *verifier) prepare() error {
	v.notes = map[int64]Checkpoint{}
	for _, text := range v.options.Checkpoints {
		c, err := ParseCheckpoint(text, v.options.Key)
		if err != nil {
			return err
		}
		v.outside = append(v.outside, c)
	}
	slices.SortFunc(v.outside, func(a, b Checkpoint) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.Epoch, b.Epoch))
	})
	for i := 1; i < len(v.outside); i++ {
		if a, b := v.outside[i-1], v.outside[i]; contradict(a, b) {
			return conflict(b)
		}
	}
	return nil
}

// contradict reports whether two checkpoints cannot both be true.
func contradict(a, b Checkpoint) bool {
	return a.Size == b.Size && a.Epoch == b.Epoch && a.Root != b.Root
}

func conflict(c Checkpoint) error {
	return fault.New(fault.Unmet, "audit-checkpoint-conflict", "size", c.Size, "epoch", c.Epoch)
}

// take is told every line in order.
func (v *verifier) take(line *parsedLine) error {
	if line.err != nil || v.ended || v.started == (line.kind == kindHead) {
		if line.kind == kindRecord && v.started {
			return altered(v.body)
		}
		return v.unreadable(line)
	}
	switch line.kind {
	case kindHead:
		v.started, v.total, v.origin = true, line.index, line.head.Origin
		if line.head.Key != "" && line.head.Key != strings.TrimSpace(v.options.Key) {
			return fault.New(fault.Unmet, "audit-checkpoint-foreign")
		}
	case kindLeaves:
		return v.takeLeaves(line)
	case kindRecord:
		return v.takeRecord(line)
	case kindCheckpoint:
		return v.takeCheckpoint(line)
	case kindEnd:
		v.ended = true
		if err := v.reach(v.from + int64(len(v.leaves))/hashLen); err != nil {
			return err
		}
		if line.index != v.stack.size || v.total != v.stack.size {
			return fault.New(fault.Unmet, "audit-export-cut", "size", v.stack.size, "want", max(v.total, line.index))
		}
	}
	return nil
}

func altered(record int64) error {
	return fault.New(fault.Unmet, "audit-record-altered", "record", record)
}

func (v *verifier) unreadable(line *parsedLine) error {
	return fault.New(fault.Invalid, "audit-export-unreadable", "line", line.number, "record", v.body)
}

func missing(record int64) error {
	return fault.New(fault.Unmet, "audit-record-missing", "record", record)
}

// takeLeaves begins a block; the one before is complete.
func (v *verifier) takeLeaves(line *parsedLine) error {
	end := v.from + int64(len(v.leaves))/hashLen
	if err := v.reach(end); err != nil {
		return err
	}
	if line.index != end || len(line.leaves) == 0 || len(line.leaves)%hashLen != 0 || len(line.leaves) > tileWidth*hashLen {
		return fault.New(fault.Unmet, "audit-order-broken", "record", end)
	}
	v.leaves, v.from = line.leaves, line.index
	return nil
}

func (v *verifier) leaf(index int64) (leaf tlog.Hash, ok bool) {
	at := (index - v.from) * hashLen
	if at < 0 || at+hashLen > int64(len(v.leaves)) {
		return leaf, false
	}
	copy(leaf[:], v.leaves[at:])
	return leaf, true
}

func (v *verifier) takeRecord(line *parsedLine) error {
	if line.index < v.body {
		record := v.body
		if len(v.missing) > 0 && line.index >= v.missing[0] {
			record = v.missing[0] // it was not archived: another stands in its place
		}
		return fault.New(fault.Unmet, "audit-order-broken", "record", record)
	}
	if err := v.reach(line.index); err != nil {
		return err
	}
	want, ok := v.leaf(line.index)
	if !ok {
		return fault.New(fault.Unmet, "audit-order-broken", "record", v.body)
	}
	if want != line.leaf {
		return altered(line.index)
	}
	v.body = line.index + 1
	v.report.Bodies++
	v.report.Erased += line.erased
	if line.at != "" && line.at < v.earliest && len(v.report.Backdated) < backdatedMost {
		v.report.Backdated = append(v.report.Backdated, line.index)
	}
	v.notice(line)
	return v.reach(v.body)
}

// notice keeps what the records of the log itself say about the log.
func (v *verifier) notice(line *parsedLine) {
	switch line.name {
	case eventEpoch:
		epoch, err1 := strconv.ParseInt(line.fields.get(fieldEpoch), 10, 64)
		size, err2 := strconv.ParseInt(line.fields.get(fieldForkSize), 10, 64)
		if errors.Join(err1, err2) == nil && epoch > v.report.Epoch && size <= line.index {
			v.epochs = append(v.epochs, epochOpened{epoch, size})
			v.report.Epoch = epoch
		}
	case eventArchived:
		if a, ok := archivedOf(line.fields); ok && a.Until <= line.index {
			v.report.Archived = append(v.report.Archived, a)
		}
	}
}

// reach grows the tree up to size from the block's leaves, noting bodies that
// are missing and roots that outside checkpoints will ask for.
func (v *verifier) reach(size int64) error {
	for v.stack.size < size {
		leaf, ok := v.leaf(v.stack.size)
		if !ok {
			return fault.New(fault.Unmet, "audit-order-broken", "record", v.stack.size)
		}
		if v.body <= v.stack.size {
			if v.report.Bodies > 0 {
				return missing(v.body) // archives are taken from the beginning
			}
			v.missing = append(v.missing, v.stack.size)
			v.body = v.stack.size + 1
		}
		v.stack.add(leaf)
		for v.next < len(v.outside) && v.outside[v.next].Size <= v.stack.size {
			v.roots[v.outside[v.next].Size] = v.stack.root()
			v.next++
		}
		if v.options.Progress != nil && v.stack.size%progressEvery == 0 {
			v.options.Progress(v.stack.size, v.total)
		}
	}
	return nil
}

// takeCheckpoint holds the tree so far against a signed root.
func (v *verifier) takeCheckpoint(line *parsedLine) error {
	c, err := ParseCheckpoint(line.note, v.options.Key)
	if err != nil {
		return err
	}
	if c.Size < v.stack.size || c.Size != line.index || c.Origin != v.origin {
		return v.unreadable(line)
	}
	if err := v.reach(c.Size); err != nil {
		return err
	}
	if other, ok := v.notes[c.Epoch]; ok && contradict(other, c) {
		return conflict(c)
	}
	for _, other := range v.outside {
		if contradict(other, c) {
			return conflict(c)
		}
	}
	if v.stack.root() != c.Root {
		return v.differs(c.Size)
	}
	v.notes[c.Epoch] = c
	v.report.Checkpoints++
	v.good, v.report.Covered = c.Size, c.Size
	v.earliest = c.At.Add(-backdatedBy).UTC().Format(atLayout)
	return nil
}

// differs: every record fits its leaf, but leaves were changed since they were
// signed, somewhere behind the last signed root that fits.
func (v *verifier) differs(size int64) error {
	return fault.New(fault.Unmet, "audit-root-differs", "record", v.good, "last", size-1)
}

// finish is what can only be said at the end.
func (v *verifier) finish() error {
	if !v.ended {
		return fault.New(fault.Unmet, "audit-export-cut", "size", v.stack.size, "want", v.total)
	}
	v.report.Size, v.report.Root = v.stack.size, v.stack.root()
	if v.options.Progress != nil {
		v.options.Progress(v.stack.size, v.stack.size)
	}
	for _, record := range v.missing {
		if !slices.ContainsFunc(v.report.Archived, func(a Archived) bool { return a.From <= record && record < a.Until }) {
			return missing(record)
		}
	}
	for _, c := range v.outside {
		if err := v.judge(c); err != nil {
			return err
		}
	}
	if v.report.Size > 0 && v.report.Checkpoints+v.report.Outside == 0 {
		return fault.New(fault.Unmet, "audit-nothing-signed")
	}
	return nil
}

// judge holds the log against one checkpoint from outside.
func (v *verifier) judge(c Checkpoint) error {
	for _, e := range v.epochs {
		if e.epoch > c.Epoch && c.Size > e.forkSize {
			v.report.Forks = append(v.report.Forks, Fork{Epoch: c.Epoch, Size: e.forkSize, Checkpoint: c.Size})
			return nil
		}
	}
	if c.Size > v.report.Size || c.Epoch > v.report.Epoch {
		return fault.New(fault.Unmet, "audit-tail-cut", "size", v.report.Size, "want", c.Size)
	}
	if c.Size > 0 && v.roots[c.Size] != c.Root {
		return v.differsOutside(c)
	}
	v.report.Outside++
	v.report.Covered = max(v.report.Covered, c.Size)
	return nil
}

// differsOutside: the log was signed anew, all of it; what fits is what the
// checkpoints before this one say.
func (v *verifier) differsOutside(c Checkpoint) error {
	v.good = 0
	for _, other := range v.outside {
		if other.Size < c.Size && v.roots[other.Size] == other.Root {
			v.good = max(v.good, other.Size)
		}
	}
	return v.differs(c.Size)
}

// frontier is the roots of the complete subtrees of a growing tree.
type frontier struct {
	size   int64
	hashes []tlog.Hash // largest subtree first
}

func (f *frontier) add(leaf tlog.Hash) {
	f.size++
	for n := f.size; n&1 == 0; n >>= 1 {
		last := len(f.hashes) - 1
		leaf = tlog.NodeHash(f.hashes[last], leaf)
		f.hashes = f.hashes[:last]
	}
	f.hashes = append(f.hashes, leaf)
}

func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		hash, _ := tlog.TreeHash(0, nil) // reads nothing
		return hash
	}
	root := f.hashes[len(f.hashes)-1]
	for i := len(f.hashes) - 2; i >= 0; i-- {
		root = tlog.NodeHash(f.hashes[i], root)
	}
	return root
}
