package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Example is a request that shows an operation. It stands in the description
// and on its page, and a test sends it to a house.
type Example struct {
	Title  string            `json:"title"`  // what it shows; "" for the summary of the operation
	Path   map[string]string `json:"path"`   // values of the path's wildcards; ExampleID of the name where it is missing
	Query  map[string]string `json:"query"`  // of the address
	Body   json.RawMessage   `json:"body"`   // nil sends none
	Status int               `json:"status"` // 0: as the operation answers when it is done
	Code   string            `json:"code"`   // of the problem, where the example is one of a refusal
}

// Examples hands in the examples of a room's operations: a JSON object of lists
// of Example, by the operation's id, in which {org}, {person} and so on stand
// for the ExampleID of the kind. An operation that takes nothing but what its
// path names has an example without being listed.
func (m *Mux) Examples(file []byte) {
	text := string(file)
	for kind, which := range exampleIDs {
		text = strings.ReplaceAll(text, `{`+kind+`}"`, which+`"`)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := Decode([]byte(text), &m.examples); err != nil {
		panic(fmt.Sprintf("web: examples of the API: %v", err)) // a file of our own
	}
}

// exampleIDs stand in examples; a test puts those of its house in their place.
var exampleIDs = map[string]string{
	"card":    "01m0r8s3v6x9z2b5d7fgjkcard",
	"catalog": "01m0rdy2a5d8fhkn1q4s7vwxyz", "item": "01m0rez3b6e9gjmp2r5t8wyabc", "order": "01m0rfa4c7fahkmq3s6v9xzbde",
	"org": "01m0qzs7x4n8r2v6k9d3h5tbcj", "person": "01m0qzt2b7w5f9j1c4g8n6krvs", "group": "01m0r1c8d3e6h9k2m5p7q0tvwx",
	"role": "01m0r1f4g7j0n3q6s9v2x5z8bd", "notice": "01m0r2h9k1m4p7r0t3w6y8cdfg", "token": "01m0r3j5n8q1s4v7x0z2b6dghk",
	"rota": "01m0rgb5d8g1jknr4t7w0yacex", "ask_target": "01m0rgc6e9h2kmps5v8x1zbdfy", "ask_template": "01m0rgd7f0j3nqrt6w9y2acegz",
	"review": "01m0rge8g1k4prsv7x0z3bdfh1", "round": "01m0rgf9h2m5qstw8y1a4cegj2", "review_item": "01m0rgg0j3n6rtvx9z2b5dfhk3",
	"session": "01m0r3m7p9r2t5w8y1c4f6hjkn", "policy": "01m0r4n1q3s6v9x2z5b8d0fgjm", "record": "01m0r5p4r6t8w1y3c5f7hjkn9q",
	"passkey": "01m0r6q2s5v8x1z4b7d9fgkm3p", "effect": "01m0r7r8t0w2y4c6f8hjn1q5sv",
	"browser": "01m0r6q5s7v9x2z4d6g8jkmn0r",
	"system":  "01m0r9t1v4x7z0b3d6fhjk9mqs",
	"sender":  "01m0rdz3b5f8h1kmn4p7r0tvwx", "sent": "01m0rdz6c8g1j4nmp7q0s3vwxy", "issued": "01m0rdz9d1h4k7nqr0s3t6vwxz",
	"ask": "01m0r9t5w8y1b4d7fhjm0n3qsv", "lease": "01m0rav7x0z3c6e9gjkn2p5rtw", "approval": "01m0rbw9y2b5d8fhkm1n4q7svx", "delegation": "01m0rcx1z4c7e0gjmn3p6r9tvy", "card_policy": "01m0rcz3b6e9g2kmnq5r8tbwx1",
}

// ExampleID is the identifier that stands for a kind of thing ("org", "person",
// …) in every example.
func ExampleID(kind string) string {
	if which, ok := exampleIDs[kind]; ok {
		return which
	}
	return "01m0r8s3v6x9z2b5d7fgjkm0nq"
}

// ExampleKinds are the kinds that have an identifier for examples.
func ExampleKinds() []string { return slices.Sorted(maps.Keys(exampleIDs)) }

// examplesOf are those of an operation, each with the whole path.
func (m *Mux) examplesOf(op *huma.Operation) []Example {
	m.mu.RLock()
	all := slices.Clone(m.examples[op.OperationID])
	m.mu.RUnlock()
	if len(all) == 0 && op.RequestBody == nil && !demands(op) {
		all = []Example{{}}
	}
	for i, e := range all {
		path := map[string]string{}
		for _, p := range op.Parameters {
			if p.In != "path" {
				continue
			}
			if path[p.Name] = e.Path[p.Name]; path[p.Name] == "" {
				path[p.Name] = ExampleID(p.Name)
			}
		}
		all[i].Path = path
	}
	return all
}

// demands reports whether an operation needs more than its path.
func demands(op *huma.Operation) bool {
	return slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Required && p.In != "path" })
}
