package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web"
)

func (r *Room) stateAPI(m *web.Mux) {
	web.API(m, web.Route{Permission: Operate}, op(http.MethodGet, "/state", "house", "get-state", "How the house stands"), r.state)
}

type (
	stateOutput struct {
		Body struct {
			Engine  string          `json:"engine" enum:"sqlite,postgres" doc:"Of the database"`
			Lag     float64         `json:"lag" doc:"Seconds that the oldest record waits for its place in the log"`
			Signed  float64         `json:"signed" doc:"Age of the newest checkpoint in seconds; 0 if there is none"`
			Beyond  int64           `json:"beyond" doc:"Records that no checkpoint covers"`
			Epoch   int64           `json:"epoch" doc:"Counts the restores of the log"`
			Outside []outsideState  `json:"outside" doc:"Places outside that receive checkpoints"`
			Keys    keysState       `json:"keys" doc:"The keys that seal values"`
			Effects []effectsNumber `json:"effects" doc:"Effects by driver, target and state"`
			Health  []healthLine    `json:"health" doc:"Every part of the house in the order of the console's page"`
			Alarms  []string        `json:"alarms" doc:"Names of the parts that somebody should look after, the gravest first"`
			Nodes   []nodeState     `json:"nodes" doc:"Processes of the house"`
			Store   storeState      `json:"store" doc:"The database itself"`
			Backup  time.Time       `json:"backup,omitzero" doc:"When the last backup was made, as far as the log has its record"`
		}
	}
	outsideState struct {
		Name   string    `json:"name" doc:"As the configuration calls it"`
		At     time.Time `json:"at,omitzero" doc:"Last received"`
		Behind int64     `json:"behind" doc:"Records that it does not cover"`
		Error  string    `json:"error,omitempty" doc:"What went wrong last"`
	}
	keysState struct {
		Writes uint32    `json:"writes" doc:"Key that seals new values"`
		Old    []uint32  `json:"old" doc:"Keys that are still needed for reading"`
		Phase  string    `json:"phase" enum:"moving,waiting,closing,stuck,done" doc:"Of the re-encryption"`
		Seen   int64     `json:"seen" doc:"Values looked at in this walk"`
		Moved  int64     `json:"moved" doc:"Values sealed anew since the rotation"`
		Stuck  int64     `json:"stuck" doc:"Values that could not be moved"`
		Since  time.Time `json:"since,omitzero" doc:"When the walk began"`
	}
	effectsNumber struct {
		Driver string    `json:"driver"`
		Target string    `json:"target" doc:"Where they are carried out"`
		State  string    `json:"state"`
		Number int       `json:"number" doc:"How many"`
		Oldest time.Time `json:"oldest" doc:"When the oldest of them was intended"`
	}
	healthLine struct {
		Name  string `json:"name" doc:"Of the part"`
		Level string `json:"level" enum:"good,wait,bad" doc:"bad is an alarm"`
		Case  string `json:"case" doc:"Which of the cases of this part it is"`
		Text  string `json:"text" doc:"In the caller's language"`
	}
	nodeState struct {
		ID      string    `json:"id"`
		Host    string    `json:"host" doc:"Name of its machine"`
		Version string    `json:"version" doc:"Of its binary"`
		Schema  int64     `json:"schema" doc:"Newest migration that its binary knows"`
		Started time.Time `json:"started" doc:"When the process began"`
		Seen    time.Time `json:"seen" doc:"When it said last that it is there"`
		Gone    bool      `json:"gone" doc:"Not heard of for a minute"`
		Lag     float64   `json:"lag" doc:"Seconds that the oldest record waited"`
		Ahead   float64   `json:"ahead" doc:"Seconds that the database's clock is before its own"`
		Steps   int64     `json:"steps" doc:"Of its clock since it started"`
	}
	storeState struct {
		Size  int64   `json:"size" doc:"Bytes"`
		Log   int64   `json:"log" doc:"Bytes of SQLite's log"`
		Free  int64   `json:"free" doc:"Bytes free on the disk of the data folder; 0 if that is not known"`
		Conns int64   `json:"connections" doc:"Of all nodes, on PostgreSQL"`
		Read  float64 `json:"read" doc:"Seconds that a read took, as last measured"`
		Write float64 `json:"write" doc:"Seconds that a durable write took, as last measured"`
	}
)

func (r *Room) state(ctx context.Context, _ *noInput) (*stateOutput, error) {
	s, err := r.Look(ctx)
	if err != nil {
		return nil, err
	}
	out := &stateOutput{}
	b := &out.Body
	b.Engine, b.Lag, b.Signed, b.Beyond, b.Epoch = s.Engine, s.Lag.Seconds(), s.Signed.Seconds(), s.Beyond, s.Epoch
	b.Keys = keysState{
		Writes: s.Keys.Writes, Old: append([]uint32{}, s.Keys.Old...), Phase: s.Keys.Phase,
		Seen: s.Keys.Seen, Moved: s.Keys.Moved, Stuck: s.Keys.Stuck, Since: s.Keys.Since,
	}
	b.Outside, b.Effects, b.Health, b.Alarms, b.Nodes = []outsideState{}, []effectsNumber{}, []healthLine{}, []string{}, []nodeState{}
	for _, o := range s.Outside {
		b.Outside = append(b.Outside, outsideState{Name: o.Name, At: o.PushedAt, Behind: o.Behind, Error: o.Error})
	}
	for _, c := range s.Effects {
		b.Effects = append(b.Effects, effectsNumber{Driver: c.Driver, Target: c.Target, State: string(c.State), Number: c.Number, Oldest: c.Oldest})
	}
	for _, n := range s.Nodes {
		b.Nodes = append(b.Nodes, nodeState{
			ID: string(n.ID), Host: n.Host, Version: n.Version, Schema: n.Schema, Started: n.Started, Seen: n.Seen, Gone: n.Gone,
			Lag: n.Lag.Seconds(), Ahead: n.Ahead.Seconds(), Steps: n.Steps,
		})
	}
	for _, line := range s.Lines(r.clock.Now()) {
		b.Health = append(b.Health, healthLine{line.Name, string(line.Level), line.Case, r.book.Say(web.LangOf(ctx), line.key(), fault.Pairs(line.Args...))})
	}
	for _, alarm := range s.alarms(r.clock.Now()) {
		b.Alarms = append(b.Alarms, strings.TrimPrefix(alarm, "console.trouble."))
	}
	b.Store = storeState{
		Size: s.Vitals.Size, Log: s.Vitals.Log, Free: s.Around.Free, Conns: s.Vitals.Conns, Read: s.Read.Seconds(), Write: s.Write.Seconds(),
	}
	b.Backup = s.Backup.At
	return out, nil
}
