// Package docs is the handbook for who runs a house, as files of this folder.
package docs

import "embed"

// Handbook holds each page in English, NAME.md, and in Japanese, NAME.ja.md.
//
//go:embed operate.md operate.ja.md manifests.md manifests.ja.md apps.md apps.ja.md
var Handbook embed.FS
