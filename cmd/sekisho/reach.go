package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/client"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/secret"
)

// afar says how a command reaches a house that is not this machine's.
type afar struct {
	server, token string
	offline       bool
	makes         bool // a house that is not there yet
}

// flags adds them to a command that speaks to a house.
func (a *afar) flags(t *terminal, cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.server, "server", "", t.say("cmd.server"))
	cmd.Flags().StringVar(&a.token, "token", "", t.say("cmd.token"))
	cmd.Flags().BoolVar(&a.offline, "offline", false, t.say("cmd.offline"))
}

// reach is the API of a house, whichever way it is reached.
type reach struct {
	*client.Client
	end func() error
}

// reach finds the house: the server that was named, the server that keeps the
// data folder, by its control socket, or the folder itself if nobody keeps it.
func (t *terminal) reach(ctx context.Context, a afar) (*reach, error) {
	if a.server != "" {
		return t.reachServer(a)
	}
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	if r := t.reachSocket(ctx, config); r != nil {
		if a.offline {
			return nil, errors.Join(errors.New(t.say("cmd.offline.running", "path", config.Data)), r.close())
		}
		return r, nil
	}
	if !strings.HasPrefix(config.Database.Reveal(), "sqlite:") && !a.offline {
		return nil, errors.New(t.say("cmd.offline.needed", "path", config.Data))
	}
	return t.reachFolder(ctx, config, a.makes)
}

// reachServer goes over the network, by TLS unless the server is this machine.
func (t *terminal) reachServer(a afar) (*reach, error) {
	u, err := url.Parse(a.server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, usage{errors.New(t.say("cmd.server.malformed", "server", a.server))}
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, errors.New(t.say("cmd.server.plain", "server", a.server))
	}
	if a.offline {
		return nil, usage{errors.New(t.say("cmd.server.offline"))}
	}
	token, err := t.tokenOf(a.token)
	if err != nil {
		return nil, err
	}
	c, err := client.New(a.server, token.Reveal())
	if err != nil {
		return nil, err
	}
	return &reach{c.In(string(t.lang)), func() error { return nil }}, nil
}

// tokenOf reads @FILE and takes nothing else: every process of the machine can
// read a command line. (A169)
func (t *terminal) tokenOf(given string) (secret.Text, error) {
	path, file := strings.CutPrefix(given, "@")
	switch {
	case given == "":
		return secret.Text{}, nil
	case !file:
		return secret.Text{}, usage{errors.New(t.say("cmd.secret.literal", "flag", "--token"))}
	}
	text, err := readWhole(path)
	return secret.Of(strings.TrimSpace(string(text))), err
}

// over makes a reach of connections to one house.
func (t *terminal) over(dial func(context.Context) (net.Conn, error), end func() error) *reach {
	c := client.Over(dial).In(string(t.lang))
	return &reach{c, func() error {
		c.Close()
		return end()
	}}
}

// reachSocket returns nil when no server answers on the folder's socket.
func (t *terminal) reachSocket(ctx context.Context, config house.Config) *reach {
	path := house.ControlPath(config.Data)
	if path == "" {
		return nil
	}
	dial := func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", path) }
	c, err := dial(ctx)
	if err != nil {
		return nil
	}
	return t.over(dial, c.Close)
}

// reachFolder opens the house in this process, for this one command. A command
// that only looks never makes a house: in the wrong folder it would find all
// well.
func (t *terminal) reachFolder(ctx context.Context, config house.Config, makes bool) (*reach, error) {
	if path, file := strings.CutPrefix(config.Database.Reveal(), "sqlite:"); file && !makes {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, errors.New(t.say("cmd.reach.none", "path", path))
		}
	}
	config.Log.Level = "error"
	h, err := house.New(ctx, t.options(config))
	if fault.Code(err) == "house-in-use" {
		return nil, errors.New(t.say("cmd.reach.silent", "path", config.Data))
	}
	if err != nil {
		return nil, err
	}
	dial, err := h.Work(ctx, makes)
	if err != nil {
		return nil, errors.Join(err, h.Stop(ctx))
	}
	return t.over(dial, func() error { return h.Stop(ctx) }), nil
}

// options are those of a house that one command opens; what it has to say goes
// to standard error, beside the result.
func (t *terminal) options(config house.Config) house.Options {
	return house.Options{
		Config: config, Clock: clock.System(), Log: logger(config.Log, os.Stderr), Version: version(), Lang: t.lang,
		Say: os.Stderr, Alone: true,
	}
}

func (r *reach) close() error { return r.end() }

// call sends in as JSON and reads the answer into out, for what the command
// knows as a type of the house.
func (r *reach) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	answer, err := r.Send(ctx, method, path, nil, body)
	if err != nil {
		return err
	}
	defer answer.Close() //nolint:errcheck // read to the end
	return json.NewDecoder(answer).Decode(out)
}

// with runs f on the house and closes it.
func (t *terminal) with(ctx context.Context, a afar, f func(*reach) error) (err error) {
	r, err := t.reach(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	return f(r)
}
