package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

// APIPrefix stands before the path of every operation.
const APIPrefix = "/api/v1"

const routeKey = "sekisho.route"

// API registers an operation of the management API. op names method, path below
// APIPrefix, id and summary; route adds the permission, the name of its target
// and the rate class. The handler's actor is ActorOf(ctx); its error is
// rendered by the edge.
func API[I, O any](m *Mux, route Route, op huma.Operation, handler func(context.Context, *I) (*O, error)) {
	route.Method, route.Path, route.Edge = op.Method, APIPrefix+op.Path, EdgeAPI
	op.Metadata = map[string]any{routeKey: route}
	op.MaxBodyBytes = -1 // read and limited before, see serveAPI
	op.Responses = map[string]*huma.Response{"default": problemResponse(m.api)}
	op.Security, op.Extensions = securityOf(route, op.Security), maps.Clone(op.Extensions)
	m.namer.operation = op.OperationID
	huma.Register(m.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			recordOf(ctx).fault = err
			return nil, huma.NewError(http.StatusInternalServerError, "")
		}
		return out, nil
	})
	dropSchemas(m.api)
}

// securityOf says by which credentials an operation can be reached: tokens
// cannot step up. said counts more.
func securityOf(route Route, said []map[string][]string) []map[string][]string {
	session := map[string][]string{"session": {}}
	switch {
	case said != nil, route.Permission == Public:
		return said
	case route.Permission == Apps:
		return []map[string][]string{{"service": {}}}
	case route.Fresh > 0:
		return []map[string][]string{session}
	}
	return []map[string][]string{{"bearer": {}}, session}
}

// SessionOnly is the security of an operation that refuses every token.
var SessionOnly = []map[string][]string{{"session": {}}}

// SocketOnly marks an operation for processes of the machine alone.
var SocketOnly = map[string]any{"x-socket": true}

var strictCasing sync.Once

func newAPI(m *Mux) huma.API {
	// A variable of the library: without it "SUB" passes for "sub" (A031).
	// And: a list is never null, in neither direction.
	strictCasing.Do(func() { huma.ValidateStrictCasing, huma.DefaultArrayNullable = true, false })
	format := huma.Format{
		Marshal:   func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
		Unmarshal: json.Unmarshal, // of a body that scanJSON let through
	}
	registry := huma.NewMapRegistry(schemaPrefix, m.namer.name)
	api := huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Sekisho", Version: m.options.Version},
			Servers: []*huma.Server{{URL: m.origin + APIPrefix}},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer":  {Type: "http", Scheme: "bearer", Description: "A personal token, made on the page of one's own tokens or by `make-own-token`"},
				"service": {Type: "http", Scheme: "bearer", Description: "A service token of a card sender, made on its page or by `make-card-sender-token`"},
				"session": {Type: "apiKey", In: "cookie", Name: m.CookieName(), Description: "The cookie of a signed-in browser; unsafe methods need the house's own `Origin`"},
			}},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{noteProblem},
	}, apiAdapter{m})
	return api
}

// registerDescription is called once rooms may ask for it; the text is made on
// the first request, when every operation stands.
func (m *Mux) registerDescription() {
	m.described = sync.OnceValues(m.describe)
	route := Route{Method: http.MethodGet, Path: APIPrefix + "/openapi.json", Permission: Public, Edge: EdgeAPI}
	m.handle(route, func(v *Visit) {
		d, err := m.described()
		if err != nil {
			v.fail(err)
			return
		}
		v.w.Header().Set("Content-Type", "application/openapi+json")
		v.w.WriteHeader(http.StatusOK)
		_, _ = v.w.Write(d.text)
	})
}

func problemResponse(api huma.API) *huma.Response {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	return &huma.Response{
		Description: "A problem (RFC 9457)",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: schema}},
	}
}

// dropSchemas removes the library's own error model from the description: it
// never leaves us.
func dropSchemas(api huma.API) {
	schemas := api.OpenAPI().Components.Schemas.Map()
	delete(schemas, "huma.ErrorModel")
	delete(schemas, "huma.ErrorDetail")
}

