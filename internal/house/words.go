package house

import "embed"

// Words are the sentences of the house itself.
//
//go:embed words
var Words embed.FS
