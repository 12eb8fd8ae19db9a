package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/job/jobtest"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// A call of the rig's systems is over within call, and what it does stands there
// within reach of its end: they land at most lateMost after they were called.
// Where the rig has to double it is longer than a node takes to come back.
const (
	call      = 4 * time.Second
	reach     = time.Second
	lateMost  = 300 * time.Millisecond
	lateNaive = 2 * time.Second
)

// order is what the parent tells a node, as JSON in the environment.
type order struct {
	Listen, BaseURL, Data, Unseal, Database string
	Relay, CA                               string // of the mail server; "" is none
	Recovery                                jobtest.Recovery
	Plain                                   bool // the rooms' own times
}

const orderKey = "CHAIN_RIG_ORDER"

// options are a house's, as the rig has it in every process.
func (o order) options() func(*house.Options) {
	return func(h *house.Options) {
		h.Config.Listen, h.Config.BaseURL, h.Config.Data, h.Config.Unseal.File = o.Listen, o.BaseURL, o.Data, o.Unseal
		h.Config.Database = secret.Of(o.Database)
		h.Config.Egress.Allow = []string{"127.0.0.0/8"}
		if o.Relay != "" {
			h.Config.Mail.CA = o.CA
			if err := errors.Join(h.Config.Mail.SMTP.UnmarshalText([]byte(o.Relay)), h.Config.Mail.From.UnmarshalText([]byte("no-reply@sekisho.example"))); err != nil {
				panic(err)
			}
		}
		h.Rates, h.Overrun = map[string]web.Rate{}, 10*time.Second
		if !o.Plain {
			h.Call, h.Reach = call, reach
		}
	}
}

// live is a node: a whole house with its workers, until it is killed.
func live() int {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	if !jobtest.StandBy() {
		return 0
	}
	var o order
	err := json.Unmarshal([]byte(os.Getenv(orderKey)), &o)
	if err == nil {
		err = o.serve(log)
	}
	if err != nil {
		log.Error("the node failed", "err", err)
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
	return 0
}

func (o order) serve(log *slog.Logger) error {
	ctx := context.Background()
	config, err := house.LoadConfig("", nil)
	if err != nil {
		return err
	}
	all := house.Options{Config: config, Clock: clock.System(), Log: log, Version: "test", Lang: words.English, Say: io.Discard, Demo: true}
	o.options()(&all)
	h, err := house.New(ctx, all)
	if err != nil {
		return err
	}
	return errors.Join(jobtest.Naive(ctx, h.Store(), o.Recovery), h.Start(ctx))
}

// reasonForm is how the reason of an ask says which chain it is, and of which
// ticket of which system.
const reasonForm = "chain %d for %s %s"
