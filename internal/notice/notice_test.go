package notice_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/notice"
	"github.com/sekisho/sekisho/internal/store"
)

var (
	ctx = context.Background()
	by  = id.Local(0)
)

func good() notice.Notice {
	return notice.Notice{
		Name: "maintenance", Title: notice.Both{En: "Maintenance", Ja: "保守作業"},
		Text: notice.Both{En: "Sunday, two hours.", Ja: "日曜日に2時間。"},
		From: housetest.Epoch, Until: housetest.Epoch.Add(time.Hour),
	}
}

func each(t *testing.T, f func(t *testing.T, r *notice.Room, s *store.Store, c *clock.Moved)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, c, notice.Schema, manifest.Schema)
		f(t, notice.New(s, c), s, c)
	})
}

func TestPutRefused(t *testing.T) {
	each(t, func(t *testing.T, r *notice.Room, s *store.Store, _ *clock.Moved) {
		for name, c := range map[string]struct {
			spoil  func(*notice.Notice)
			fields []string
		}{
			"nothing": {func(n *notice.Notice) { *n = notice.Notice{} }, []string{
				"title.en field-required", "title.ja field-required", "text.en field-required", "text.ja field-required",
				"from field-required", "until field-required",
			}},
			"one language":  {func(n *notice.Notice) { n.Title.Ja = "" }, []string{"title.ja field-required"}},
			"long title":    {func(n *notice.Notice) { n.Title.En = strings.Repeat("あ", 81) }, []string{"title.en field-too-long"}},
			"long text":     {func(n *notice.Notice) { n.Text.En = strings.Repeat("x", 1001) }, []string{"text.en field-too-long"}},
			"broken UTF-8":  {func(n *notice.Notice) { n.Text.En = "a\xffb" }, []string{"text.en text-not-utf8"}},
			"A128 bidi":     {func(n *notice.Notice) { n.Title.En = "a\u202eb" }, []string{"title.en text-has-controls"}},
			"A162 escape":   {func(n *notice.Notice) { n.Title.En = "a\x1b[31m" }, []string{"title.en text-has-controls"}},
			"ends at start": {func(n *notice.Notice) { n.Until = n.From }, []string{"until notice-ends-before-it-begins"}},
			"name":          {func(n *notice.Notice) { n.Name = "Bad Name" }, []string{"name name-malformed"}},
		} {
			t.Run(name, func(t *testing.T) {
				n := good()
				c.spoil(&n)
				_, err := r.Put(ctx, by, n)
				f := fault.As(err)
				if f == nil || f.Code != "notice-invalid" {
					t.Fatalf("Put said %v", err)
				}
				var got []string
				for _, field := range f.Fields {
					got = append(got, field.Path+" "+field.Code)
				}
				if diff := cmp.Diff(c.fields, got); diff != "" {
					t.Error(diff)
				}
			})
		}
		if _, err := r.Put(ctx, by, good()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Put(ctx, by, good()); fault.Code(err) != "notice-name-taken" {
			t.Errorf("a second notice of one name: %v", err)
		}
		if err := r.TakeBack(ctx, by, "nothere"); fault.Code(err) != "notice-unknown" {
			t.Errorf("taking back what is not there: %v", err)
		}
		if got := len(housetest.Witnessed(t, s)); got != 1 {
			t.Errorf("%d events, want the one write", got)
		}
	})
}

func TestLife(t *testing.T) {
	each(t, func(t *testing.T, r *notice.Room, s *store.Store, c *clock.Moved) {
		run, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() { r.Run(run) })
		defer wg.Wait()
		defer cancel()
		n := good()
		n.From = n.From.Add(time.Minute)
		written, err := r.Put(ctx, by, n)
		if err != nil {
			t.Fatal(err)
		}
		shows := func(want bool) {
			t.Helper()
			for range 100 {
				if (len(r.Current()) == 1) == want {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("shown %v, want %v", r.Current(), want)
		}
		shows(false)
		c.Advance(time.Minute)
		shows(true)
		c.Advance(time.Hour)
		shows(false)
		written.Until = c.Now().Add(time.Hour)
		if _, err = r.Put(ctx, by, written); err != nil {
			t.Fatal(err)
		}
		shows(true)
		if _, err := r.Put(ctx, by, written); fault.Code(err) != "notice-changed" {
			t.Errorf("a change on top of an old version: %v", err)
		}
		if err := r.TakeBack(ctx, by, written.ID); err != nil {
			t.Fatal(err)
		}
		shows(false)
		var names []string
		for _, e := range housetest.Witnessed(t, s) {
			names = append(names, e.Name)
		}
		if diff := cmp.Diff([]string{"notice.written", "notice.changed", "notice.taken-back"}, names); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPutAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *notice.Room, _ *store.Store, _ *clock.Moved) {
		written, err := r.Put(ctx, by, good())
		if err != nil {
			t.Fatal(err)
		}
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				mine := written
				mine.Title.En = fmt.Sprint(i)
				if _, err := r.Put(ctx, by, mine); err == nil {
					won.Add(1)
				} else if code := fault.Code(err); code != "notice-changed" && code != "store-busy" {
					t.Errorf("said %v", err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of eight changes of one version won, want 1", won.Load())
		}
	})
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, r *notice.Room, _ *store.Store, c *clock.Moved) {
		for i := range 5 {
			n := good()
			n.Name = fmt.Sprintf("n%d", i)
			if _, err := r.Put(ctx, by, n); err != nil {
				t.Fatal(err)
			}
			c.Advance(time.Second)
		}
		var names []string
		cursor := ""
		for {
			page, next, err := r.List(ctx, cursor, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range page {
				names = append(names, n.Name)
			}
			if next == "" {
				break
			}
			cursor = next
		}
		if diff := cmp.Diff([]string{"n4", "n3", "n2", "n1", "n0"}, names); diff != "" {
			t.Error(diff)
		}
		if _, _, err := r.List(ctx, "x' OR 1=1", 2); fault.Code(err) != "cursor-malformed" {
			t.Errorf("A061 a forged cursor: %v", err)
		}
	})
}
