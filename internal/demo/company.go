package demo

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/wire/yaml"
	"github.com/sekisho/sekisho/internal/words"
)

// company is Kaede Trading, as manifests that anybody can apply.
//
//go:embed company/*.yaml
var company embed.FS

// player is somebody whom a visitor can be. What they are stands in the words,
// as demo.part.LOGIN.
type player struct{ Login string }

// cast are they, in the order in which they are shown.
var cast = []player{{"chika"}, {"aoi"}, {"botan"}, {"daichi"}, {"ume"}}

// settle puts the company into an empty house, once, and the announcement of the
// guide into every house, before anybody can knock.
func (d *demo) settle(ctx context.Context) (err error) {
	h, err := house.New(ctx, d.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Stop(ctx)) }()
	dial, err := h.Work(ctx, true)
	if err != nil {
		return err
	}
	notice, err := d.announcement()
	if err != nil {
		return err
	}
	if d.kept.Seeded {
		return errors.Join(applyTo(ctx, dial, d.Lang, notice), d.introduce(ctx, h, dial), d.enlist(ctx, h, dial))
	}
	docs, err := d.documents()
	if err != nil {
		return err
	}
	if err := applyTo(ctx, dial, d.Lang, append(docs, notice...)); err != nil {
		return err
	}
	if err := d.confirm(ctx, h); err != nil {
		return err
	}
	if err := errors.Join(d.introduce(ctx, h, dial), d.enlist(ctx, h, dial)); err != nil {
		return err
	}
	d.kept.Seeded = true
	for _, s := range stories {
		if err := d.kept.begin(s.Name, d.clock.Now()); err != nil {
			return err
		}
	}
	return d.kept.save()
}

// documents are the manifests, with the passwords of who is printed.
func (d *demo) documents() ([]manifest.Document, error) {
	names, err := fs.Glob(company, "company/*.yaml")
	if err != nil {
		return nil, err
	}
	var docs []manifest.Document
	for _, name := range names {
		text, err := fs.ReadFile(company, name)
		if err != nil {
			return nil, err
		}
		roots, err := yaml.Parse(path.Base(name), text, yaml.Limits{})
		if err != nil {
			return nil, err
		}
		for _, root := range roots {
			d.sign(root)
			docs = append(docs, manifest.Document{File: path.Base(name), Root: root})
		}
	}
	return docs, nil
}

// sign gives a person's document the password that was made for them.
func (d *demo) sign(root *yaml.Node) {
	name, spec := root.Get("name"), root.Get("spec")
	if root.Get("kind").Text != "Person" || name == nil || spec == nil {
		return
	}
	if password, known := d.kept.Passwords[name.Text]; known {
		spec.Fields = append(spec.Fields, yaml.Field{Name: "password", Value: &yaml.Node{Kind: yaml.String, File: root.File, Line: root.Line, Text: password}})
	}
}

// announcement is the notice that leads from every page to the guide.
func (d *demo) announcement() ([]manifest.Document, error) {
	both := func(key string) map[string]string {
		said := map[string]string{}
		for _, lang := range words.Langs {
			said[string(lang)] = d.book.Say(lang, key, fault.Pairs("guide", d.guide.url()))
		}
		return said
	}
	text, err := json.Marshal(map[string]any{"kind": "Notice", "name": "demo", "spec": map[string]any{
		"title": both("demo.notice.title"), "text": both("demo.notice.text"),
		"from": "2026-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z",
	}})
	if err != nil {
		return nil, err
	}
	roots, err := yaml.Parse("demo", text, yaml.Limits{})
	if err != nil {
		return nil, err
	}
	return []manifest.Document{{File: "demo", Root: roots[0]}}, nil
}

// dialer reaches a house in this process.
type dialer = func(context.Context) (net.Conn, error)

// applyTo has a house apply documents, over its own API.
func applyTo(ctx context.Context, dial dialer, lang words.Lang, docs []manifest.Document) error {
	_, err := post(ctx, dial, lang, "/manifests/apply", map[string]any{"documents": docs})
	return err
}

// post sends something to the API of a house, and returns what it answered.
func post(ctx context.Context, dial dialer, lang words.Lang, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+web.APIPrefix+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Language", string(lang))
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s was refused: %s %s", path, answer.Status, said)
	}
	return said, err
}

// confirm takes the addresses of the people as theirs: the demo has their mail.
func (d *demo) confirm(ctx context.Context, h *house.House) error {
	var people []org.Person
	err := h.Store().House().Read(ctx, func(v *store.View) (err error) {
		people, err = org.AllPeople(v)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range people {
		if p.Verified || p.State != org.Active {
			continue
		}
		err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
			if err := h.Register().Verify(tx, p.ID, p.Email); err != nil {
				return store.Abort(err)
			}
			return store.Done(store.Event{
				Name: "verification.done", By: id.System("demo"), Target: string(id.OfPerson(p.ID)), Fields: map[string]string{"email": p.Email},
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// applied is where the company stands as files, for who reads along in the
// source; it is empty when the program runs elsewhere.
func applied() string {
	const folder = "internal/demo/company"
	if info, err := os.Stat(folder); err == nil && info.IsDir() {
		return folder
	}
	return ""
}
