package audit

import (
	"errors"
	"strconv"
	"strings"
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

// witness writes the record of one event. It is the store's hook: it runs in
// the transaction of the write, once for each of its attempts.
func (l *Log) witness(tx *store.Tx, event store.Event) error {
	record, fs, err := l.fieldsOf(tx, event)
	if err != nil {
		return err
	}
	var f framer
	leaf := f.leaf(fs)
	body := fs.encode(make([]byte, 0, 768))
	if _, err := tx.Exec("INSERT INTO audit_pending (id, leaf, body) VALUES ($1, $2, $3)", string(record), leaf[:], body); err != nil {
		return err
	}
	tx.Wake(topicPending)
	return nil
}

func (l *Log) fieldsOf(tx *store.Tx, event store.Event) (id.Record, fields, error) {
	if event.Name == "" || event.By == "" {
		return "", nil, errors.New("audit: an event needs a name and somebody who acted")
	}
	if len(event.Fields) > fieldMost {
		return "", nil, errors.New("audit: an event has too many fields")
	}
	at, around := tx.Now(), tx.Around()
	record := id.New[id.Record](at)
	fs := make(fields, 0, 14+len(event.Fields))
	add := func(name, value string) {
		if value != "" {
			fs = append(fs, field{name: name, value: value})
		}
	}
	add(fieldACR, clean(around.ACR))
	add(fieldAMR, clean(strings.Join(around.AMR, " ")))
	add(fieldAt, at.UTC().Format(atLayout))
	add(fieldBy, clean(string(event.By)))
	add(fieldID, string(record))
	add(fieldName, clean(event.Name))
	add(fieldNode, string(l.node))
	add(fieldOrg, clean(string(event.Org)))
	add(fieldRequest, clean(around.Request))
	add(fieldSeq, strconv.FormatUint(l.sequence.Add(1), 10))
	add(fieldSession, clean(around.Session))
	add(fieldSource, clean(around.Source))
	add(fieldTarget, clean(event.Target))
	add(fieldTrust, clean(around.Trust))
	for name, value := range event.Fields {
		if name == "" || name[0] == '@' || len(name) > nameMost || !utf8.ValidString(name) {
			return "", nil, errField
		}
		fs = append(fs, field{name: name, value: clean(value)})
	}
	if err := fs.sorted(); err != nil {
		return "", nil, err
	}
	fs.salted()
	return record, fs, nil
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
