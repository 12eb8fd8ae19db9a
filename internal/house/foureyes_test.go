package house_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
)

// alone lists what one alone may do where four_eyes holds the rest: why, and the
// routes. A path that ends in * stands for all below it. A route that is in no
// line, and that no test of room change takes, fails the test: whoever adds one
// says whether it gives somebody more than they have.
var alone = []struct {
	why    string
	routes []string
}{
	{"one's own account, and what one holds", []string{
		"POST /settings/*", "DELETE /api/v1/me/*", "PUT /api/v1/me/*", "PATCH /api/v1/me", "POST /leases/{lease}/give-back", "POST /api/v1/me/leases/{lease}/give-back",
		"POST /api/v1/me/passkeys", "POST /api/v1/me/passkeys/begin", "POST /api/v1/me/push-devices", "POST /api/v1/me/recovery-codes", "POST /api/v1/me/tokens", "POST /api/v1/me/totp",
	}},
	{"signing in and out, and the links by which a person comes in or back: what they hold was approved before", []string{
		"POST /signin", "POST /signin/*", "POST /signout", "POST /reset", "POST /reset/new", "POST /recover", "POST /recover/passkey", "POST /verify", "POST /welcome", "POST /welcome/passkey",
		"POST /organization", "POST /language",
	}},
	{"the first administrator of an empty house, by a link that only the machine prints", []string{"POST /setup", "POST /setup/passkey"}},
	{"who can read the machine's socket makes a link for somebody who is locked out; they and every other administrator are told", []string{"POST /api/v1/sign-in/recover"}},
	{"asking, deciding and answering: what a policy says is asked of others, and two wrote the policy", []string{
		"POST /ask/*", "POST /ask-prepared/*", "POST /asks/*", "POST /api/v1/asks", "POST /api/v1/asks/*", "PATCH /api/v1/asks/{ask}", "POST /cards/{card}", "POST /api/v1/cards/{card}/decide",
		"POST /api/v1/me/review-items/{review_item}/decision", "POST /orders/new/{system}/{item}", "POST /api/v1/catalogs/{catalog}/items/{item}/order", "POST /api/v1/sent-cards", "DELETE /api/v1/sent-cards/{sent}",
	}},
	{"a doorbell is believed in nothing", []string{"POST /hooks/{connector}"}},
	{"taking away is possible at once: memberships, people, organizations, groups, sessions, tokens, leases, systems, programs", []string{
		"DELETE /api/v1/organizations/{org}", "POST /admin/organizations/{org}/delete", "DELETE /api/v1/organizations/{org}/members/{person}", "POST /admin/people/{person}/remove", "DELETE /api/v1/people/{person}",
		"POST /admin/people/{person}/delete", "POST /api/v1/people/{person}/disable", "DELETE /api/v1/organizations/{org}/groups/{group}", "POST /admin/groups/{group}/delete", "POST /admin/groups/{group}/take",
		"DELETE /api/v1/organizations/{org}/members/{person}/sessions/{session}", "DELETE /api/v1/organizations/{org}/sessions/{session}", "POST /api/v1/organizations/{org}/sessions/end", "POST /admin/sessions/end",
		"POST /admin/sessions/{session}/end", "POST /admin/people/{person}/signin/end-sessions", "POST /api/v1/organizations/{org}/members/{person}/sign-in/end-sessions",
		"DELETE /api/v1/organizations/{org}/tokens/{token}", "POST /admin/tokens/{token}/revoke", "POST /admin/leases/{lease}/revoke", "POST /api/v1/organizations/{org}/leases/{lease}/revoke",
		"DELETE /api/v1/organizations/{org}/systems/{system}", "POST /admin/systems/{system}/remove", "POST /admin/systems/{system}/disconnect",
		"DELETE /api/v1/organizations/{org}/card-senders/{sender}", "POST /admin/senders/{sender}/remove", "DELETE /api/v1/organizations/{org}/card-senders/{sender}/tokens/{issued}", "POST /admin/senders/{sender}/tokens/{token}/revoke",
	}},
	{"the person proves who they are all the same: the lock of too many wrong answers opens", []string{"POST /admin/people/{person}/signin/unlock", "POST /api/v1/organizations/{org}/members/{person}/sign-in/unlock"}},
	{"a link to somebody who was invited: by mail alone where they hold more than every member does", []string{"POST /admin/people/{person}/invitation", "POST /api/v1/organizations/{org}/members/{person}/invitation"}},
	{"policies add up: one more asks for more", []string{
		"POST /api/v1/organizations/{org}/sign-in-policies", "POST /admin/sign-in/new", "POST /api/v1/organizations/{org}/card-policies",
	}},
	{"a group that is new decides nothing yet", []string{"POST /api/v1/organizations/{org}/groups", "POST /admin/groups/new"}},
	{"reviews end what people hold and give nothing; prepared asks are asked like any other", []string{
		"POST /api/v1/organizations/{org}/reviews", "PUT /api/v1/organizations/{org}/reviews/{review}", "DELETE /api/v1/organizations/{org}/reviews/{review}", "POST /api/v1/organizations/{org}/reviews/{review}/start",
		"POST /admin/reviews/*", "POST /api/v1/organizations/{org}/ask-templates", "PUT /api/v1/organizations/{org}/ask-templates/{ask_template}", "DELETE /api/v1/organizations/{org}/ask-templates/{ask_template}",
		"POST /admin/ask-templates/*",
	}},
	{"it goes where the approved system is, with what the approved system says", []string{
		"POST /admin/systems/{system}/authorize", "POST /api/v1/organizations/{org}/systems/{system}/authorize", "POST /admin/systems/{system}/test", "POST /api/v1/organizations/{org}/systems/{system}/test",
	}},
	{"only looked at: nothing is written", []string{"POST /admin/manifests/plan", "POST /api/v1/manifests/plan", "POST /admin/systems/upload", "POST /admin/systems/{system}/definition"}},
	{"the program was approved, and so were whom it reaches and whom it tells", []string{"POST /api/v1/organizations/{org}/card-senders/{sender}/tokens", "POST /admin/senders/{sender}/tokens/new"}},
	{"the installation's own work: nobody may do more by it", []string{
		"POST /admin/effects/*", "POST /api/v1/effects/*", "POST /admin/keys/rotate", "POST /api/v1/seal/*", "POST /admin/signing-keys", "POST /api/v1/signing-keys", "POST /api/v1/audit/*", "POST /backup",
		"POST /admin/notices/*", "POST /api/v1/notices", "PUT /api/v1/notices/{notice}", "DELETE /api/v1/notices/{notice}",
	}},
}

