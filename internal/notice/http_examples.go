package notice

import "github.com/sekisho/sekisho/internal/web"

const exampleText = `"title": {"en": "Works tonight", "ja": "今夜の工事"}, "text": {"en": "The house is closed from ten.", "ja": "22時から停止します。"}, "from": "2026-12-01T13:00:00Z", "until": "2026-12-01T15:00:00Z"`

// examples show the operations that take more than their path.
var examples = map[string][]web.Example{
	"list-notices": {{Query: map[string]string{"limit": "20"}}},
	"write-notice": {{Body: `{"name": "night", ` + exampleText + `}`}},
	"change-notice": {
		{Body: `{"name": "night", ` + exampleText + `, "version": 1}`},
	},
}
