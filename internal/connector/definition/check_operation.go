package definition

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// The operations, by the names that a definition gives them.
const (
	OpWhoami     = "whoami"
	OpResolve    = "user.resolve"
	OpTicket     = "ticket.get"
	OpSearch     = "ticket.search"
	OpCreate     = "ticket.create"
	OpComment    = "ticket.comment"
	OpComments   = "ticket.comments"
	OpTransition = "ticket.transition"
	OpAsked      = "ticket.approvals"
	OpApprovals  = "approval.list"
	OpApproval   = "approval.get"
	OpDecide     = "approval.decide"
	OpCatalog    = "catalog.list"
	OpItem       = "catalog.item"
	OpOrder      = "catalog.order"
	OpPlaced     = "catalog.placed"
)

// contract is what an operation takes and gives.
type contract struct {
	args   []string // besides those of every operation
	gives  []string // the keys of map; none: whatever it maps is not read
	needs  []string // the keys that must be there
	list   bool     // each is allowed, and the answer is a list
	verify bool     // the read-back is compulsory
	writes bool
}

var (
	ticketKeys   = []string{"id", "url", "type", "title", "description", "state", "nativeState", "requester", "assignee", "assets", "priority", "window", "approvals", "dependsOn", "createdAt", "updatedAt", "etag", "fields"}
	approvalKeys = []string{"id", "ticketId", "title", "state", "approver", "requester", "amount", "dueAt", "lines", "fields", "etag", "url", "canDecide", "commentRequired", "stage", "decidedBy"}
	itemKeys     = []string{"id", "title", "description", "category", "price", "fields"}
	userKeys     = []string{"nativeUser", "email", "displayName"}
)

// contracts is what the engine knows of operations; what it does not know cannot
// be asked for.
var contracts = map[string]contract{
	OpWhoami:     {args: []string{"tokenUser"}, gives: userKeys, needs: userKeys[:1]},
	OpResolve:    {args: []string{"email", "login", "name"}, gives: userKeys, needs: userKeys[:1]},
	OpTicket:     {args: []string{"id"}, gives: ticketKeys, needs: []string{"id", "title", "state"}},
	OpSearch:     {args: []string{"text", "requester", "since"}, gives: ticketKeys, needs: []string{"id", "title", "state"}, list: true},
	OpCreate:     {args: []string{"title", "description", "requester", "fields", "marker"}, gives: ticketKeys, needs: []string{"id"}, writes: true},
	OpComment:    {args: []string{"id", "text", "public", "marker"}, writes: true},
	OpComments:   {args: []string{"id", "marker"}, gives: []string{"id", "text", "author", "createdAt", "marker"}, needs: []string{"text"}, list: true},
	OpTransition: {args: []string{"id", "to", "comment", "etag", "marker"}, writes: true, verify: true},
	OpAsked:      {args: []string{"id"}, gives: approvalKeys, needs: []string{"id", "state"}, list: true},
	OpApprovals:  {gives: approvalKeys, needs: []string{"id", "title", "state"}, list: true},
	OpApproval:   {args: []string{"id"}, gives: approvalKeys, needs: []string{"id", "state"}},
	OpDecide:     {args: []string{"id", "decision", "comment", "etag", "by", "marker"}, writes: true, verify: true},
	OpCatalog:    {args: []string{"text", "category"}, gives: itemKeys, needs: []string{"id", "title"}, list: true},
	OpItem:       {args: []string{"id"}, gives: itemKeys, needs: []string{"id", "title"}},
	OpOrder:      {args: []string{"id", "quantity", "values", "requestedFor", "comment", "marker"}, gives: []string{"id", "number", "url"}, needs: []string{"number"}, writes: true},
	OpPlaced:     {args: []string{"id", "quantity", "values", "requestedFor", "since", "marker"}, gives: []string{"id", "number", "url"}, needs: []string{"number"}, list: true},
}

// argNames are the arguments of an operation. Those that a caller leaves out are
// empty, so that an expression need not ask whether they are there.
func argNames(op string) []string {
	return append([]string{"nativeUser", "actAs"}, contracts[op].args...)
}

// Writes reports whether the operation may change the system.
func Writes(op string) bool { return contracts[op].writes }

