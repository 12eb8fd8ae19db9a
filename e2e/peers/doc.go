// Package peers tries the house with the real programs of others, installed from
// Debian's packages: Request Tracker 5 as a ticket system. What a simulated system
// only claims is shown here.
//
// Read first: rt_test.go (how Request Tracker is started), then story_test.go.
package peers
