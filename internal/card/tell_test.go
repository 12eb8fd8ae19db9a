package card_test

import (
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/fault"
)

func TestWhenSomebodyIsTold(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	at := func(clock string) time.Time {
		day, _ := time.ParseInLocation("2006-01-02 15:04", "2026-11-22 "+clock, tokyo)
		return day
	}
	night := card.Preference{Mail: card.MailEach, QuietFrom: 22 * 60, QuietUntil: 7 * 60, DigestAt: 9 * 60}
	noon := card.Preference{Mail: card.MailEach, QuietFrom: 12 * 60, QuietUntil: 13 * 60, DigestAt: 9 * 60}
	never := card.Preference{Mail: card.MailEach, QuietFrom: card.NoMinute, QuietUntil: card.NoMinute}
	daily := card.Preference{Mail: card.MailDigest, QuietFrom: card.NoMinute, QuietUntil: card.NoMinute, DigestAt: 9 * 60}
	both := daily
	both.QuietFrom, both.QuietUntil = 8*60, 10*60
	for name, c := range map[string]struct {
		p    card.Preference
		now  time.Time
		held bool
		want time.Time
	}{
		"K6 in the day":            {night, at("15:00"), false, at("15:00")},
		"K6 in the evening":        {night, at("22:00"), false, at("07:00").AddDate(0, 0, 1)},
		"K6 in the early morning":  {night, at("06:59"), false, at("07:00")},
		"K6 when it is over":       {night, at("07:00"), true, at("07:00")},
		"K6 at noon":               {noon, at("12:30"), false, at("13:00")},
		"K6 no quiet hours":        {never, at("03:00"), false, at("03:00")},
		"K6 digest, before":        {daily, at("08:00"), false, at("09:00")},
		"K6 digest, after":         {daily, at("10:00"), false, at("09:00").AddDate(0, 0, 1)},
		"K6 digest, at its hour":   {daily, at("09:00"), true, at("09:00")},
		"K6 digest in quiet hours": {both, at("09:00"), true, at("10:00")},
	} {
		t.Run(name, func(t *testing.T) {
			if got := card.When(c.p, c.now.UTC(), tokyo, c.held); !got.Equal(c.want) {
				t.Errorf("at %s, want %s", got.In(tokyo), c.want)
			}
		})
	}
}

func TestPreferences(t *testing.T) {
	each(t, func(r *rig) {
		for name, p := range map[string]card.Preference{
			"nothing":         {},
			"unknown way":     {Mail: "pigeon", QuietFrom: -1, QuietUntil: -1},
			"half":            {Mail: card.MailEach, QuietFrom: 60, QuietUntil: -1},
			"no such time":    {Mail: card.MailEach, QuietFrom: 60, QuietUntil: 1440},
			"digest, no hour": {Mail: card.MailDigest, QuietFrom: -1, QuietUntil: -1, DigestAt: -1},
		} {
			if err := r.room.Prefer(ctx, botan, p); fault.Code(err) != "card-preference-invalid" {
				t.Errorf("%s: %v", name, err)
			}
		}
		if p, err := r.room.Preference(ctx, botan); err != nil || p.Mail != card.MailEach {
			t.Errorf("what holds for who has said nothing: %+v %v", p, err)
		}
		want := card.Preference{Mail: card.MailDigest, QuietFrom: 1320, QuietUntil: 420, DigestAt: 480}
		if err := r.room.Prefer(ctx, botan, want); err != nil {
			t.Fatal(err)
		}
		if p, err := r.room.Preference(ctx, botan); err != nil || p != want {
			t.Errorf("%+v %v", p, err)
		}
		if p, _ := r.room.Preference(ctx, aoi); p.Mail != card.MailEach {
			t.Errorf("R4 it holds for somebody else: %+v", p)
		}
	})
}