func isApproval(op string) bool { return strings.HasPrefix(op, "approval.") }

func (p *parser) operation(op *operation) {
	path := "operations." + op.name
	c, known := contracts[op.name]
	if !known {
		p.add(op.line, path, codeUnknownName, "name", op.name, "known", strings.Join(operationNames(), ", "))
		return
	}
	p.op, p.steps = op, nil
	p.args(path, op)
	for _, mode := range op.Modes {
		if !slices.Contains(p.doc.Auth.Modes, mode) {
			p.add(op.line, path+".modes", codeWord, "value", mode, "known", strings.Join(p.doc.Auth.Modes, ", "))
		}
	}
	for i, s := range op.Steps {
		p.step(fmt.Sprintf("%s.steps[%d]", path, i), s)
	}
	if len(op.Steps) > p.doc.Limits.MaxSteps {
		p.add(op.line, path+".steps", codeLimit, "name", "steps", "limit", p.doc.Limits.MaxSteps)
	}
	if len(op.Steps) == 0 {
		p.add(op.line, path+".steps", yaml.CodeMissing, "name", "steps")
	}
	p.expr(path+".each", &op.Each, inRequest, nil, cel.ListType(cel.DynType))
	p.expr(path+".with", &op.With, inRequest, nil)
	p.mapping(path, op, c)
	p.page(path+".page", op, c)
	p.verify(path, op, c)
	p.probe(path+".probe", op)
	p.ordering(path, op)
	p.op, p.steps = nil, nil
}

func operationNames() []string {
	var names []string
	for name := range contracts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (p *parser) args(path string, op *operation) {
	op.patterns = map[string]*regexp.Regexp{}
	for name, pattern := range op.Args {
		if !slices.Contains(argNames(op.name), name) {
			p.add(op.line, path+".args."+name, codeUnknownName, "name", name, "known", strings.Join(argNames(op.name), ", "))
		}
		form, err := regexp.Compile(`^(?:` + pattern + `)$`)
		if err != nil || len(pattern) > 500 {
			p.add(op.line, path+".args."+name, codePattern, "reason", cut(fmt.Sprint(err)))
			continue
		}
		op.patterns[name] = form
	}
}

func (p *parser) step(path string, s *step) {
	if !stepForm.MatchString(s.ID) || slices.Contains(p.steps, s.ID) {
		p.add(s.line, path+".id", codeName, "name", s.ID)
	}
	p.expr(path+".if", &s.If, inRequest, nil, cel.BoolType)
	p.expr(path+".foreach", &s.Foreach, inRequest, nil, cel.ListType(cel.DynType))
	p.request(path+".request", &s.Request)
	p.expr(path+".expect", &s.Expect, inAnswer, nil, cel.BoolType)
	p.expr(path+".allow", &s.Allow, inAnswer, nil, cel.BoolType)
	p.expr(path+".save", &s.Save, inAnswer, nil)
	if s.Page != nil && p.pager(path+".page", s.Page) && (s.Foreach.given() || s.Page.Step != "") {
		p.add(s.Page.line, path+".page", codePage, "type", s.Page.Type)
	}
	for i, r := range s.Errors {
		p.rule(fmt.Sprintf("%s.errors[%d]", path, i), r)
	}
	p.steps = append(p.steps, s.ID)
}

// ownHeaders belong to the credential, the connection or the body.
var ownHeaders = []string{"authorization", "cookie", "host", "content-type", "content-length", "transfer-encoding", "accept-encoding"}

func (p *parser) request(path string, q *request) {
	if q.node == nil {
		return // said already
	}
	at := q.node.Line
	if !slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}, q.Method) && q.Method != "" {
		p.add(q.node.LineOf("method"), path+".method", codeWord, "value", q.Method, "known", "GET, HEAD, POST, PUT, PATCH, DELETE")
	}
	if q.Path.given() == q.URL.given() {
		p.add(at, path, codePathOrUrl)
	}
	if q.JSON != nil && q.Form != nil || !q.writes() && (q.JSON != nil || q.Form != nil) {
		p.add(at, path, codeBody)
	}
	p.expr(path+".path", &q.Path, inRequest, pathLaw, cel.StringType)
	p.expr(path+".url", &q.URL, inRequest, urlLaw, cel.StringType)
	p.pairs(path+".query", q.Query, inRequest, queryLaw)
	p.pairs(path+".headers", q.Headers, inRequest, nil)
	p.pairs(path+".form", q.Form, inRequest, nil)
	p.tree(path+".json", q.JSON, inRequest)
	for _, h := range q.Headers {
		if slices.Contains(ownHeaders, strings.ToLower(h.name)) {
			p.add(h.line, path+".headers."+h.name, codeHeader, "name", h.name)
		}
	}
	if q.URL.given() && q.URL.code != nil {
		for _, m := range q.URL.code.members() {
			if m.root == "arg" {
				p.add(q.URL.line, path+".url", codeUnquoted, "helpers", "urlpath")
			}
		}
	}
}

