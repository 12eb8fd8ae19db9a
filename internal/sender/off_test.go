package sender_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
)

// A sender that was switched off is told nothing more, not even what was on its
// way: the card says so, and can be decided again.
func TestASenderThatIsOffIsToldNothing(t *testing.T) {
	each(t, func(r *rig) {
		which := r.add("expense", nil)
		token, _ := r.token(which, nil)
		r.send(token, "one", card(nil))
		r.app.Answer("", slices.Repeat([]int{503}, 100)...)
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		c := r.cards(botan)[0]
		if got := r.decide(botan, c, object{"decision": "approve"}); got.Status != http.StatusOK {
			t.Fatalf("decide: %d %s", got.Status, got.Body)
		}
		r.until("it was tried", func() bool { return len(r.app.Calls()) > 0 })
		path := r.senders() + "/" + string(which)
		var now struct{ Version int64 }
		if err := json.Unmarshal([]byte(r.chika.Get(path).Body), &now); err != nil {
			t.Fatal(err)
		}
		if got := r.chika.Call(http.MethodPut, path, r.body("expense", object{"disabled": true, "version": now.Version})); got.Status != http.StatusOK {
			t.Fatalf("switch off: %d %s", got.Status, got.Body)
		}
		r.app.Answer("")
		r.until("the card says so", func() bool { return r.card(botan, c.ID).State == "failed" })
		if got := r.card(botan, c.ID); got.Why != "gone" || len(r.app.Told()) != 0 {
			t.Errorf("the card says %q, the program was told %+v", got.Why, r.app.Told())
		}
	})
}
