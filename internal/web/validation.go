package web

import (
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/sekisho/sekisho/internal/fault"
)

// sentence maps one of the library's English sentences to a code of ours.
type sentence struct {
	form *regexp.Regexp
	code string
	args []string // names of the captured values
}

// memberArg marks the captured value that is the name of the bad member.
const memberArg = "member"

var sentences = []sentence{
	said(validation.MsgUnexpectedProperty, "field-unknown"),
	said("unknown query parameter", "field-unknown"),
	said(validation.MsgExpectedRequiredProperty, "field-required", memberArg),
	said(validation.MsgExpectedDependentRequiredProperty, "field-required", memberArg, "with"),
	said("required .* parameter is missing", "field-required"),
	said(validation.MsgExpectedBoolean, "field-not-boolean"),
	said(validation.MsgExpectedInteger, "field-not-integer"),
	said(validation.MsgExpectedNumber, "field-not-number"),
	said(validation.MsgExpectedString, "field-not-text"),
	said(validation.MsgExpectedArray, "field-not-list"),
	said(validation.MsgExpectedObject, "field-not-object"),
	said(validation.MsgExpectedRFC3339DateTime, "field-not-time"),
	said(validation.MsgExpectedRFC3339Date, "field-not-date"),
	said(validation.MsgExpectedRFC5322Email, "field-not-email", "cause"),
	said(validation.MsgExpectedRFC3986URI, "field-not-address", "cause"),
	said(validation.MsgExpectedMinLength, "field-too-short", "limit"),
	said(validation.MsgExpectedMaxLength, "field-too-long", "limit"),
	said(validation.MsgExpectedMinimumNumber, "field-too-small", "limit"),
	said(validation.MsgExpectedMaximumNumber, "field-too-large", "limit"),
	said(validation.MsgExpectedMinItems, "field-too-few", "limit"),
	said(validation.MsgExpectedMaxItems, "field-too-many", "limit"),
	said(validation.MsgExpectedMinProperties, "field-too-few", "limit"),
	said(validation.MsgExpectedMaxProperties, "field-too-many", "limit"),
	said(validation.MsgExpectedArrayItemsUnique, "field-twice"),
	said(validation.MsgExpectedOneOf, "field-not-offered", "offered"),
}

var verb = regexp.MustCompile(`%[vds]`)

func said(format, code string, args ...string) sentence {
	pattern := format
	if !strings.Contains(format, ".*") {
		pattern = verb.ReplaceAllString(regexp.QuoteMeta(format), "(.*)")
	}
	return sentence{form: regexp.MustCompile("^" + pattern + "$"), code: code, args: args}
}

// sayInstead returns our code for a sentence of the library, with the values it
// names and the member it is about. What is not in the list is only "wrong".
func sayInstead(message string) (code string, args fault.Args, member string) {
	for _, s := range sentences {
		found := s.form.FindStringSubmatch(message)
		if found == nil {
			continue
		}
		args = fault.Args{}
		for i, name := range s.args {
			if name == memberArg {
				member = found[i+1]
			} else {
				args[name] = printable(found[i+1])
			}
		}
		return s.code, args, member
	}
	return "field-wrong", nil, ""
}
