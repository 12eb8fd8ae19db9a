package browser_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/housetest"
)

// desk is a house with a card sender that has sent two cards to Botan: its page,
// and the cards.
func desk(t *testing.T) (home *housetest.Home, k housetest.Kaede, page, approval, actions string) {
	t.Helper()
	home = housetest.House(t)
	k = home.People(t)
	chika := home.As(t, k.Chika, k.Org)
	made := func(path string, body any) string {
		t.Helper()
		got := chika.Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/card-senders"+path, body)
		var out struct{ ID, Value string }
		if err := json.Unmarshal([]byte(got.Body), &out); err != nil || got.Status != http.StatusCreated {
			t.Fatalf("%d %s", got.Status, got.Body)
		}
		return out.ID + " " + out.Value
	}
	which := made("", object{
		"name": "expense", "title": "経費精算デスク", "role": "creator", "callback": "https://expense.kaede.example/decided", "audience": object{"people": []string{string(k.Botan)}},
		"templates": []object{{"name": "trip", "title": "Trip to {place}", "approval": object{}}},
	})[:26]
	token := made("/"+which+"/tokens", object{"days": 90})[27:]
	nobody := home.Nobody(t)
	for i, body := range []object{
		{"key": "a", "title": "経費 4711", "text": "取引先との会食（4名）\n渋谷", "number": "4711", "requester": object{"name": "高橋 葵"}, "fields": []object{{"label": "金額", "value": "48,000 円"}, {"label": "Cost centre", "value": "K-7, sales east"}}, "approval": object{"comment": "onReject"}, "priority": "urgent", "due": time.Now().Add(time.Hour)},
		{"key": "b", "title": "A parcel has come for your team", "priority": "high", "actions": []object{
			{"id": "fetch", "label": "I fetch it", "primary": true},
			{"id": "later", "label": "Bring it later", "inputs": []object{{"id": "day", "label": "Which day", "format": "date", "required": true}, {"id": "room", "label": "Room", "options": []object{{"value": "a", "label": "A 3F"}, {"value": "b", "label": "B 1F"}}}}},
		}},
		{"key": "c", "title": "The canteen is closed on Friday"},
	} {
		body["to"] = object{"people": []string{"botan"}}
		text, _ := json.Marshal(body)
		got := nobody.Send(http.MethodPost, "/api/v1/sent-cards", string(text), http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}})
		if got.Status != http.StatusCreated {
			t.Fatalf("card %d: %d %s", i, got.Status, got.Body)
		}
	}
	botan := home.As(t, k.Botan, k.Org)
	var list struct{ Items []struct{ ID, Number string } }
	if err := json.Unmarshal([]byte(botan.Call(http.MethodGet, "/api/v1/cards", nil).Body), &list); err != nil || len(list.Items) != 3 {
		t.Fatalf("%v %v", list, err)
	}
	for _, c := range list.Items {
		if c.Number == "4711" {
			approval = c.ID
		} else if actions == "" {
			actions = c.ID
		}
	}
	return home, k, "/admin/senders/" + which, approval, actions
}

// A card of an app is found and pressed on a phone, and says that its decision is
// on its way.
func TestACardOfAnAppOnAPhone(t *testing.T) {
	home, k, _, approval, _ := desk(t)
	phone := open(t, home).as(home.As(t, k.Botan, k.Org))
	phone.size(320, 640)
	phone.visit(card.ListPath)
	if !phone.sees("経費 4711", 5*time.Second) {
		t.Fatal("the card is not in the list")
	}
	phone.visit(card.ListPath + "/" + url.PathEscape(approval))
	phone.press("button.approve")
	if !phone.sees("経費精算デスク is being told", 10*time.Second) {
		t.Errorf("what became of it is not said: %q", phone.text("main"))
	}
	phone.quiet("deciding a card of an app")
}
