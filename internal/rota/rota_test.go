package rota_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/rota"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	got, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Who is on call at which moment, with the nights in which clocks jump.
func TestTurns(t *testing.T) {
	weekly := func(zone, hour, starts string, turn int) rota.Rota {
		return rota.Rota{TimeZone: zone, Handover: hour, Starts: starts, Turn: turn, People: []string{"a", "b", "c"}}
	}
	for name, row := range map[string]struct {
		r    rota.Rota
		when map[string]string // moment -> who
	}{
		"before it begins": {weekly("Asia/Tokyo", "09:00", "2026-11-23", 7), map[string]string{
			"2026-11-22T23:59:59Z": "", "2026-11-23T00:00:00Z": "a", "2026-11-29T23:59:59Z": "a", "2026-11-30T00:00:00Z": "b", "2026-12-14T00:00:00Z": "a",
		}},
		"the clock is put forward over the handover": {weekly("Europe/Berlin", "02:30", "2026-03-28", 1), map[string]string{
			"2026-03-29T00:59:59Z": "a", "2026-03-29T01:00:00Z": "b", "2026-03-30T00:29:59Z": "b", "2026-03-30T00:30:00Z": "c",
		}},
		"the hour of the handover comes twice: at the first": {weekly("Europe/Berlin", "02:30", "2026-10-24", 1), map[string]string{
			"2026-10-25T00:29:59Z": "a", "2026-10-25T00:30:00Z": "b", "2026-10-25T01:30:00Z": "b", "2026-10-26T01:29:59Z": "b", "2026-10-26T01:30:00Z": "c",
		}},
		"a day of 23 hours does not move the hour": {weekly("America/New_York", "09:00", "2026-03-07", 1), map[string]string{
			"2026-03-07T14:00:00Z": "a", "2026-03-08T12:59:59Z": "a", "2026-03-08T13:00:00Z": "b",
		}},
		"half an hour": {weekly("Australia/Lord_Howe", "02:15", "2026-10-03", 1), map[string]string{
			"2026-10-03T15:29:59Z": "a", "2026-10-03T15:30:00Z": "b",
		}},
		"a day that there was not": {weekly("Pacific/Apia", "09:00", "2011-12-29", 1), map[string]string{
			"2011-12-30T09:59:59Z": "a", "2011-12-30T10:00:00Z": "b", "2011-12-30T19:00:00Z": "c",
		}},
	} {
		t.Run("CAP-H3 "+name, func(t *testing.T) {
			for when, want := range row.when {
				if got := row.r.At(at(t, when)).Person; got != want {
					t.Errorf("%s: %q, want %q", when, got, want)
				}
			}
		})
	}
	t.Run("CAP-H3 somebody else for a time", func(t *testing.T) {
		r := weekly("Asia/Tokyo", "09:00", "2026-11-23", 7)
		r.Overrides = []rota.Override{{Person: "z", From: at(t, "2026-11-25T00:00:00Z"), Until: at(t, "2026-11-26T00:00:00Z")}}
		var who []string
		for _, turn := range r.Next(at(t, "2026-11-24T00:00:00Z"), 4) {
			who = append(who, turn.Person)
		}
		if want := []string{"a", "z", "a", "b"}; !slices.Equal(who, want) {
			t.Errorf("%v, want %v", who, want)
		}
		if now := r.At(at(t, "2026-11-26T00:00:00Z")); now.Person != "a" || now.From != at(t, "2026-11-26T00:00:00Z") || !now.Until.Equal(at(t, "2026-11-30T00:00:00Z")) {
			t.Errorf("after it: %+v", now)
		}
	})
}

// At every moment exactly one turn counts, and one follows the other without a
// gap, in every zone and through every jump.
func TestTurnsFollowEachOther(t *testing.T) {
	zones := []string{"Asia/Tokyo", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		r := rota.Rota{
			TimeZone: rapid.SampledFrom(zones).Draw(t, "zone"), Turn: rapid.IntRange(1, 9).Draw(t, "turn"), People: []string{"a", "b", "c"},
			Handover: rapid.SampledFrom([]string{"00:00", "00:30", "01:30", "02:00", "02:30", "03:00", "09:00", "23:59"}).Draw(t, "hour"),
			Starts:   time.Unix(rapid.Int64Range(1_200_000_000, 1_700_000_000).Draw(t, "starts"), 0).UTC().Format(time.DateOnly),
		}
		start, _ := time.Parse(time.DateOnly, r.Starts)
		when := start.Add(time.Duration(rapid.Int64Range(48, 24*800).Draw(t, "hours")) * time.Hour)
		now := r.At(when)
		if now.Person == "" || when.Before(now.From) || !when.Before(now.Until) {
			t.Fatalf("at %v: %+v", when, now)
		}
		next := r.At(now.Until)
		if !next.From.Equal(now.Until) || r.At(now.Until.Add(-time.Nanosecond)).Person != now.Person {
			t.Fatalf("a gap at %v: %+v then %+v", now.Until, now, next)
		}
		if zone, err := time.LoadLocation(r.TimeZone); err != nil || now.Until.Sub(now.From) > time.Duration(r.Turn+1)*24*time.Hour {
			t.Fatalf("%v in %v: %+v", err, zone, now)
		}
	})
}
