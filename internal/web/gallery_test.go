package web_test

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

// The gallery is every component with the contents that break layouts.

const longName = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh Maximiliana Konstantinopel"

func stack(list ...templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		for _, c := range list {
			if err := c.Render(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
}

func around(outer templ.Component, inner ...templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return outer.Render(templ.WithChildren(ctx, stack(inner...)), w)
	})
}

// spoken picks by language: the sentences of a test stand in no words file.
func spoken(v *web.Visit, en, ja string) string {
	if v.Lang() == words.Japanese {
		return ja
	}
	return en
}

func galleryForm(v *web.Visit) templ.Component {
	say := func(en, ja string) string { return spoken(v, en, ja) }
	return around(ui.Form("/things"),
		ui.Field(ui.Input{Name: "title.en", Label: say("Title in English", "タイトル（英語）"), Required: true, Max: 80, Value: longName}),
		ui.Field(ui.Input{Name: "title.ja", Label: say("Title in Japanese", "タイトル（日本語）"), Required: true, Error: say("Required", "必須です")}),
		ui.Field(ui.Input{Name: "text", Kind: "textarea", Label: say("Text", "本文"), Hint: say("What people should know and do.", "お知らせしたい内容を入力してください。")}),
		ui.Field(ui.Input{Name: "from", Kind: "datetime-local", Label: say("Shown from", "掲載開始"), Value: ui.LocalTime(v.Now(), v.Zone())}),
		ui.Field(ui.Input{Name: "kind", Kind: "select", Label: say("Kind", "種類"), Required: true, Value: "b", Options: []ui.Option{{Value: "a", Text: say("Maintenance", "メンテナンス")}, {Value: "b", Text: say("Incident", "障害")}}}),
		around(ui.Buttons(), ui.Submit(ui.Main, say("Save", "保存")), ui.Go(ui.Plain, say("Cancel", "キャンセル"), "/gallery"), ui.SubmitAs(ui.Danger, say("Delete", "削除"), "end", "delete")),
	)
}

func galleryRows(v *web.Visit, n int) []ui.Row {
	var rows []ui.Row
	for i := range n {
		name := spoken(v, "Network maintenance ", "ネットワークの定期メンテナンス ") + strconv.Itoa(i+1)
		badge := ui.Badge("good", spoken(v, "Shown", "掲載中"))
		switch i {
		case 1:
			name, badge = longName, ui.Badge("wait", spoken(v, "Planned", "予定"))
		case 2:
			badge = ui.Badge("bad", spoken(v, "Withdrawn", "取り下げ"))
		}
		at := v.Now().Add(time.Duration(i) * 26 * time.Hour)
		rows = append(rows, ui.Row{Href: "/things/a", Cells: []templ.Component{ui.Text(name), ui.Time(at), ui.Ago(at.Add(-50 * time.Hour)), badge}})
	}
	return rows
}

func galleryColumns(v *web.Visit) []string {
	if v.Lang() == words.Japanese {
		return []string{"タイトル", "掲載開始", "更新", "状態"}
	}
	return []string{"Title", "From", "Changed", "State"}
}

func galleryDecision(v *web.Visit) templ.Component {
	say := func(en, ja string) string { return spoken(v, en, ja) }
	approved := ui.Decision{Name: say("Botan Kaede", "楓 牡丹"), At: v.Now(), Method: say("passkey", "パスキー")}
	refused := ui.Decision{Name: longName, At: v.Now(), Method: say("passkey", "パスキー"), Refused: true}
	steps := []ui.Step{
		{Title: say("Asked", "申請"), At: v.Now().Add(-3 * time.Hour), Text: say("For two hours, to change the firewall.", "ファイアウォール変更のため 2 時間。")},
		{Title: say("Gated", "ゲート"), At: v.Now().Add(-2 * time.Hour), Text: "REQ0010012", Href: "/things/a"},
		{Title: say("Decided", "決裁"), At: v.Now(), Seal: &approved},
		{Title: say("Taken back", "返却")},
	}
	return stack(
		ui.Details([]ui.Detail{
			{Key: say("Asked by", "申請者"), Value: ui.Text(longName)},
			{Key: say("Target", "対象"), Value: ui.Text("db01.kaede.example")},
			{Key: say("Request", "申請番号"), Value: ui.Copy("01k0tzq3vcm8x5a7w9r2e4y6hb")},
			{Key: say("Until", "期限"), Value: ui.Time(v.Now().Add(2 * time.Hour))},
		}),
		ui.Timeline(steps), ui.Seal(refused), ui.Seal(ui.Decision{Name: "青山 葵", At: v.Now(), Method: say("passkey", "パスキー")}),
		ui.Decide("/things", "0f"),
	)
}

