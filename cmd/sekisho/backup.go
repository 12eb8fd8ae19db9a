package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sekisho/sekisho/client"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/secret"
)

func newBackup(t *terminal) *cobra.Command {
	var recipients []string
	cmd := &cobra.Command{
		Use: "backup FILE", Short: t.say("cmd.backup"), Long: t.say("cmd.backup.long"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := t.houseOptions()
			if err != nil {
				return err
			}
			report, err := house.SaveBackup(args[0], func(w io.Writer) (house.Backup, error) {
				if socket := house.ControlPath(o.Config.Data); socket != "" && answers(socket) {
					return t.fetchBackup(cmd.Context(), socket, w, recipients)
				}
				return house.WriteBackup(cmd.Context(), o, w, recipients, t.progress("cmd.backup.rows"))
			})
			t.endProgress()
			if err != nil {
				return err
			}
			return t.result(cmd, report, func() string { return t.backupSaid(args[0], report) })
		},
	}
	cmd.Flags().StringArrayVar(&recipients, "recipient", nil, t.say("cmd.backup.recipient"))
	t.output(cmd)
	return cmd
}

func (t *terminal) backupSaid(path string, r house.Backup) string {
	return strings.Join([]string{
		t.say("cmd.backup.done", "path", path, "bytes", r.Bytes, "tables", r.Tables, "rows", r.Rows, "records", r.AuditSize),
		"sha256  " + r.SHA256,
		"audit   " + r.AuditRoot,
		t.say("cmd.backup.verified"),
		t.say("cmd.backup.recipients", "recipients", strings.Join(r.Recipients, " ")),
	}, "\n")
}

// answers says whether a server listens on the socket: a killed one leaves its
// name behind.
func answers(socket string) bool {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// fetchBackup has a running server make the backup.
func (t *terminal) fetchBackup(ctx context.Context, socket string, w io.Writer, recipients []string) (report house.Backup, err error) {
	over := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	defer over.CloseIdleConnections()
	form := url.Values{"recipient": recipients}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+house.BackupPath, strings.NewReader(form.Encode()))
	if err != nil {
		return report, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept-Language", string(t.lang))
	answer, err := over.Do(request)
	if err != nil {
		return report, err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	if answer.StatusCode != http.StatusOK {
		return report, client.ProblemOf(answer)
	}
	show := t.progress("cmd.backup.bytes")
	if _, err := io.Copy(io.MultiWriter(w, counter{new(int64), show}), answer.Body); err != nil {
		return report, fault.New(fault.Unmet, "backup-cut").Because(err)
	}
	if err := json.Unmarshal([]byte(answer.Trailer.Get(house.BackupTrailer)), &report); err != nil {
		return report, fault.New(fault.Unmet, "backup-cut").Because(err)
	}
	return report, nil
}

// counter tells how much went through it.
type counter struct {
	n    *int64
	show house.Progress
}

func (c counter) Write(p []byte) (int, error) {
	*c.n += int64(len(p))
	c.show(*c.n, 0)
	return len(p), nil
}

func newRestore(t *terminal) *cobra.Command {
	var identity, auditKey string
	var replace bool
	cmd := &cobra.Command{
		Use: "restore FILE --identity FILE", Short: t.say("cmd.restore"), Long: t.say("cmd.restore.long"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if identity == "" {
				return usage{errors.New(t.say("cmd.restore.identity-missing"))}
			}
			o, err := t.houseOptions()
			if err != nil {
				return err
			}
			report, err := house.Restore(cmd.Context(), o, args[0], identity, auditKey, replace, t.progress("cmd.backup.rows"))
			t.endProgress()
			if err != nil {
				return err
			}
			return t.result(cmd, report, func() string { return t.restoredSaid(report) })
		},
	}
	cmd.Flags().StringVar(&identity, "identity", "", t.say("cmd.restore.identity"))
	cmd.Flags().StringVar(&auditKey, "audit-key", "", t.say("cmd.restore.audit-key"))
	cmd.Flags().BoolVar(&replace, "replace", false, t.say("cmd.restore.replace"))
	t.output(cmd)
	return cmd
}

func (t *terminal) restoredSaid(r house.Restored) string {
	lines := []string{
		t.say("cmd.restore.done", "made", r.MadeAt.UTC().Format("2006-01-02 15:04:05 UTC"), "from", r.From, "to", r.To),
		t.say("cmd.restore.verified", "tables", r.Tables, "rows", r.Rows, "records", r.AuditSize),
		"audit   " + r.AuditRoot,
		"key     " + r.AuditKey,
		t.say("cmd.restore.epoch", "epoch", r.Epoch),
	}
	var names []string
	for name := range r.Ended {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lines = append(lines, fmt.Sprintf("  %s: %d", t.say("cmd.restore.ended."+name), r.Ended[name]))
	}
	if r.KeyFile != "" {
		lines = append(lines, t.say("cmd.restore.key", "path", r.KeyFile))
	}
	if r.Aside != "" {
		lines = append(lines, t.say("cmd.restore.aside", "path", strings.TrimSpace(r.Aside+" "+r.KeyAside)))
	}
	return strings.Join(lines, "\n")
}

func newMove(t *terminal) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use: "move --to postgres://…", Short: t.say("cmd.move"), Long: t.say("cmd.move.long"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			target, err := moveTarget(t, to)
			if err != nil {
				return err
			}
			o, err := t.houseOptions()
			if err != nil {
				return err
			}
			report, err := house.Move(cmd.Context(), o, target, t.progress("cmd.backup.rows"))
			t.endProgress()
			if err != nil {
				return err
			}
			return t.result(cmd, report, func() string {
				return t.restoredSaid(report) + "\n" + t.say("cmd.move.next", "database", masked(target), "data", o.Config.Data)
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", t.say("cmd.move.to"))
	t.output(cmd)
	return cmd
}

// moveTarget refuses a password on the command line, where every process of
// the machine can read it. (A169)
func moveTarget(t *terminal, to string) (secret.Text, error) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return secret.Text{}, usage{errors.New(t.say("cmd.move.to-wrong"))}
	}
	return secret.Of(to), t.passwordless(u)
}

func (t *terminal) passwordless(u *url.URL) error {
	if _, given := u.User.Password(); given || u.Query().Has("password") {
		return usage{errors.New(t.say("cmd.move.password"))}
	}
	return nil
}

func masked(to secret.Text) string {
	u, err := url.Parse(to.Reveal())
	if err != nil {
		return "postgres://…"
	}
	return u.Redacted()
}

// houseOptions are what a command needs to open a house by itself.
func (t *terminal) houseOptions() (house.Options, error) {
	config, err := t.config()
	config.Log.Level = "error" // the command's own sentence says what went wrong
	return house.Options{
		Config: config, Clock: clock.System(), Log: logger(config.Log, os.Stderr), Version: version(), Lang: t.lang,
	}, err
}

// progress shows how far long work is, on a terminal only.
func (t *terminal) progress(key string) house.Progress {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return func(int64, int64) {}
	}
	return func(done, total int64) {
		t.shown = true
		fmt.Fprint(os.Stderr, "\r\x1b[K"+t.say(key, "done", done, "total", total))
	}
}

// endProgress leaves the line of the progress.
func (t *terminal) endProgress() {
	if t.shown {
		t.shown = false
		fmt.Fprintln(os.Stderr)
	}
}
