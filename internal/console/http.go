package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/web"
)

func op(method, path, tag, name, summary string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{tag}}
}

// API registers the operations for programs.
func (r *Room) API(m *web.Mux) {
	read := web.Route{Permission: AuditRead, Or: AuditHouse}
	files := web.Route{Permission: Manifest, Large: true}
	r.dashboardAPI(m)
	web.API(m, read, op(http.MethodGet, "/audit/records", "audit", "search-records", "Records of the audit log, newest first"), r.searchRecords)
	web.API(m, read, op(http.MethodGet, "/audit/records/{record}", "audit", "get-record", "One record with the state of its proof"), r.oneRecord)
	web.API(m, read, op(http.MethodGet, "/audit/records/{record}/proof", "audit", "prove-record", "A proof that can be checked without the house"), r.oneProof)
	web.API(m, web.Route{Permission: AuditHouse}, op(http.MethodGet, "/audit/export", "audit", "export-log", "The whole log, to be verified anywhere; it ends with an end line, or it is cut"), r.exportLog)
	web.API(m, read, op(http.MethodGet, "/audit/checkpoint", "audit", "get-checkpoint", "The newest signed checkpoint and the key that checks it"), r.checkpoint)
	web.API(m, web.Route{Permission: AuditKeep}, op(http.MethodPost, "/audit/archive", "audit", "archive-records", "Move the bodies of old records into a file on the server"), r.archive)
	web.API(m, web.Route{Permission: AuditKeep}, op(http.MethodPost, "/audit/records/{record}/erase", "audit", "erase-field", "Erase one field of a record; its proofs hold"), r.erase)
	r.stateAPI(m)
	r.sealAPI(m)
	r.effectsAPI(m)
	web.API(m, files, op(http.MethodPost, "/manifests/plan", "manifests", "plan", "What documents would change"), r.plan)
	web.API(m, files, op(http.MethodPost, "/manifests/apply", "manifests", "apply", "Make documents true, in one transaction"), r.apply)
	web.API(m, files, op(http.MethodGet, "/manifests/export", "manifests", "export", "Everything that is there, as documents"), r.export)
}

// RecordResource is a record as the API returns it.
type RecordResource struct {
	ID      string            `json:"id"`
	Index   int64             `json:"index" doc:"Place in the log; -1 while it waits"`
	At      time.Time         `json:"at" doc:"When it was written"`
	Node    string            `json:"node" doc:"Node that wrote it"`
	Name    string            `json:"name" doc:"What happened, such as person.change"`
	Org     string            `json:"org,omitempty"`
	By      string            `json:"by" doc:"Principal who did it"`
	Target  string            `json:"target,omitempty" doc:"What it was done to"`
	Request string            `json:"request,omitempty" doc:"Id of the request in which it happened"`
	Source  string            `json:"source,omitempty" doc:"Address that the request came from"`
	Trust   string            `json:"trust,omitempty" doc:"How that address is known: peer, forwarded or socket"`
	Session string            `json:"session,omitempty"`
	ACR     string            `json:"acr,omitempty" doc:"How strongly the actor had proved who they are"`
	AMR     []string          `json:"amr,omitempty" doc:"By which methods (RFC 8176)"`
	Fields  map[string]string `json:"fields,omitempty" doc:"What else is said, by name"`
	Erased  []string          `json:"erased,omitempty" doc:"Fields whose value was erased"`
}

func resource(a audit.Record) RecordResource {
	return RecordResource{
		ID: string(a.ID), Index: a.Index, At: a.At, Node: string(a.Node), Name: a.Name, Org: string(a.Org), By: string(a.By),
		Target: a.Target, Request: a.Request, Source: a.Source, Trust: a.Trust, Session: a.Session, ACR: a.ACR, AMR: a.AMR,
		Fields: a.Fields, Erased: a.Erased,
	}
}

type (
	searchInput struct {
		Name    string    `query:"name" doc:"Beginning of the name; several are parted by commas"`
		By      string    `query:"by" doc:"Principal"`
		Target  string    `query:"target" doc:"What it was done to"`
		Source  string    `query:"source" doc:"Beginning of the address"`
		Session string    `query:"session" doc:"In which it was done, or to which"`
		Text    string    `query:"text" doc:"Somewhere in a value"`
		From    time.Time `query:"from" doc:"Inclusive"`
		Until   time.Time `query:"until" doc:"Exclusive"`
		Of      string    `query:"of" enum:"organization,house" doc:"Records of the organization (what is meant without it, where permitted), or the installation's own"`
		Cursor  string    `query:"cursor" doc:"From the page before"`
		Newer   bool      `query:"newer" doc:"What is newer than the cursor, and next to it"`
		Limit   int       `query:"limit" minimum:"1" maximum:"500" default:"50"`
	}
	searchOutput struct {
		Body struct {
			Items []RecordResource `json:"items"`
			Next  string           `json:"next,omitempty" doc:"Cursor of the next page"`
		}
	}
	recordInput struct {
		Record string `path:"record"`
		Of     string `query:"of" enum:"organization,house" doc:"Whose records are looked at, as in the search"`
	}
	recordOutput struct {
		Body struct {
			RecordResource
			State      string   `json:"state" enum:"pending,integrated,covered" doc:"How far its proof is"`
			Checkpoint string   `json:"checkpoint,omitempty" doc:"Signed note that covers it"`
			Outside    []string `json:"outside,omitempty" doc:"Places outside that hold that note or a later one"`
		}
	}
	proofOutput      struct{ Body audit.Proof }
	noInput          struct{}
	noOutput         struct{}
	checkpointOutput struct {
		Body struct {
			Note string `json:"note" doc:"Signed note"`
			Key  string `json:"key" doc:"Public key"`
			Size int64  `json:"size" doc:"Records"`
		}
	}
)