// apiAdapter lets huma register on our mux, behind our edge.
type apiAdapter struct{ mux *Mux }

// Handle registers an operation.
func (a apiAdapter) Handle(op *huma.Operation, next func(huma.Context)) {
	route, _ := op.Metadata[routeKey].(Route)
	a.mux.handle(route, func(v *Visit) { a.mux.serveAPI(v, op, next) })
}

// ServeHTTP completes huma.Adapter.
func (a apiAdapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

func (m *Mux) serveAPI(v *Visit, op *huma.Operation, next func(huma.Context)) {
	err := m.enterAPI(v)
	if err == nil {
		err = v.strictBody()
	}
	if err == nil && rehearses(v.r) {
		v.r = v.r.WithContext(store.Rehearsing(v.r.Context()))
	}
	if err == nil {
		next(&apiContext{humaContext: humago.NewContext(op, v.r, v.w), rec: v.rec})
		err = v.rec.fault
	}
	if errors.Is(err, store.ErrRehearsed) {
		v.rec.fault = nil
		err = v.foreseen()
	}
	if err != nil {
		v.fail(err)
	}
}

// strictBody reads the body whole, checks it and puts it back for huma.
func (v *Visit) strictBody() error {
	body, err := v.Body()
	if err != nil || len(body) == 0 {
		return err
	}
	kind, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return fault.New(fault.Invalid, "media-type-unsupported", "want", "application/json")
	}
	most := maxMembers
	if v.rec.route.Large {
		most = maxLarge
	}
	if err := scanJSON(body, nil, most); err != nil {
		return err
	}
	v.r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

type humaContext = huma.Context // Context is a method of it, so it cannot be embedded by that name

// apiContext mutes huma once there is an error: errors are rendered in one
// place, in the caller's language.
type apiContext struct {
	humaContext
	rec *record
}

// Unwrap lets humago.Unwrap find its own context.
func (c *apiContext) Unwrap() huma.Context { return c.humaContext }

// SetStatus writes the status unless the edge will.
func (c *apiContext) SetStatus(status int) {
	if c.rec.fault == nil {
		c.humaContext.SetStatus(status)
	}
}

// BodyWriter returns the response unless the edge will write it.
func (c *apiContext) BodyWriter() io.Writer {
	if c.rec.fault != nil {
		return io.Discard
	}
	return c.humaContext.BodyWriter()
}

// SetReadDeadline does nothing: the body has been read.
func (c *apiContext) SetReadDeadline(time.Time) error { return nil }

// noteProblem turns huma's own errors into faults for the edge.
func noteProblem(ctx huma.Context, _ string, value any) (any, error) {
	model, isError := value.(*huma.ErrorModel)
	if isError {
		if rec := recordOf(ctx.Context()); rec.fault == nil {
			rec.fault = faultOf(model)
		}
	}
	return value, nil
}

func faultOf(model *huma.ErrorModel) error {
	switch {
	case model.Status >= http.StatusInternalServerError:
		return errors.New(model.Detail)
	case model.Detail == "request body is required":
		return fault.New(fault.Invalid, "body-required")
	case model.Status == http.StatusUnsupportedMediaType:
		return fault.New(fault.Invalid, "media-type-unsupported", "want", "application/json")
	}
	f := &fault.Fault{Kind: fault.Invalid, Code: "input-invalid"}
	for _, detail := range model.Errors {
		f.Fields = append(f.Fields, fieldOf(detail))
	}
	return f
}

func fieldOf(detail *huma.ErrorDetail) fault.Field {
	path := detail.Location
	for _, place := range [...]string{"body", "query", "path", "header"} {
		if rest, inside := strings.CutPrefix(path, place); inside && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			path = strings.TrimPrefix(rest, ".")
			break
		}
	}
	code, args, member := sayInstead(detail.Message)
	if member != "" {
		path = join(path, member)
	}
	return fault.Field{Path: printable(path), Code: code, Args: args}
}
