package house_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// A whole house sends mails over STARTTLS to the server that its configuration
// names, in the reader's language.
func TestMailLeavesTheHouse(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		h := housetest.House(t, housetest.On(url), housetest.WithMail())
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		to, err := mailaddr.Parse("aoi@kaede.example")
		if err != nil {
			t.Fatal(err)
		}
		for lang, subject := range map[words.Lang]string{words.English: "arrives", words.Japanese: "送信テスト"} {
			sealed, err := h.Post().Seal(notify.Message{
				To: to, Lang: lang, Kind: "mail.test", Args: map[string]string{"host": "house"}, Ref: "test:" + string(lang), By: id.Local(0),
			})
			if err != nil {
				t.Fatal(err)
			}
			err = h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
				if err := sealed.Queue(tx); err != nil {
					return store.Abort(err)
				}
				return store.Done(store.Event{Name: "mail.tested", By: id.Local(0)})
			})
			if err != nil {
				t.Fatal(err)
			}
			m, err := h.Mail.WaitFor(ctx, "aoi@kaede.example", subject)
			if err != nil {
				t.Fatal(err)
			}
			if !m.TLS || m.Header.Get("Content-Language") != string(lang) || !strings.HasSuffix(m.Header.Get("Message-Id"), "@localhost>") {
				t.Errorf("TLS %v, %v", m.TLS, m.Header)
			}
		}
	})
}

func TestHouseWithoutMail(t *testing.T) {
	h := housetest.House(t)
	if _, err := h.Post().Seal(notify.Message{}); h.Post().Enabled() || fault.Code(err) != "mail-off" || h.Mail != nil {
		t.Errorf("got %v", err)
	}
}

// The example of the driver's page is a configuration.
func TestMailExample(t *testing.T) {
	page, err := os.ReadFile("../notify/smtp/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	c, err := house.LoadConfig(write(t, example), nil)
	if err != nil || !found || c.Mail.SMTP.String() != "smtps://mail.example.com:465" || c.Mail.From.String() != "Sekisho <no-reply@example.com>" {
		t.Errorf("%+v, %v", c.Mail, err)
	}
}

func TestMailAuthorityUnreadable(t *testing.T) {
	for name, text := range map[string]string{"gone": "", "no certificate": "x", "broken": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ca.pem")
			if text != "" {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			config, err := house.LoadConfig("", []string{
				"SEKISHO_DATA=" + filepath.Join(t.TempDir(), "data"), "SEKISHO_LISTEN=localhost:0",
				"SEKISHO_MAIL_SMTP=smtps://mail.example", "SEKISHO_MAIL_FROM=a@kaede.example", "SEKISHO_MAIL_CA=" + path,
			})
			if err != nil {
				t.Fatal(err)
			}
			o := house.Options{Config: config, Clock: clock.NewMoved(housetest.Epoch), Log: housetest.Log(t)}
			if h, err := house.New(t.Context(), o); fault.Code(err) != "mail-ca-unreadable" {
				t.Errorf("got %v, %v", h, err)
			}
			if got := level(house.Doctor(t.Context(), o), "mail"); got != house.Bad {
				t.Errorf("doctor says %q", got)
			}
		})
	}
}

func TestDoctorLooksAtMail(t *testing.T) {
	for relay, want := range map[string]struct {
		key   string
		level house.Level
	}{
		"":                     {"mail.off", house.Warn},
		"smtp://127.0.0.1:25":  {"mail.plain", house.Warn},
		"smtp://localhost:25":  {"mail.plain", house.Warn},
		"smtps://127.0.0.1":    {"mail.set", house.Fine},
		"smtp://mail.example":  {"mail.set", house.Fine},
		"smtps://mail.example": {"mail.set", house.Fine},
	} {
		o := house.Options{Clock: clock.NewMoved(housetest.Epoch)}
		if err := o.Config.Mail.SMTP.UnmarshalText([]byte(relay)); err != nil {
			t.Fatal(err)
		}
		o.Config.Data = t.TempDir()
		if got := level(house.Doctor(t.Context(), o), want.key); got != want.level {
			t.Errorf("%s: %q, want %s %q", relay, got, want.key, want.level)
		}
	}
}
