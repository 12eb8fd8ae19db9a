package card_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

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

// TestClocksThatAreSet: the end of quiet hours and the daily hour come once,
// after at most a day and an hour, wherever and whenever clocks are set (K6).
func TestClocksThatAreSet(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca", "Asia/Tokyo", "Pacific/Apia", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		now := first.Add(time.Duration(rapid.Int64Range(0, 366*24*60-1).Draw(t, "minute of the year")) * time.Minute)
		if rapid.Bool().Draw(t, "near a change") { // hours around the next one
			if _, end := now.In(zone).ZoneBounds(); !end.IsZero() {
				now = end.Add(time.Duration(rapid.Int64Range(-26*60, 4*60).Draw(t, "from it")) * time.Minute)
			}
		}
		m := card.Minute(rapid.IntRange(0, 1439).Draw(t, "until"))
		local := now.In(zone)
		at := card.NextAt(local, m)
		if !at.After(now) || at.Sub(now) > 25*time.Hour+30*time.Minute {
			t.Fatalf("from %s until %s: %s", local, m, at)
		}
		shows := func(x time.Time) bool { return x.Hour()*60+x.Minute() == int(m) }
		for x := local.Truncate(time.Minute).Add(time.Minute); x.Before(at); x = x.Add(time.Minute) {
			if shows(x) {
				t.Fatalf("from %s until %s: it was %s already, and %s was said", local, m, x, at)
			}
		}
		before := at.Add(-time.Minute)
		if jumped := before.Hour()*60+before.Minute() < int(m) && at.Hour()*60+at.Minute() > int(m); !shows(at) && !jumped {
			t.Fatalf("from %s until %s: %s is neither that minute nor a jump over it", local, m, at)
		}
	})
	for name, c := range map[string]struct {
		zone, now, until, want string
	}{
		"forward, over the end":    {"Europe/Berlin", "2026-03-29T00:30:00Z", "02:30", "2026-03-29T01:00:00Z"},
		"forward, before the end":  {"Europe/Berlin", "2026-03-28T22:00:00Z", "07:00", "2026-03-29T05:00:00Z"},
		"back, before the end":     {"Europe/Berlin", "2026-10-24T21:00:00Z", "07:00", "2026-10-25T06:00:00Z"},
		"back, the first of two":   {"Europe/Berlin", "2026-10-24T23:00:00Z", "02:30", "2026-10-25T00:30:00Z"},
		"back, between the two":    {"Europe/Berlin", "2026-10-25T00:45:00Z", "02:30", "2026-10-25T01:30:00Z"},
		"half an hour, back":       {"Australia/Lord_Howe", "2026-04-04T14:50:00Z", "01:45", "2026-04-04T15:15:00Z"},
		"where it is never set":    {"Asia/Tokyo", "2026-03-29T00:30:00Z", "07:00", "2026-03-29T22:00:00Z"},
		"the other side of a date": {"America/New_York", "2026-03-08T03:00:00Z", "07:00", "2026-03-08T11:00:00Z"},
	} {
		t.Run("K6 "+name, func(t *testing.T) {
			zone, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			now, _ := time.Parse(time.RFC3339, c.now)
			until, _ := time.Parse("15:04", c.until)
			got := card.NextAt(now.In(zone), card.Minute(until.Hour()*60+until.Minute()))
			if got.UTC().Format(time.RFC3339) != c.want {
				t.Errorf("%s, want %s", got.UTC().Format(time.RFC3339), c.want)
			}
		})
	}
}
