package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/sekisho/sekisho/internal/web/ui"
)

// What makes the pages an app that can be installed (W3C Web Application
// Manifest) and told (Push API).
const (
	manifestPath = "/app.webmanifest"
	workerPath   = "/worker.js"
	offlinePath  = "/offline"
)

// workerPolicy is the worker's own: what it fetches is under it, not under the
// page's.
const workerPolicy = "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"

// icon is an image of the manifest.
type icon struct {
	Src     string `json:"src"`
	Sizes   string `json:"sizes"`
	Type    string `json:"type"`
	Purpose string `json:"purpose,omitempty"`
}

type appManifest struct {
	Name       string `json:"name"`
	ShortName  string `json:"short_name"`
	ID         string `json:"id"`
	StartURL   string `json:"start_url"`
	Scope      string `json:"scope"`
	Display    string `json:"display"`
	Lang       string `json:"lang"`
	Background string `json:"background_color"`
	Theme      string `json:"theme_color"`
	Icons      []icon `json:"icons"`
}

// registerApp serves what a browser asks for by itself: without cookies, so
// that nothing in it depends on who asks.
func (m *Mux) registerApp() {
	get := func(path string, serve func(*Visit)) {
		m.handle(Route{Method: http.MethodGet, Path: path, Permission: Public, Edge: EdgeHouse}, serve)
	}
	get(manifestPath, func(v *Visit) {
		text, err := json.Marshal(m.app(v))
		v.plainly("application/manifest+json", text, err)
	})
	get(workerPath, func(v *Visit) {
		text, err := m.worker()
		v.w.Header()["Content-Security-Policy"] = []string{workerPolicy}
		v.plainly("text/javascript; charset=utf-8", text, err)
	})
	get(offlinePath, func(v *Visit) {
		var page bytes.Buffer
		frame := &ui.Frame{Lang: v.rec.lang, Book: m.options.Book, Asset: m.assets.Path}
		err := ui.Offline(frame).Render(ui.With(v.Context(), frame), &page)
		v.w.Header()["Content-Security-Policy"] = []string{pagePolicy}
		v.plainly("text/html; charset=utf-8", page.Bytes(), err)
	})
}

// plainly answers with a text that no cookie changes.
func (v *Visit) plainly(kind string, text []byte, err error) {
	if err != nil {
		v.fail(err)
		return
	}
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Vary", "Accept-Language")
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(text)
}

func (m *Mux) app(v *Visit) appManifest {
	png := func(name, sizes, purpose string) icon {
		return icon{Src: m.assets.Path(name), Sizes: sizes, Type: "image/png", Purpose: purpose}
	}
	return appManifest{
		Name: v.Say("web.app"), ShortName: "Sekisho", ID: "/", StartURL: "/", Scope: "/", Display: "standalone",
		Lang: string(v.rec.lang), Background: "#ffffff", Theme: "#1f3a5f",
		Icons: []icon{
			png("icon-192.png", "192x192", ""), png("icon-512.png", "512x512", ""), png("maskable-512.png", "512x512", "maskable"),
			{Src: m.assets.Path("icon.svg"), Sizes: "any", Type: "image/svg+xml"},
		},
	}
}

// worker is the service worker, told which files it may keep. Its text changes
// with them, and so browsers fetch them again.
func (m *Mux) worker() ([]byte, error) {
	style, script := m.assets.Path("house.css"), m.assets.Path("worker.js")
	shell, err := json.Marshal([]string{"shell " + strings.TrimPrefix(style, ui.AssetPrefix), offlinePath, style})
	if err != nil {
		return nil, err
	}
	file, found := m.assets.Find(script)
	if !found {
		return nil, http.ErrMissingFile
	}
	return append([]byte("self.SHELL = "+string(shell)+";\n"), file.Plain...), nil
}
