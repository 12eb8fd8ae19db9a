package ticket_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/manifest"
)

const ownDefinition = `apiVersion: sekisho/connector/v1
id: shed
title: {en: Shed}
settings:
  base_url: {type: url, required: true}
hosts: ["{base_url}"]
auth:
  modes: [service]
  schemes: {header_token: {}}
  headers: {Authorization: "'Bearer ' + cred.token"}
operations:
  ticket.get:
    steps:
      - {id: t, request: {method: GET, path: "'/t/' + urlpath(arg.id)"}}
    map: {id: "steps.t.body.id", title: "steps.t.body.title", state: "'open'"}
`

const manifests = `kind: Connector
org: kaede
name: servicenow
spec:
  definition: servicenow
  base_url: https://kaede.service-now.example
  auth: {client_id: sekisho, client_secret: {env: SN_SECRET}}
---
kind: Connector
org: kaede
name: shed
spec:
  definition: {file: shed.yaml}
  base_url: https://shed.kaede.example
  auth: {token: canary-shed}
`

func TestConnectorsAreManifests(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		h := housetest.House(t, housetest.On(url))
		k := h.People(t)
		chika := h.As(t, k.Chika, k.Org)
		folder := t.TempDir()
		for name, text := range map[string]string{"a.yaml": manifests, "shed.yaml": ownDefinition} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		apply := func(env map[string]string) housetest.Answer {
			docs, err := manifest.Read(filepath.Join(folder, "a.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			set, err := house.Kinds()
			if err != nil {
				t.Fatal(err)
			}
			if err := set.Resolve(docs, manifest.Sources{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}); err != nil {
				t.Fatal(err)
			}
			return chika.Call(http.MethodPost, "/api/v1/manifests/apply", map[string]any{"documents": docs})
		}
		if got := apply(map[string]string{"SN_SECRET": "canary-one"}); got.Status != http.StatusOK || strings.Contains(got.Body, "canary") {
			t.Fatalf("apply: %d %s", got.Status, got.Body)
		}
		if got := apply(map[string]string{"SN_SECRET": "canary-one"}); strings.Count(got.Body, `"action":"none"`) != 2 {
			t.Errorf("a second apply changes something: %s", got.Body)
		}
		if got := apply(map[string]string{"SN_SECRET": "canary-two"}); !strings.Contains(got.Body, "auth.client_secret") || strings.Contains(got.Body, "canary") {
			t.Errorf("another secret: %s", got.Body)
		}
		got := chika.Get("/api/v1/organizations/" + string(k.Org) + "/systems")
		for _, want := range []string{`"name":"servicenow"`, `"name":"shed"`, `"secrets":["client_secret"]`, `"secrets":["token"]`} {
			if !strings.Contains(got.Body, want) {
				t.Errorf("the systems have no %s: %s", want, got.Body)
			}
		}
		if found := holds(t, h, "canary"); found != nil {
			t.Errorf("TRAP-C24: %v", found)
		}
		export := chika.Get("/api/v1/manifests/export")
		if !strings.Contains(export.Body, "keep: true") || strings.Contains(export.Body, "canary") {
			t.Errorf("export: %d %s", export.Status, export.Body)
		}
	})
}
