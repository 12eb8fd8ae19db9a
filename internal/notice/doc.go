// Package notice is the room of house-wide announcements: what an operator
// wants everybody to read on every page ("maintenance on Sunday"), in both
// languages, from a time until a time. Before From a notice waits, until Until
// it is shown, then it is over; taken back, it is gone at once.
//
// Read first: notice.go.
package notice
