package chain_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job/jobtest"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/ticket"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// A call of the rig's systems is over within call, and what it does stands there
// within reach of its end: they land at most lateMost after they were called.
const (
	call     = 4 * time.Second
	reach    = time.Second
	lateMost = 300 * time.Millisecond
)

// order is what the parent tells a node, as JSON in the environment.
type order struct {
	Listen, BaseURL, Data, Unseal, Database string
	Recovery                                jobtest.Recovery
	Org                                     id.Org
	Systems                                 map[string]id.Connector // by name
}

const orderKey = "CHAIN_RIG_ORDER"

// options are a house's, as the rig has it in every process.
func (o order) options() func(*house.Options) {
	return func(h *house.Options) {
		h.Config.Listen, h.Config.BaseURL, h.Config.Data, h.Config.Unseal.File = o.Listen, o.BaseURL, o.Data, o.Unseal
		h.Config.Database = secret.Of(o.Database)
		h.Config.Egress.Allow = []string{"127.0.0.0/8"}
		h.Rates, h.Overrun, h.Call, h.Reach = map[string]web.Rate{}, 10*time.Second, call, reach
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
	h.Hall().Tellers = append(h.Hall().Tellers, o)
	return errors.Join(jobtest.Naive(ctx, h.Store(), o.Recovery), h.Start(ctx))
}

// Tell implements request.Teller: who decided tells the ticket that the ask
// names in its reason what became of it, by their own connection.
func (o order) Tell(tx *store.Tx, a request.Ask, s request.Step) ([]store.Event, error) {
	if s.Name != request.StepReleased && s.Name != request.StepRefused {
		return nil, nil
	}
	var n int
	var system, record string
	if _, err := fmt.Sscanf(a.Reason, reasonForm, &n, &system, &record); err != nil {
		return nil, err
	}
	by := cmp.Or(a.DecidedBy, s.By)
	return nil, ticket.Comment(tx, ticket.Remark{
		ID: id.New[id.Effect](tx.Now()), Org: o.Org, System: o.Systems[system], Person: by.Person(), Ticket: record,
		Text: strings.ToUpper(s.Name[:1]) + s.Name[1:] + ": " + a.Reason, Public: true, By: by,
	})
}

// reasonForm is how the reason of an ask says which chain it is, and which
// ticket of which system is to be told.
const reasonForm = "chain %d for %s %s"