var kinds = []string{
	string(Unauthorized), string(Forbidden), string(NotFound), string(Invalid), string(Conflict), string(Throttled),
	string(Unavailable), string(NotApplied), string(AmbiguousUser), string(NoSuchUser), string(Failed),
}

func (p *parser) rule(path string, r *rule) {
	p.expr(path+".when", &r.When, inAnswer, nil, cel.BoolType)
	p.expr(path+".message", &r.Message, inAnswer, nil, cel.StringType)
	p.expr(path+".retryAfter", &r.RetryAfter, inAnswer, nil, cel.StringType, cel.IntType, cel.DoubleType)
	if !slices.Contains(kinds, string(r.As)) && r.As != "" {
		p.add(max(r.When.line, 1), path+".as", codeWord, "value", string(r.As), "known", strings.Join(kinds, ", "))
	}
}

func (p *parser) mapping(path string, op *operation, c contract) {
	if op.Each.given() && !c.list {
		p.add(op.Each.line, path+".each", codeEach, "name", op.name)
	}
	if op.Map == nil {
		if len(c.needs) > 0 {
			p.add(op.line, path+".map", yaml.CodeMissing, "name", "map")
		}
		return
	}
	p.tree(path+".map", op.Map, inRequest)
	if op.Map.leaf != nil {
		return // an expression gives the whole map: it is looked at when it runs
	}
	for _, f := range op.Map.fields {
		if !slices.Contains(c.gives, f.name) {
			p.add(f.line, path+".map."+f.name, codeUnknownName, "name", f.name, "known", strings.Join(c.gives, ", "))
		}
	}
	for _, name := range c.needs {
		if op.Map.get(name) == nil {
			p.add(op.Map.line, path+".map", yaml.CodeMissing, "name", name)
		}
	}
}

// pageTypes are the ways of paging with the parameter that each turns by.
var pageTypes = map[string]func(*pager) string{
	"offset":      func(g *pager) string { return g.Start },
	"isLast":      func(g *pager) string { return g.Start },
	"page":        func(g *pager) string { return g.Page },
	"cursor":      func(g *pager) string { return cmp.Or(g.Token, g.Next.text) },
	"link-header": func(*pager) string { return "Link" },
}

func (p *parser) page(path string, op *operation, c contract) {
	g := op.Page
	if g == nil || !p.pager(path, g) {
		return
	}
	if !c.list {
		p.add(g.line, path, codePage, "type", g.Type)
	}
	g.Step = cmp.Or(g.Step, pagedStep(op))
	if !slices.ContainsFunc(op.Steps, func(s *step) bool { return s.ID == g.Step && !s.Foreach.given() && s.Page == nil }) {
		p.add(g.line, path+".step", codeUnknownName, "name", g.Step, "known", strings.Join(p.steps, ", "))
	}
}