func (s *site) hangGallery() {
	show := func(path string, body func(v *web.Visit) templ.Component) {
		s.Page(web.Route{Method: "GET", Path: path, Permission: web.Public}, func(v *web.Visit) error {
			return v.Show(spoken(v, "Announcements", "お知らせ"), stack(
				ui.Heading(spoken(v, "Announcements", "お知らせ"), spoken(v, "What everybody in the house should know.", "全員に知らせることを管理します。"),
					ui.Go(ui.Main, spoken(v, "New announcement", "新しいお知らせ"), "/gallery/form")), body(v)))
		})
	}
	list := func(n int) func(*web.Visit) templ.Component {
		return func(v *web.Visit) templ.Component {
			return stack(ui.Saved(spoken(v, "Saved.", "保存しました。")), ui.Table("list", galleryColumns(v), galleryRows(v, n)), ui.Pager("/gallery?before=a", "/gallery?after=b"),
				ui.Strip(spoken(v, "What happened last", "最近の操作"), []ui.Activity{
					{Who: "chika", What: "notice.changed", Href: "/things/a", At: v.Now().Add(-time.Minute)}, {Who: longName, What: "notice.withdrawn", At: v.Now().Add(-30 * time.Hour)},
				}))
		}
	}
	show("/gallery", list(4))
	show("/gallery/many", list(300))
	show("/gallery/one", list(1))
	show("/gallery/form", galleryForm)
	show("/gallery/card", galleryDecision)
	show("/gallery/empty", func(v *web.Visit) templ.Component {
		return ui.Empty(spoken(v, "No announcements yet", "お知らせはまだありません"), spoken(v, "Write the first one: it stands on every page until it ends.", "最初のお知らせを作成すると、期限まで全ページに表示されます。"),
			ui.Go(ui.Main, spoken(v, "New announcement", "新しいお知らせ"), "/gallery/form"))
	})
	s.hangLive()
}

// hangLive has one part that is fetched again when the topic changes.
func (s *site) hangLive() {
	part := func(text string) templ.Component {
		return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, `<p id="part" hx-get="/live/part" hx-trigger="topic-notice from:body, topic-all from:body" hx-swap="outerHTML">`+text+`</p>`)
			return err
		})
	}
	s.Page(web.Route{Method: "GET", Path: "/live", Permission: web.Public}, func(v *web.Visit) error {
		v.Follow("notice")
		return v.Show("Live", part("before"))
	})
	s.Page(web.Route{Method: "GET", Path: "/live/part", Permission: web.Public}, func(v *web.Visit) error {
		return v.Fragment(200, part("after"))
	})
}

func galleryBanners(_ context.Context, lang words.Lang) []ui.Banner {
	if lang == words.Japanese {
		return []ui.Banner{{Title: "日曜日にメンテナンスを行います", Text: "4月5日（日）の午前中、サインインできない時間帯があります。", Until: start.Add(96 * time.Hour)}}
	}
	return []ui.Banner{{Title: "Maintenance on Sunday", Text: strings.Repeat("Signing in may fail in the morning. ", 2), Until: start.Add(96 * time.Hour)}}
}

func galleryLinks(_ context.Context, _ web.Actor, lang words.Lang) []ui.Link {
	if lang == words.Japanese {
		return []ui.Link{{Text: "お知らせ", Href: "/gallery", Current: true}, {Text: "監査", Href: "/gallery/many"}, {Text: "バックアップ", Href: "/gallery/empty"}}
	}
	return []ui.Link{{Text: "Announcements", Href: "/gallery", Current: true}, {Text: "Audit", Href: "/gallery/many"}, {Text: "Backup", Href: "/gallery/empty"}}
}
