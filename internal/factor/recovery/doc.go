// Package recovery makes and reads recovery codes, which stand in for a lost
// second factor, each once. It keeps nothing: room signin stores their digests
// and burns what is used.
//
// A code is fifteen characters, 75 random bits. That is why a plain SHA-256 of
// it may be stored: at 10¹² guesses a second half of all codes take some 600
// years, and a slow hash would have to be computed once for each code a person
// has left. Ten characters, as many places use, would fall in minutes. The
// person's id is part of the digest, so that nobody is guessed at along with
// somebody else.
package recovery
