package audit

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// The fields that the witness fills in itself start with @, so that no event
// can pretend to be one of them. Those without a value are left out.
const (
	fieldID      = "@id"
	fieldAt      = "@at" // UTC, RFC 3339 with microseconds
	fieldNode    = "@node"
	fieldSeq     = "@seq" // grows within a node's life; a write that ran twice leaves a gap
	fieldName    = "@name"
	fieldOrg     = "@org"
	fieldBy      = "@by"
	fieldTarget  = "@target"
	fieldRequest = "@request"
	fieldSource  = "@source"
	fieldTrust   = "@trust"
	fieldSession = "@session"
	fieldACR     = "@acr"
	fieldAMR     = "@amr" // separated by spaces
)

const atLayout = "2006-01-02T15:04:05.000000Z"

// The caps that keep the log from being a way to fill the disk.
const (
	valueMost = 8 << 10 // bytes; a longer value is cut and says so
	nameMost  = 64      // bytes
	fieldMost = 64
)

var errField = errors.New("audit: a field of an event needs a name of 1 to 64 bytes of UTF-8 that does not start with @")

// topicPending wakes the sequencer.
const topicPending = "audit.pending"

// scratch is what the making of one record needs; pooled, because every write
// of the house makes one.
type scratch struct {
	fields fields
	body   []byte
	framer framer
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// witness writes the record of one event. It is the store's hook: it runs in
// the transaction of the write, once for each of its attempts.
func (l *Log) witness(tx *store.Tx, event store.Event) error {
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	record, err := l.fill(s, tx, event)
	if err != nil {
		return err
	}
	salts := s.fields.salted()
	leaf := s.framer.leaf(s.fields)
	s.body = s.fields.whole(s.body[:0], &salts)
	// The statements are sent after the scratch is used again: they get a copy.
	body := slices.Clone(s.body)
	if err := tx.Later("INSERT INTO audit_record (id, body) VALUES ($1, $2)", string(record), body); err != nil {
		return err
	}
	if err := tx.Later("INSERT INTO audit_pending (id, leaf) VALUES ($1, $2)", string(record), leaf[:]); err != nil {
		return err
	}
	tx.Wake(topicPending)
	return nil
}

func (s *scratch) add(name, value string) {
	if value != "" {
		s.fields = append(s.fields, field{name: name, value: value})
	}
}

// fill puts the fields of a record into s.
func (l *Log) fill(s *scratch, tx *store.Tx, event store.Event) (id.Record, error) {
	if event.Name == "" || event.By == "" {
		return "", errors.New("audit: an event needs a name and somebody who acted")
	}
	if len(event.Fields) > fieldMost {
		return "", errors.New("audit: an event has too many fields")
	}
	at, around := tx.Now(), tx.Around()
	record := id.New[id.Record](at)
	s.fields = s.fields[:0]
	s.add(fieldACR, clean(around.ACR))
	if len(around.AMR) > 0 {
		s.add(fieldAMR, clean(strings.Join(around.AMR, " ")))
	}
	s.add(fieldAt, at.UTC().Format(atLayout))
	s.add(fieldBy, clean(string(event.By)))
	s.add(fieldID, string(record))
	s.add(fieldName, clean(event.Name))
	s.add(fieldNode, string(l.node))
	s.add(fieldOrg, clean(string(event.Org)))
	s.add(fieldRequest, clean(around.Request))
	s.add(fieldSeq, strconv.FormatUint(l.sequence.Add(1), 10))
	s.add(fieldSession, clean(around.Session))
	s.add(fieldSource, clean(around.Source))
	s.add(fieldTarget, clean(event.Target))
	s.add(fieldTrust, clean(around.Trust))
	own := len(s.fields)
	for name, value := range event.Fields {
		if name == "" || name[0] == '@' || len(name) > nameMost || !utf8.ValidString(name) {
			return "", errField
		}
		s.fields = append(s.fields, field{name: name, value: clean(value)})
	}
	s.fields[own:].inOrder() // those before are: the rest is soon sorted
	return record, s.fields.sorted()
}

// clean makes a value that every reader reads as the same text: valid UTF-8,
// of bounded length. Control characters stay, and are escaped where they are
// shown (A162).
func clean(value string) string {
	if len(value) > valueMost {
		whole := len(value)
		value = strings.ToValidUTF8(value[:valueMost], "") + "… (" + strconv.Itoa(whole) + " bytes)"
	}
	return strings.ToValidUTF8(value, "\uFFFD")
}
