package audit

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/id"
)

// Record is a record as a reader sees it. Values are what the writer gave:
// whoever shows them escapes them.
type Record struct {
	ID      id.Record
	Index   int64 // place in the tree; -1 while it waits
	At      time.Time
	Node    id.Node
	Seq     uint64
	Name    string
	Org     id.Org
	By      id.Principal
	Target  string
	Request string
	Source  string
	Trust   string
	Session string
	ACR     string
	AMR     []string
	Fields  map[string]string
	Erased  []string // names of fields whose values were erased
}

func (fs fields) record(index int64) Record {
	r := Record{
		ID: id.Record(fs.get(fieldID)), Index: index, Node: id.Node(fs.get(fieldNode)),
		Name: fs.get(fieldName), Org: id.Org(fs.get(fieldOrg)), By: id.Principal(fs.get(fieldBy)), Target: fs.get(fieldTarget),
		Request: fs.get(fieldRequest), Source: fs.get(fieldSource), Trust: fs.get(fieldTrust),
		Session: fs.get(fieldSession), ACR: fs.get(fieldACR), AMR: strings.Fields(fs.get(fieldAMR)),
		Fields: map[string]string{},
	}
	r.At, _ = time.Parse(atLayout, fs.get(fieldAt)) // ours; zero says that it is not readable
	r.Seq, _ = strconv.ParseUint(fs.get(fieldSeq), 10, 64)
	for i := range fs {
		switch {
		case fs[i].erased:
			r.Erased = append(r.Erased, fs[i].name)
		case fs[i].name[0] != '@':
			r.Fields[fs[i].name] = fs[i].value
		}
	}
	return r
}

// short cuts s to at most n bytes, between characters.
func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
