package fake

import (
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

// Mischief is what every simulator can do wrong. A count runs down with each
// call that it strikes; below 0 it never ends.
type Mischief struct {
	Only       string        `switch:"only"`        // beginning of the paths that are struck; "" is all
	Latency    time.Duration `switch:"latency"`     // before each answer
	Hang       int           `switch:"hang"`        // calls that get no answer for 60 s, and then none
	Outage     bool          `switch:"outage"`      // each connection is reset
	Broken     int           `switch:"broken"`      // calls that get 500
	Garbage    int           `switch:"garbage"`     // calls that get 200 and the text of some proxy
	Throttle   int           `switch:"throttle"`    // calls that get 429
	RetryAfter time.Duration `switch:"retry-after"` // which those name; 0 is 30 s
	Lie        int           `switch:"lie"`         // writes that are answered as done, and change nothing
	Late       time.Duration `switch:"late"`        // a write lands and is answered so much later, also if its caller has gone
	LateUpTo   time.Duration `switch:"late-up-to"`  // and by any time up to this one more
	Eventual   time.Duration `switch:"eventual"`    // a write is answered as done and lands so much later
	Cut        int           `switch:"cut"`         // writes that land, and whose connection ends without an answer
	Elsewhere  string        `switch:"elsewhere"`   // the next decision finds this one, by somebody else: approved, rejected or cancelled
}

// countDown says whether a count strikes, and takes one off.
func countDown(n *int) bool {
	if *n > 0 {
		*n--
		return true
	}
	return *n < 0
}

// Struck says whether a count of a simulator's own strikes, and takes one off.
func Struck(n *int) bool { return countDown(n) }

// eachSwitch hands every tagged field of a struct of switches, embedded ones
// too.
func eachSwitch(v reflect.Value, do func(name string, field reflect.Value)) {
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("switch"); name != "" {
			do(name, v.Field(i))
		} else if v.Field(i).Kind() == reflect.Struct {
			eachSwitch(v.Field(i), do)
		}
	}
}

// Names are the switches of a struct, in its order.
func Names(switches any) (names []string) {
	eachSwitch(reflect.ValueOf(switches).Elem(), func(name string, _ reflect.Value) { names = append(names, name) })
	return names
}

// Turn sets the switch NAME=VALUE of a struct of switches, given by pointer. A
// value is true or false, a number, a time such as 3s, or text; NAME alone is
// true, or 1.
func Turn(switches any, setting string) error {
	name, value, valued := strings.Cut(setting, "=")
	refused := fault.New(fault.Invalid, "fake-switch-unknown", "name", name, "known", strings.Join(Names(switches), ", "))
	eachSwitch(reflect.ValueOf(switches).Elem(), func(known string, field reflect.Value) {
		if known != name {
			return
		}
		refused = nil
		if !turn(field, value, valued) {
			refused = fault.New(fault.Invalid, "fake-switch-value", "name", name, "value", value, "type", field.Type().String())
		}
	})
	if refused != nil {
		return refused
	}
	return nil
}

func turn(field reflect.Value, value string, valued bool) bool {
	var read any
	var err error
	switch field.Interface().(type) {
	case bool:
		read = true
		if valued {
			read, err = strconv.ParseBool(value)
		}
	case int:
		read = 1
		if valued {
			read, err = strconv.Atoi(value)
		}
	case time.Duration:
		read, err = time.ParseDuration(value)
	default:
		read = value
	}
	if err == nil {
		field.Set(reflect.ValueOf(read))
	}
	return err == nil
}
