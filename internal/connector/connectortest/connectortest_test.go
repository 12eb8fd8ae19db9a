package connectortest_test

import (
	"os"
	"testing"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/connector/connectortest"
)

// shedTests are what the made-up system recorded.
const shedTests = `tests:
  - name: who is it
    op: whoami
    exchanges: [{request: {method: GET, path: /me}, response: {body: {login: tetsuo, mail: t@shed.example, name: Tetsuo}}}]
    expect: {nativeUser: tetsuo}
  - name: a key that was taken back
    op: whoami
    exchanges: [{request: {method: GET, path: /me}, response: {status: 401}}]
    error: unauthorized
  - name: a loan
    op: ticket.get
    arg: {id: L-1}
    exchanges: [{request: {method: GET, path: /loans/L-1}, response: {body: &loan {no: L-1, tool: saw, state: asked, borrower: mei, foreman: tetsuo, version: 1}}}]
    expect: {id: L-1, state: waiting, requester: {nativeId: mei}}
  - name: what waits
    op: approval.list
    nativeUser: tetsuo
    exchanges: [{request: {method: GET, path: /loans, query: {foreman: tetsuo}}, response: {body: {loans: [*loan], total: 1}}}]
    expect: [{id: L-1, state: pending}]
  - name: one of them
    op: approval.get
    arg: {id: L-1}
    exchanges: [{request: {method: GET, path: /loans/L-1}, response: {body: *loan}}]
    expect: {id: L-1, title: Lend saw}
  - name: nothing changed
    op: approval.decide
    arg: {id: L-1, decision: approved, etag: "1"}
    exchanges:
      - {request: {method: PUT, path: /loans/L-1, headers: {If-Match: "1"}, body: {state: lent}}, response: {status: 204}}
      - {request: {method: GET, path: /loans/L-1}, response: {body: *loan}}
      - {request: {method: GET, path: /loans/L-1}, response: {body: *loan}}
    error: notApplied
    sent: true
`

func TestEveryDefinitionKeepsTheLaws(t *testing.T) {
	all := connector.BuiltIn()
	text, err := os.ReadFile("../testdata/tool-shed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own, err := connector.Parse("tool-shed.yaml", append(text, shedTests...))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range append(all, own) {
		if d.Kind != connector.KindREST {
			continue
		}
		t.Run(d.ID, func(t *testing.T) { connectortest.Laws(t, d) })
	}
}
