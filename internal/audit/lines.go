package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

type lineKind uint8

const (
	kindOther lineKind = iota
	kindHead
	kindLeaves
	kindRecord
	kindCheckpoint
	kindEnd
)

// parsedLine is a line of an export, read and, if it is a record, hashed.
type parsedLine struct {
	kind   lineKind
	number int64 // from 1
	index  int64 // of the record; from, size or end of the other kinds
	leaves []byte
	note   string
	head   headLine
	leaf   tlog.Hash
	at     string
	name   string // of the records of the log itself
	fields fields // of these
	erased int64
	raw    []byte // the line with its end
	err    error
}

// chunk is a run of lines on its way through a worker.
type chunk struct {
	first int64
	lines [][]byte
	done  chan []parsedLine
}

const chunkLines = 128

// eachLine reads r, parses and hashes its lines on all processors and hands
// them to take in order, until take or the reader fails.
func eachLine(ctx context.Context, r io.Reader, take func(*parsedLine) error) error {
	ctx, cancel := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	work := make(chan *chunk, workers)
	order := make(chan *chunk, 4*workers)
	var readErr error
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range workers {
		wg.Go(func() {
			for c := range work {
				c.done <- c.parse()
			}
		})
	}
	wg.Go(func() {
		defer close(order)
		defer close(work)
		readErr = readChunks(ctx, r, work, order)
	})
	for c := range order {
		for _, line := range <-c.done {
			if err := take(&line); err != nil {
				return err
			}
		}
	}
	return readErr
}

// readChunks cuts r into lines. A line that is too long, or a last one without
// its end, becomes an unreadable one.
func readChunks(ctx context.Context, r io.Reader, work, order chan<- *chunk) error {
	in := bufio.NewReaderSize(r, 64<<10)
	number := int64(1)
	for {
		c := &chunk{first: number, done: make(chan []parsedLine, 1)}
		var err error
		for len(c.lines) < chunkLines && err == nil {
			var line []byte
			if line, err = readLine(in); len(line) > 0 {
				c.lines = append(c.lines, line)
			}
		}
		number += int64(len(c.lines))
		if len(c.lines) > 0 {
			for _, to := range [...]chan<- *chunk{order, work} {
				select {
				case to <- c:
				case <-ctx.Done():
					c.done <- nil // order may have it already
					return ctx.Err()
				}
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readLine reads a line of at most lineMost bytes.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for len(line) < lineMost {
		piece, err := in.ReadSlice('\n')
		line = append(line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
	return line, bufio.ErrBufferFull
}

func (c *chunk) parse() []parsedLine {
	var f framer
	all := make([]parsedLine, len(c.lines))
	for i, line := range c.lines {
		all[i].parse(line, &f)
		all[i].number = c.first + int64(i)
	}
	return all
}

func (p *parsedLine) parse(line []byte, f *framer) {
	p.raw = line
	line, whole := bytes.CutSuffix(line, []byte("\n"))
	switch {
	case !whole:
		p.err = errLine
		if bytes.HasPrefix(line, []byte(`{"i":`)) {
			p.kind = kindRecord
		}
	case bytes.HasPrefix(line, []byte(`{"i":`)):
		p.kind = kindRecord
		p.record(line, f)
	case bytes.HasPrefix(line, []byte(`{"leaves":`)):
		one := leavesLine{}
		p.small(kindLeaves, line, &one)
		p.leaves, p.index = one.Leaves, one.From
	case bytes.HasPrefix(line, []byte(`{"checkpoint":`)):
		one := checkpointLine{}
		p.small(kindCheckpoint, line, &one)
		p.note, p.index = one.Checkpoint, one.Size
	case bytes.HasPrefix(line, []byte(`{"end":`)):
		one := endLine{}
		p.small(kindEnd, line, &one)
		p.index = one.End
	case bytes.HasPrefix(line, []byte(`{"format":`)):
		p.small(kindHead, line, &p.head)
		p.index = p.head.Size
		if p.head.Format != exportFormat || p.head.Size < 0 {
			p.err = errLine
		}
	default:
		p.err = errLine
	}
}

func (p *parsedLine) record(line []byte, f *framer) {
	var fs fields
	if p.index, fs, p.err = readRecord(line); p.err != nil {
		return
	}
	p.leaf = f.leaf(fs)
	p.at = fs.get(fieldAt)
	for i := range fs {
		if fs[i].erased {
			p.erased++
		}
	}
	if name := fs.get(fieldName); strings.HasPrefix(name, "audit.") {
		p.name, p.fields = name, fs
	}
}

// small reads one of the small lines: as jsonLine writes it, to the byte.
func (p *parsedLine) small(kind lineKind, line []byte, to any) {
	p.kind = kind
	p.err = json.Unmarshal(line, to)
	if p.err == nil && !bytes.Equal(line, bytes.TrimSuffix(jsonLine(nil, to), []byte("\n"))) {
		p.err = errLine
	}
}
