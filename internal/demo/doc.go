// Package demo runs a whole house with the company of Kaede Trading in it, a
// mail server that only plays, and a guide that tells stories to click through
// and ticks each step when the house's own log says that it happened. The
// product knows nothing of it: an announcement leads to the guide.
//
// Read first: demo.go (Run), then story.go; a story is one file such as
// story_invite.go and its sentences.
package demo
