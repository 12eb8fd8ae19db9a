package connector

import (
	"context"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector/definition"
)

// What package definition reads and executes, by the names that the rooms use.
type (
	Definition    = definition.Definition
	Setting       = definition.Setting
	Scheme        = definition.Scheme
	Probe         = definition.Probe
	Limits        = definition.Limits
	Ringer        = definition.Ringer
	Call          = definition.Call
	Credential    = definition.Credential
	Budget        = definition.Budget
	Trace         = definition.Trace
	Exchange      = definition.Exchange
	Signer        = definition.Signer
	Problem       = definition.Problem
	Input         = definition.Input
	Option        = definition.Option
	Kind          = definition.Kind
	ExampleResult = definition.ExampleResult
	EngineOptions = definition.Options
)

// The kinds of problems, and what follows from each.
const (
	Unauthorized  = definition.Unauthorized
	Forbidden     = definition.Forbidden
	NotFound      = definition.NotFound
	Invalid       = definition.Invalid
	Conflict      = definition.Conflict
	Throttled     = definition.Throttled
	Unavailable   = definition.Unavailable
	NotApplied    = definition.NotApplied
	AmbiguousUser = definition.AmbiguousUser
	NoSuchUser    = definition.NoSuchUser
	Failed        = definition.Failed
)

// The modes of credentials, the kinds of connectors and of schemes.
const (
	ModeUser          = definition.ModeUser
	ModeService       = definition.ModeService
	KindREST          = definition.KindREST
	KindCard          = definition.KindCard
	SchemeCode        = definition.SchemeCode
	SchemeClient      = definition.SchemeClient
	SchemeBasic       = definition.SchemeBasic
	SchemeHeaderToken = definition.SchemeHeaderToken
)

// The operations, by the names that a definition gives them.
const (
	OpWhoami     = definition.OpWhoami
	OpResolve    = definition.OpResolve
	OpTicket     = definition.OpTicket
	OpSearch     = definition.OpSearch
	OpCreate     = definition.OpCreate
	OpComment    = definition.OpComment
	OpComments   = definition.OpComments
	OpTransition = definition.OpTransition
	OpAsked      = definition.OpAsked
	OpApprovals  = definition.OpApprovals
	OpApproval   = definition.OpApproval
	OpDecide     = definition.OpDecide
	OpCatalog    = definition.OpCatalog
	OpItem       = definition.OpItem
	OpOrder      = definition.OpOrder
	OpPlaced     = definition.OpPlaced
)

// ErrCut is the cause of the problem of a list that has more than may be read of
// it.
var ErrCut = definition.ErrCut

// Parse reads a definition: definition.Parse.
func Parse(file string, text []byte) (*Definition, error) { return definition.Parse(file, text) }

// BuiltIn returns the definitions that come with the product.
func BuiltIn() []*Definition { return definition.BuiltIn() }

// KindOf returns the kind of an error of an outside call: Failed for one that is
// no Problem, "" for nil.
func KindOf(err error) Kind { return definition.KindOf(err) }

// NewBudget returns the full budget of one connection.
func NewBudget(l Limits, c clock.Clock) *Budget { return definition.NewBudget(l, c) }

// Examples runs the definition's own tests and also reads what they map into the
// model. A definition whose tests fail should not be used.
func Examples(ctx context.Context, d *Definition) []ExampleResult {
	all := d.Examples(ctx)
	for i := range all {
		read := readers[all[i].Op]
		if all[i].Why != "" || all[i].Got == nil || read == nil {
			continue
		}
		s := &shape{zone: d.Zone()}
		if read(s, all[i].Got); s.bad != nil {
			all[i].Why = s.bad.Message
		}
	}
	return all
}

var readers = map[string]func(*shape, any) any{
	OpWhoami: boxed(readUser), OpResolve: boxed(readUser), OpTicket: boxed((*shape).ticket), OpCreate: boxed((*shape).ticket),
	OpTransition: boxed((*shape).ticket), OpSearch: boxed(each((*shape).ticket)), OpComments: boxed(each(readRemark)),
	OpApproval: boxed((*shape).approval), OpDecide: boxed((*shape).approval), OpApprovals: boxed(each((*shape).approval)),
	OpItem: boxed((*shape).item), OpCatalog: boxed(each((*shape).item)), OpOrder: boxed(readOrder), OpPlaced: boxed(each(readOrder)), OpAsked: boxed(each((*shape).approval)),
}

func boxed[T any](read func(*shape, any) T) func(*shape, any) any {
	return func(s *shape, value any) any { return read(s, value) }
}