var routeIn = regexp.MustCompile(`"((?:POST|PUT|PATCH|DELETE) /[^"]+)"`)

// taken are the routes that the tests of room change take with four_eyes.
func taken(t *testing.T) (all []string) {
	files, err := filepath.Glob("../change/*_test.go")
	for _, file := range files {
		text, bad := os.ReadFile(file)
		if err == nil {
			err = bad
		}
		for _, m := range routeIn.FindAllStringSubmatch(string(text), -1) {
			all = append(all, m[1])
		}
	}
	if err != nil || len(all) < 40 {
		t.Fatal(len(all), err)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func stands(line, route string) bool {
	if below, all := strings.CutSuffix(line, "*"); all {
		return strings.HasPrefix(route, below)
	}
	return line == route
}

// TestFourEyesKnowEveryRoute wants every route that writes either taken by a test
// that sees it wait, or listed with the reason why one alone may.
func TestFourEyesKnowEveryRoute(t *testing.T) {
	h := housetest.House(t)
	held, there, used := taken(t), []string{}, map[string]bool{}
	for _, route := range h.Routes() {
		if safe(route) {
			continue
		}
		one := name(route)
		there = append(there, one)
		waits, free := slices.Contains(held, one), 0
		for _, group := range alone {
			for _, line := range group.routes {
				if stands(line, one) {
					used[line], free = true, free+1
				}
			}
		}
		switch {
		case !waits && free == 0:
			t.Errorf("CAP-H18 %s: no test of room change takes it, and it is not listed as what one alone may do", one)
		case waits && free > 0 && !strings.HasPrefix(one, "POST /api/v1/me/"): // a row of its own goes before a line for all below
			t.Errorf("CAP-H18 %s waits for a second person, and is listed as what one alone may do", one)
		case free > 1:
			t.Errorf("CAP-H18 %s is listed twice", one)
		}
	}
	for _, one := range held {
		if !slices.Contains(there, one) {
			t.Errorf("CAP-H18 %s is taken by a test and is no route", one)
		}
	}
	for _, group := range alone {
		for _, line := range group.routes {
			if !used[line] {
				t.Errorf("CAP-H18 %s is listed and is no route", line)
			}
		}
	}
}

// TestFourEyesAreDescribed wants every operation that waits described as such, and
// no other.
func TestFourEyesAreDescribed(t *testing.T) {
	h := housetest.House(t)
	var doc struct {
		Paths map[string]map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(h.Nobody(t).Get("/api/v1/openapi.json").Body), &doc); err != nil {
		t.Fatal(err)
	}
	held, found := taken(t), 0
	for path, item := range doc.Paths {
		for method, op := range item {
			one := strings.ToUpper(method) + " " + path
			if !strings.HasPrefix(path, "/api/v1") {
				one = strings.ToUpper(method) + " /api/v1" + path
			}
			responses, _ := op["responses"].(map[string]any)
			_, waits := responses["202"]
			if waits = waits && op["x-waits"] == true; waits {
				found++
			}
			if waits != slices.Contains(held, one) {
				t.Errorf("CAP-H18 %s: described as waiting: %v", one, waits)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d operations wait", found)
	}
}
