// Package mailaddr reads mail addresses the one way in which two programs
// cannot read them differently (A052): exactly one @, before it a dot-atom of
// RFC 5321 §4.1.2 in ASCII, behind it a domain name that IDNA (RFC 5891, UTS 46)
// brings to ASCII. Quoted local parts, comments, groups, source routes, address
// literals, single labels and numbers in place of a top-level domain are
// refused: net/mail accepts "a@x.example"@evil.example and hands on two @.
//
// Local parts beyond ASCII (RFC 6531) are refused too: few relays carry them,
// and letters that look alike would make two people one.
package mailaddr

import "embed"

// Words are the sentences of this package's problems.
//
//go:embed words
var Words embed.FS
