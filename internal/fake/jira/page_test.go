package jira_test

import (
	"strings"
	"testing"
)

func TestThePortal(t *testing.T) {
	c := open(t)
	aoi := c.browse("aoi", "en")
	_, page := aoi.get("/")
	c.has(page, "IT Operations", "Access to a server", "Emergency change")
	if strings.Contains(page, "Momiji Design") {
		t.Error("a site of others shows")
	}
	const form = "/kaede/servicedesk/customer/portal/1/create/10"
	_, page = aoi.get(form)
	c.has(page, "Server", "db02", `type="date"`)
	if status, page := aoi.post(form, "summary", "Root on db01"); status != 400 || !strings.Contains(page, "Nothing was sent") || !strings.Contains(page, `value="Root on db01"`) {
		t.Errorf("%d %s", status, page)
	}
	_, page = aoi.post(form, "summary", "Root on db01", "customfield_10050", "db01", "customfield_10051", "2026-04-02")
	q := c.Requests()[0]
	c.has(page, q.Key, "Waiting for approval", "Manager approval", "馬場 牡丹 (Botan Baba)", "2026-04-02", "db01")
	address := "/kaede/servicedesk/customer/portal/1/" + q.Key
	t.Run("in Japanese", func(*testing.T) {
		_, page := c.browse("aoi", "ja").get(address)
		c.has(page, "承認待ち", "上長の承認", "サーバーへのアクセス")
	})
	t.Run("who may not", func(t *testing.T) {
		for _, path := range []string{address, "/kaede/browse/" + q.Key, "/momiji/servicedesk/customer/portal/1/create/1", "/kaede/servicedesk/customer/portal/1/create/99", "/x/browse/OPS-1"} {
			if status, _ := c.browse("lena", "en").get(path); status != 404 {
				t.Errorf("%s: %d", path, status)
			}
		}
		if status, _ := aoi.post(address, "decision", "approve"); status != 400 {
			t.Errorf("the reporter approves: %d", status)
		}
		if status, _ := c.browse("lena", "en").post(address, "comment", "Hi"); status != 404 {
			t.Errorf("%d", status)
		}
	})
	botan := c.browse("botan", "en")
	_, page = botan.get("/approvals")
	c.has(page, q.Key)
	_, page = botan.get("/kaede/browse/" + q.Key)
	c.has(page, "Approve", "Decline")
	_, page = botan.post(address, "decision", "approve", "comment", "Fine <b>with</b> me")
	c.has(page, "Approved", "Fine &lt;b&gt;with&lt;/b&gt; me")
	c.wants(q.Key, "Approved", "approved botan:approved")
	if status, _ := botan.post(address, "decision", "decline"); status != 400 {
		t.Errorf("decided twice: %d", status)
	}
	_, page = aoi.get("/requests")
	c.has(page, q.Key, "Approved")
}
