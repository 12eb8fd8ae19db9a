package factortest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
)

// Code is the problem code of an API answer, or the status if there is none.
func Code(a housetest.Answer) string {
	var problem struct{ Code string }
	if json.Unmarshal([]byte(a.Body), &problem) == nil && problem.Code != "" {
		return problem.Code
	}
	return fmt.Sprint(a.Status)
}

// Fields are the codes of the bad fields of an API answer.
func Fields(a housetest.Answer) string {
	var problem struct {
		Errors []struct{ Field, Code string }
	}
	_ = json.Unmarshal([]byte(a.Body), &problem)
	var all []string
	for _, e := range problem.Errors {
		all = append(all, e.Field+" "+e.Code)
	}
	return strings.Join(all, ", ")
}

// NewPassword sends the form of a reset link.
func NewPassword(v *housetest.Visitor, link, pw string) housetest.Answer {
	return v.Post("/reset/new", url.Values{"link": {link}, "password": {pw}})
}

// Timed puts the house onto a clock that the test moves.
func Timed() (*clock.Moved, housetest.Option) {
	c := clock.NewMoved(clock.System().Now().UTC().Truncate(time.Second))
	return c, housetest.OnClock(c)
}
