// Package web is the house's side of HTTP: one mux with three edges (page, API,
// protocol), the request record, the headers, the trust of proxies, listeners,
// rate limits and live updates. Rooms hand in routes and return errors; only
// this package renders them. Read mux.go first, then edge.go.
package web

import "embed"

// Words holds the sentences of this package and of its layout.
//
//go:embed words/*.yaml
var Words embed.FS
