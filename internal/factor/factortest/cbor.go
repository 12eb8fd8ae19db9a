package factortest

import (
	"encoding/binary"
	"fmt"
)

// Map is a CBOR map in the order given, so that a test can write one that is
// not canonical, or a key twice.
type Map []Pair

// Pair is a key (int or string) and its value.
type Pair [2]any

// CBOR encodes int, int64, string, []byte, []any and Map (RFC 8949 §3), in the
// shortest form. Any other type is a mistake of the test and panics.
func CBOR(value any) []byte { return appendCBOR(nil, value) }

func appendCBOR(b []byte, value any) []byte {
	switch v := value.(type) {
	case int:
		return appendCBOR(b, int64(v))
	case int64:
		if v < 0 {
			return head(b, 1, uint64(-1-v)) //nolint:gosec // below zero
		}
		return head(b, 0, uint64(v))
	case []byte:
		return append(head(b, 2, uint64(len(v))), v...)
	case string:
		return append(head(b, 3, uint64(len(v))), v...)
	case []any:
		b = head(b, 4, uint64(len(v)))
		for _, item := range v {
			b = appendCBOR(b, item)
		}
		return b
	case Map:
		b = head(b, 5, uint64(len(v)))
		for _, p := range v {
			b = appendCBOR(appendCBOR(b, p[0]), p[1])
		}
		return b
	}
	panic(fmt.Sprintf("signintest: no CBOR for %T", value))
}

// head writes a major type with its argument.
func head(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}
