package audit

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
)

// ReadCheckpoints finds the signed notes in what a place outside has kept: one
// or more notes as they are, or lines that hold the JSON object that the places
// are sent, whatever a log server wrote before it. Signatures are not checked
// here.
func ReadCheckpoints(r io.Reader) (notes []string, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	var note strings.Builder // one that is written as it is
	signed := false
	end := func() {
		if signed {
			notes = append(notes, note.String())
		}
		note.Reset()
		signed = false
	}
	for in.Scan() {
		line := in.Text()
		if found := noteIn(line); found != "" {
			end()
			notes = append(notes, found)
			continue
		}
		if signed && !strings.HasPrefix(line, "— ") {
			end()
			if line == "" {
				continue // between two notes
			}
		}
		signed = signed || strings.HasPrefix(line, "— ")
		note.WriteString(line + "\n")
	}
	end()
	if in.Err() != nil || len(notes) == 0 {
		return nil, fault.New(fault.Invalid, "audit-checkpoint-malformed").Because(in.Err())
	}
	return notes, nil
}

// noteIn returns the note of a JSON object at the end of a line.
func noteIn(line string) string {
	start := strings.Index(line, `{"origin":`)
	if start < 0 {
		return ""
	}
	var o struct {
		Note string `json:"note"`
	}
	if json.Unmarshal([]byte(line[start:]), &o) != nil {
		return ""
	}
	return o.Note
}