func (r *Room) searchRecords(ctx context.Context, in *searchInput) (*searchOutput, error) {
	reader, err := r.reader(ctx, in.Of)
	if err != nil {
		return nil, err
	}
	found, err := r.audit.Search(ctx, reader, query(reader, audit.Query{
		Name: in.Name, By: id.Principal(in.By), Target: in.Target, Text: in.Text,
		From: in.From, Until: in.Until, Cursor: in.Cursor, Limit: in.Limit, Source: in.Source, Session: in.Session, Newer: in.Newer,
	}))
	out := &searchOutput{}
	out.Body.Items, out.Body.Next = []RecordResource{}, found.Cursor
	for _, record := range found.Records {
		out.Body.Items = append(out.Body.Items, resource(record))
	}
	return out, err
}

func (r *Room) oneRecord(ctx context.Context, in *recordInput) (*recordOutput, error) {
	reader, err := r.reader(ctx, in.Of)
	if err != nil {
		return nil, err
	}
	found, err := r.audit.Get(ctx, reader, id.Record(in.Record))
	out := &recordOutput{}
	out.Body.RecordResource, out.Body.State = resource(found.Record), string(found.State)
	out.Body.Checkpoint, out.Body.Outside = found.Checkpoint.Note, found.Outside
	return out, err
}

func (r *Room) oneProof(ctx context.Context, in *recordInput) (*proofOutput, error) {
	proof, err := r.prove(ctx, in.Of, in.Record)
	return &proofOutput{proof}, err
}

func (r *Room) checkpoint(ctx context.Context, _ *noInput) (*checkpointOutput, error) {
	checkpoint, err := r.audit.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	out := &checkpointOutput{}
	out.Body.Note, out.Body.Size = checkpoint.Note, checkpoint.Size
	out.Body.Key, err = r.audit.PublicKey(ctx)
	return out, err
}

// exportLog streams the whole log, of every organization, for as long as it
// takes. What fails on the way cannot be told any more, but the export lacks its
// end line then, which every verification sees.
func (r *Room) exportLog(ctx context.Context, _ *noInput) (*huma.StreamResponse, error) {
	reader := audit.Reader{By: web.ActorOf(ctx).Principal}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "application/jsonl")
		c.SetHeader("Content-Disposition", `attachment; filename="audit.jsonl"`)
		w := c.BodyWriter()
		if rw, ok := w.(http.ResponseWriter); ok {
			_ = http.NewResponseController(rw).SetWriteDeadline(time.Time{})
		}
		if err := r.audit.Export(ctx, reader, w); err != nil {
			web.Note(ctx, "export", err.Error())
		}
	}}, nil
}

type (
	archiveInput struct {
		Body struct {
			Days int `json:"days" minimum:"1" maximum:"36500" doc:"Records that are older leave the database"`
		}
	}
	archiveOutput struct {
		Body struct {
			Path  string `json:"path,omitempty" doc:"File on the server"`
			Moved int64  `json:"moved" doc:"Records"`
		}
	}
	eraseInput struct {
		Record string `path:"record"`
		Body   struct {
			Field string `json:"field" minLength:"1" maxLength:"64" doc:"Name of the field"`
		}
	}
)

func (r *Room) archive(ctx context.Context, in *archiveInput) (*archiveOutput, error) {
	moved, err := r.Archive(ctx, web.ActorOf(ctx).Principal, time.Duration(in.Body.Days)*24*time.Hour)
	out := &archiveOutput{}
	out.Body.Path, out.Body.Moved = moved.Path, moved.Moved
	return out, err
}

func (r *Room) erase(ctx context.Context, in *eraseInput) (*noOutput, error) {
	return &noOutput{}, r.audit.EraseField(ctx, web.ActorOf(ctx).Principal, id.Record(in.Record), in.Body.Field)
}

type (
	filesInput struct {
		Body struct {
			Documents json.RawMessage `json:"documents" doc:"Parsed documents in their wire form"`
			Prune     bool            `json:"prune,omitempty" doc:"Delete what the documents do not name"`
			Digest    string          `json:"digest,omitempty" doc:"Of the plan that was shown; another one is refused"`
		}
	}
	planOutput   struct{ Body *manifest.Plan }
	exportOutput struct {
		Body struct {
			YAML string `json:"yaml" doc:"Documents, to be applied anywhere"`
		}
	}
)

func (r *Room) documents(ctx context.Context, in *filesInput) ([]manifest.Document, manifest.Options, error) {
	docs, err := manifest.FromJSON(in.Body.Documents)
	return docs, manifest.Options{
		Prune: in.Body.Prune, By: web.ActorOf(ctx).Principal, Digest: in.Body.Digest, Clock: r.clock,
	}, err
}

func (r *Room) plan(ctx context.Context, in *filesInput) (*planOutput, error) {
	docs, options, err := r.documents(ctx, in)
	if err != nil {
		return nil, err
	}
	plan, err := r.kinds.Plan(ctx, r.store, docs, options)
	return &planOutput{plan}, err
}

func (r *Room) apply(ctx context.Context, in *filesInput) (*planOutput, error) {
	docs, options, err := r.documents(ctx, in)
	if err != nil {
		return nil, err
	}
	plan, err := r.kinds.Apply(ctx, r.store, docs, options)
	return &planOutput{plan}, err
}

func (r *Room) export(ctx context.Context, _ *noInput) (*exportOutput, error) {
	text, err := r.kinds.Export(ctx, r.store)
	out := &exportOutput{}
	out.Body.YAML = string(text)
	return out, err
}