// pager checks a way of paging, and reports whether there is one of that name.
func (p *parser) pager(path string, g *pager) bool {
	turn, known := pageTypes[g.Type]
	if !known {
		p.add(g.line, path+".type", codeWord, "value", g.Type, "known", "offset, page, link-header, cursor, isLast")
		return false
	}
	g.Max, g.First = cmp.Or(g.Max, 200), cmp.Or(g.First, 1)
	if turn(g) == "" || g.Type == "cursor" && !g.Next.given() {
		p.add(g.line, path, codePage, "type", g.Type)
	}
	if g.Max < 1 || g.Max > 10_000 {
		p.add(g.line, path+".max", codeLimit, "name", "max", "limit", 10_000)
	}
	if g.Type == "isLast" && !g.Items.given() {
		g.Items = expr{text: "body.values", line: g.line}
	}
	if g.Type == "isLast" && !g.Last.given() {
		g.Last = expr{text: "body.isLastPage", line: g.line}
	}
	if g.Type != "link-header" && g.Type != "cursor" && !g.Items.given() {
		p.add(g.line, path, yaml.CodeMissing, "name", "items")
	}
	p.expr(path+".items", &g.Items, inAnswer, nil, cel.ListType(cel.DynType))
	p.expr(path+".total", &g.Total, inAnswer, nil, cel.IntType, cel.DoubleType, cel.StringType)
	p.expr(path+".last", &g.Last, inAnswer, nil, cel.BoolType)
	p.expr(path+".next", &g.Next, inAnswer, nil, cel.StringType)
	return true
}

// pagedStep is the first step whose query has the turning parameter, else the
// only one; among several the definition has to say.
func pagedStep(op *operation) string {
	turn := pageTypes[op.Page.Type](op.Page)
	var once []string
	for _, s := range op.Steps {
		if s.Request.Query.has(turn) || s.Request.Query.has(op.Page.Size) {
			return s.ID
		}
		if !s.Foreach.given() {
			once = append(once, s.ID)
		}
	}
	if len(once) != 1 {
		return ""
	}
	return once[0]
}

func (p *parser) verify(path string, op *operation, c contract) {
	v := op.Verify
	if v == nil {
		if c.verify {
			p.add(op.line, path, codeVerifyMissing, "name", op.name)
		}
		return
	}
	v.Attempts, v.Every = cmp.Or(v.Attempts, 2), cmp.Or(v.Every, time.Second)
	if v.Attempts < 1 || v.Attempts > 10 || v.Every < 0 || v.Every > 30*time.Second {
		p.add(v.line, path+".verify", codeLimit, "name", "attempts", "limit", "10, 30s")
	}
	if other := contracts[v.Op]; p.doc.Operations.get(v.Op) == nil || other.writes || other.list {
		p.add(v.line, path+".verify.op", codeUnknownName, "name", v.Op, "known", "ticket.get, approval.get")
	}
	p.tree(path+".verify.in", v.In, inRequest)
	p.expr(path+".verify.until", &v.Until, inUntil, nil, cel.BoolType)
}

func (p *parser) probe(path string, op *operation) {
	if op.Probe == nil {
		return
	}
	if !slices.Contains([]string{"natural", "marker", "none"}, op.Probe.By) && op.Probe.By != "" {
		p.add(op.line, path+".by", codeWord, "value", op.Probe.By, "known", "natural, marker, none")
	}
	if (op.Probe.By == "none") != (op.Probe.Op == "") || op.Probe.Op != "" && (p.doc.Operations.get(op.Probe.Op) == nil || contracts[op.Probe.Op].writes) {
		p.add(op.line, path+".op", codeUnknownName, "name", op.Probe.Op, "known", "")
	} else if reads := p.doc.Operations.get(op.Probe.Op); reads != nil {
		reads.whole = true
	}
}

// whole checks what shows only when the parts stand together.
func (p *parser) whole() {
	d := p.doc
	ops := d.Operations
	if d.Kind == KindREST && ops.get(OpWhoami) == nil && slices.Contains(d.Auth.Modes, ModeUser) {
		p.add(p.line("operations"), "operations", yaml.CodeMissing, "name", OpWhoami)
	}
	if d.Kind == KindCard && len(ops) > 0 {
		p.add(p.line("operations"), "operations", codeCardOperations)
	}
	if decide := ops.get(OpDecide); decide != nil && ops.get(OpApproval) == nil {
		p.add(decide.line, "operations."+OpDecide, yaml.CodeMissing, "name", OpApproval)
	}
	if slices.Equal(d.Auth.Modes, []string{ModeService}) && !(&Definition{doc: d}).approverMapped() {
		at := cmp.Or(ops.get(OpApprovals), ops.get(OpApproval))
		p.add(at.line, "operations."+at.name, codeApproverMissing, "name", at.name)
	}
}
