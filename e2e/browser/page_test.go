package browser_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"

	"github.com/sekisho/sekisho/internal/housetest"
)

type cdpCommand[P, R any] = cdp.Command[P, R]

func quote(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// longName breaks layouts: 80 characters, one of its words very long.
const longName = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh Maximiliana Konstantinopel"

type both struct {
	En string `json:"en"`
	Ja string `json:"ja"`
}

type content struct {
	Title both      `json:"title"`
	Text  both      `json:"text"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// announcement is a notice that is shown now.
func announcement(en, ja string) content {
	now := time.Now().UTC().Truncate(time.Minute)
	return content{
		Title: both{en, ja}, From: now.Add(-time.Hour), Until: now.Add(26 * time.Hour),
		Text: both{"Signing in may fail between 9:00 and 12:00. Nothing that was released is taken back.", "9時から12時の間、サインインできない場合があります。貸出中のものは返却されません。"},
	}
}

// write writes a notice through the API and returns its id.
func write(t *testing.T, home *housetest.Home, c content) string {
	t.Helper()
	got := home.AsSetup(t).Call(http.MethodPost, "/api/v1/notices", c)
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated {
		t.Fatalf("write a notice: %d %s", got.Status, got.Body)
	}
	return made.ID
}

var recordLink = regexp.MustCompile(`href="(/admin/audit/[0-9a-z]{26}(?:\?of=house)?)"`)

// record returns the address of the newest record with the name, once the log
// has taken it in.
func record(t *testing.T, home *housetest.Home, name string) string {
	t.Helper()
	for range 200 {
		page := home.AsSetup(t).Get("/admin/audit?" + url.Values{"name": {name}, "of": {"house"}}.Encode())
		if link := recordLink.FindStringSubmatch(page.Body); link != nil && !strings.Contains(page.Body, "badge wait") {
			return link[1]
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("no record of %s", name)
	return ""
}

// place is a page of the house, as somebody signed in or not sees it.
type place struct {
	name, path string
	known      bool
	status     int
}

// places are all pages of a house with one notice.
func places(t *testing.T, home *housetest.Home) []place {
	t.Helper()
	notice := "/admin/notices/" + write(t, home, announcement("Maintenance on Sunday", "日曜日の定期メンテナンス"))
	return []place{
		{"welcome", "/", false, 200},
		{"setup-over", "/setup?link=x", false, 422},
		{"invitation-over", "/welcome?link=x", false, 422},
		{"verification-over", "/verify?link=x", false, 422},
		{"recovery-over", "/recover?link=x", false, 422},
		{"reset-over", "/reset/new?link=x", false, 422},
		{"reset", "/reset", false, 200},
		{"not-signed-in", "/admin", false, 401},
		{"not-found", "/nothing", true, 404},
		{"problem", "/problems/not-permitted", true, 200},
		{"help", "/help", false, 200},
		{"help-operate", "/help/operate", false, 200},
		{"help-manifests", "/help/manifests", true, 200},
		{"help-apps", "/help/apps", true, 200},
		{"senders", "/admin/senders", true, 200},
		{"sender-new", "/admin/senders/new", true, 200},
		{"sender-not-found", "/admin/senders/01m00000000000000000000000", true, 404},
		{"signing-keys", "/admin/signing-keys", true, 200},
		{"api-docs", "/api/docs", false, 200},
		{"api-docs-search", "/api/docs?q=nothing", true, 200},
		{"api-docs-members", "/api/docs/members", true, 200},
		{"state", "/admin/state", true, 200},
		{"keys", "/admin/keys", true, 200},
		{"effects", "/admin/effects", true, 200},
		{"effects-unfound", "/admin/effects?state=parked", true, 200},
		{"effect-not-found", "/admin/effects/01m00000000000000000000000", true, 404},
		{"dashboard", "/admin/dashboard", true, 200},
		{"dashboard-house", "/admin/dashboard?of=house&span=month", true, 200},
		{"manifests", "/admin/manifests", true, 200},
		{"manifests-apply", "/admin/manifests/apply", true, 200},
		{"cards", "/cards", true, 200},
		{"cards-done", "/cards?done=1", true, 200},
		{"card-not-found", "/cards/01m00000000000000000000000", true, 404},
		{"card-settings", "/settings/cards", true, 200},
		{"notices", "/admin/notices", true, 200},
		{"notice-new", "/admin/notices/new", true, 200},
		{"notice-edit", notice, true, 200},
		{"notice-take-back", notice + "/take-back", true, 200},
		{"ask", "/ask", true, 200},
		{"asks", "/asks", true, 200},
		{"ask-not-found", "/asks/01m00000000000000000000000", true, 404},
		{"leases", "/admin/leases", true, 200},
		{"approval-policies", "/admin/approval-policies", true, 200},
		{"approval-policy-new", "/admin/approval-policies/new", true, 200},
		{"card-policies", "/admin/card-policies", true, 200},
		{"card-policy-new", "/admin/card-policies/new", true, 200},
		{"delegations", "/settings/delegations", true, 200},
		{"delegation-new", "/settings/delegations/new", true, 200},
		{"audit", "/admin/audit", true, 200},
		{"audit-search", "/admin/audit?name=nothing", true, 200},
		{"record", record(t, home, "notice.written"), true, 200},
		{"record-not-found", "/admin/audit/01m00000000000000000000000", true, 404},
	}
}
