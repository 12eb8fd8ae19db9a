package offer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
)

// A123: what is said of a role decides who decides about it. Who could not give
// the role says nothing of it, changes nothing and takes nothing away.
func TestOnlyWhoCouldGiveItSaysWhoDecides(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx, root := h.People(t), context.Background(), id.Local(0)
		keeper, err := h.Register().PutRole(ctx, root, org.Role{Org: k.Org, Name: "keeper", Permissions: []string{request.Policy}})
		if err == nil {
			var m org.Member
			m, err = h.Register().Member(ctx, k.Org, k.Daichi)
			if m.Roles = []id.Role{keeper.ID}; err == nil {
				err = h.Register().PutMember(ctx, root, m)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		desk, err := h.Register().PutGroup(ctx, root, org.Group{Org: k.Org, Name: "desk"})
		if err != nil {
			t.Fatal(err)
		}
		path := web.APIPrefix + "/organizations/" + string(k.Org) + "/ask-targets"
		chika, daichi := h.As(t, k.Chika, k.Org), h.As(t, k.Daichi, k.Org)
		said := func(target string, version int64) map[string]any {
			return map[string]any{"name": "auditors", "version": version, "spec": map[string]any{"target": target, "owners": []id.Person{k.Daichi}}}
		}
		call := func(v *housetest.Visitor, method, path string, body any, status int, code string) (out struct{ ID, Code string }) {
			t.Helper()
			got := v.Call(method, path, body)
			_ = json.Unmarshal([]byte(got.Body), &out)
			if got.Status != status || out.Code != code {
				t.Errorf("A123 %s %v: %d %s, want %d %s", method, body, got.Status, out.Code, status, code)
			}
			return out
		}
		role := "role:" + string(org.Auditor)
		fresh := said(role, 0)
		delete(fresh, "version")
		call(daichi, http.MethodPost, path, fresh, http.StatusForbidden, "stronger-than-you")
		one := path + "/" + call(chika, http.MethodPost, path, fresh, http.StatusCreated, "").ID
		call(daichi, http.MethodPut, one, said(role, 1), http.StatusForbidden, "stronger-than-you")
		call(daichi, http.MethodPut, one, said("group:"+string(desk.ID), 1), http.StatusForbidden, "stronger-than-you")
		call(daichi, http.MethodDelete, one, nil, http.StatusForbidden, "stronger-than-you")
		call(chika, http.MethodPut, one, said("group:"+string(desk.ID), 1), http.StatusOK, "")
		call(daichi, http.MethodPut, one, said("group:"+string(desk.ID), 2), http.StatusOK, "")
	})
}
