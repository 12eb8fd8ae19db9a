package demo

import (
	"context"
	"embed"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/fake/mail"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
	"github.com/sekisho/sekisho/internal/words"
)

// Words are the sentences of the demo.
//
//go:embed words
var Words embed.FS

// Options says how a demo runs.
type Options struct {
	Listen  string // localhost:PORT; port 0 picks a free one
	Data    string // folder that keeps the state; "" is a temporary one, removed at the end
	Out     io.Writer
	Lang    words.Lang // of who reads Out
	Log     *slog.Logger
	Version string
	Command string // how the reader calls this program ("go run ./cmd/sekisho")
}

// Sentences are the words of a demo, with those of the house.
func Sentences() (*words.Book, error) {
	return words.Load(append(house.Sentences(), Words, mail.Words, fake.Words, servicenow.Words, jira.Words)...)
}

// demo is one run.
type demo struct {
	Options
	book   *words.Book
	clock  clock.Clock
	port   string
	guide  *guideServer
	relay  *mail.Server
	beyond []*beyond // outside systems
	deploy *deployDesk
	house  *house.House
	kept   *kept
	config house.Config
	keeps  bool // the folder is the reader's and stays
}

// Run runs a demo until the context ends or a listener dies. What it says ends
// with the line "ready http://localhost:PORT" once the house answers.
func Run(ctx context.Context, o Options) (err error) {
	d := &demo{Options: o, clock: clock.System()}
	if d.book, err = Sentences(); err != nil {
		return err
	}
	if d.port, err = freePort(o.Listen); err != nil {
		return err
	}
	if d.keeps = d.Data != ""; !d.keeps {
		if d.Data, err = os.MkdirTemp("", "sekisho-demo-"); err != nil { // 0700
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.Data)) }()
	}
	if d.Data, err = filepath.Abs(d.Data); err != nil {
		return err
	}
	return d.run(ctx)
}

func (d *demo) run(ctx context.Context) (err error) {
	var ends []func() error
	defer func() {
		for i := range ends {
			err = errors.Join(err, ends[len(ends)-1-i]())
		}
	}()
	for _, begin := range []func(context.Context) (func() error, error){d.openRelay, d.openBeyond, d.openDeploy, d.openGuide, d.openHouse} {
		end, err := begin(ctx)
		if end != nil {
			ends = append(ends, end)
		}
		if err != nil {
			return d.interrupted(ctx, err)
		}
	}
	d.say()
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.house.Failed():
		return err
	case err := <-d.guide.failed:
		return err
	}
}

// interrupted makes no failure of what only ended because somebody pressed
// Ctrl-C while the demo was starting.
func (d *demo) interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// openRelay starts the mail server, and tells the configuration of it.
func (d *demo) openRelay(context.Context) (func() error, error) {
	relay, err := mail.Start(mail.Options{Security: mail.STARTTLS, Clock: d.clock})
	if err != nil {
		return nil, err
	}
	d.relay = relay
	return relay.Close, d.configure()
}

// configure is how the house of a demo is set up: everything on loopback.
func (d *demo) configure() error {
	config, err := house.LoadConfig("", nil)
	if err != nil {
		return err
	}
	if err := d.openKept(); err != nil {
		return err
	}
	ca := filepath.Join(d.Data, "mail-ca.pem")
	if err := os.WriteFile(ca, d.relay.CA(), 0o600); err != nil {
		return err
	}
	config.Listen, config.Data = "localhost:"+d.port, d.Data
	config.Database = secret.Of("sqlite:" + filepath.Join(d.Data, "house.db"))
	config.Unseal.File = filepath.Join(d.Data, "unseal.key")
	config.Log.Level = "warn"
	config.Mail.CA = ca
	config.Egress.Allow = []string{"127.0.0.0/8"}
	if err := config.Mail.SMTP.UnmarshalText([]byte(d.relay.URL())); err != nil {
		return err
	}
	from, err := mailaddr.Parse("no-reply@sekisho.example")
	config.Mail.From = mailaddr.Mailbox{Name: "Sekisho", Address: from}
	d.config = config
	return err
}

// options are those of the house.
func (d *demo) options() house.Options {
	return house.Options{Config: d.config, Clock: d.clock, Log: d.Log, Version: d.Version, Lang: d.Lang, Demo: true}
}

// openHouse puts the company into the house, and opens it.
func (d *demo) openHouse(ctx context.Context) (func() error, error) {
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	h, err := house.New(ctx, d.options())
	if err != nil {
		return nil, err
	}
	stop := func() error { return h.Stop(ctx) }
	if err := h.Start(ctx); err != nil {
		return stop, err
	}
	d.house = h
	d.connectBells()
	if err := d.deploy.ask(ctx, deployFirst); err != nil { // a visitor may have seen to that
		d.Log.Warn("the app of the demo could not ask", "err", err)
	}
	return stop, d.guide.begin(ctx, h)
}

// words says a sentence to who started the demo.
func (d *demo) words(key string, pairs ...any) string {
	return d.book.Say(d.Lang, key, fault.Pairs(pairs...))
}

// root is the address without the slash at its end.
func root(url string) string { return strings.TrimRight(url, "/") }
