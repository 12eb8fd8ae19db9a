package definition

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
)

// Input is a field that somebody fills in.
type Input struct {
	ID      string   `json:"id"`
	Label   string   `json:"label"`
	Format  string   `json:"format,omitempty"` // text, number, date, select, boolean
	Options []Option `json:"options,omitempty"`
	Min     int      `json:"min,omitempty"` // characters; 1 makes it compulsory
	Max     int      `json:"max,omitempty"` // characters; 0 is the house's own limit
}

// Option is a value to choose.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// inputMost is the longest value of a field, in characters, whatever it allows.
const inputMost = 4000

// Check adds to bad, at path, what is wrong with a value that somebody gave for
// the field.
func (in Input) Check(bad *fault.Checks, path, value string) {
	count := utf8.RuneCountInString(value)
	most := in.Max
	if most <= 0 || most > inputMost {
		most = inputMost
	}
	_, notNumber := strconv.ParseFloat(value, 64)
	_, notDate := time.Parse(time.DateOnly, value)
	switch {
	case value == "" && in.Min > 0:
		bad.Add(path, "field-required")
	case value == "":
	case count < in.Min:
		bad.Add(path, "field-too-short", "limit", in.Min)
	case count > most:
		bad.Add(path, "field-too-long", "limit", most)
	case len(in.Options) > 0 && !slices.ContainsFunc(in.Options, func(o Option) bool { return o.Value == value }):
		bad.Add(path, "field-wrong")
	case in.Format == "number" && notNumber != nil:
		bad.Add(path, "field-not-number")
	case in.Format == "date" && notDate != nil:
		bad.Add(path, "field-not-date")
	case in.Format == "boolean" && value != "true" && value != "false":
		bad.Add(path, "field-not-boolean")
	}
}
