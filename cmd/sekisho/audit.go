package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/house"
)

func newAudit(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit", Short: t.say("cmd.audit"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAuditVerify(t), newAuditProve(t), newAuditCheck(t), newAuditExport(t), newAuditArchive(t), newAuditErase(t))
	return cmd
}

func newAuditExport(t *terminal) *cobra.Command {
	var a afar
	var to string
	cmd := &cobra.Command{Use: "export", Short: t.say("cmd.audit.export"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return t.with(cmd.Context(), a, func(r *reach) error {
			log, err := r.ExportLog(cmd.Context())
			if err != nil {
				return err
			}
			defer log.Close() //nolint:errcheck // only read
			return t.write(cmd, to, func(w io.Writer) error { return t.copyWhole(w, log) })
		})
	}
	cmd.Flags().StringVarP(&to, "out", "o", "", t.say("cmd.out"))
	a.flags(t, cmd)
	return cmd
}

// copyWhole copies an export and sees to it that it has its last line: what
// fails on a server in the middle of a stream cannot be told otherwise.
func (t *terminal) copyWhole(w io.Writer, log io.Reader) error {
	tail := &tail{}
	if _, err := io.Copy(io.MultiWriter(w, tail), log); err != nil {
		return err
	}
	if !lastLine.Match(tail.kept) {
		return errors.New(t.say("cmd.audit.export.cut"))
	}
	return nil
}

var lastLine = regexp.MustCompile(`(^|\n)\{"end":[0-9]+\}\n$`)

// tail keeps the end of what is written.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-64):]...)
	t.kept = t.kept[max(0, len(t.kept)-64):]
	return len(p), nil
}

func newAuditProve(t *terminal) *cobra.Command {
	var a afar
	var to string
	cmd := &cobra.Command{Use: "prove ID", Short: t.say("cmd.audit.prove"), Args: cobra.ExactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var proof json.RawMessage
		err := t.with(cmd.Context(), a, func(r *reach) error {
			return r.call(cmd.Context(), http.MethodGet, "/audit/records/"+url.PathEscape(args[0])+"/proof", nil, &proof)
		})
		if err != nil {
			return err
		}
		return t.write(cmd, to, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, string(proof))
			return err
		})
	}
	cmd.Flags().StringVarP(&to, "out", "o", "", t.say("cmd.out"))
	a.flags(t, cmd)
	return cmd
}

func newAuditCheck(t *terminal) *cobra.Command {
	var key string
	cmd := &cobra.Command{Use: "check PROOF", Short: t.say("cmd.audit.check"), Args: cobra.ExactArgs(1)}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		public, err := t.keyOf(key)
		if err != nil {
			return err
		}
		if public == "" {
			return usage{errors.New(t.say("cmd.audit.key.missing"))}
		}
		text, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		record, checkpoint, err := audit.CheckProof(text, public)
		if err != nil {
			return err
		}
		return t.result(cmd, map[string]any{
			"id": record.ID, "index": record.Index, "name": record.Name, "by": record.By, "at": record.At, "size": checkpoint.Size, "signed": checkpoint.At,
		}, func() string {
			return t.say("cmd.audit.check.holds", "id", record.ID, "name", record.Name, "by", record.By,
				"at", record.At.Format("2006-01-02 15:04:05 UTC"), "index", record.Index, "size", checkpoint.Size)
		})
	}
	cmd.Flags().StringVar(&key, "key", "", t.say("cmd.audit.key"))
	t.output(cmd)
	return cmd
}

// publicKey is how golang.org/x/mod/sumdb/note writes one: NAME+HASH+BASE64.
var publicKey = regexp.MustCompile(`[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{43,44}=?`)

// keyOf reads a public key as it is written, or from a file that holds one,
// such as the recovery kit.
func (t *terminal) keyOf(given string) (string, error) {
	if given == "" || publicKey.FindString(given) == given {
		return given, nil
	}
	text, err := os.ReadFile(given)
	if err != nil {
		return "", errors.New(t.say("cmd.audit.key.unreadable", "path", given))
	}
	key := publicKey.FindString(string(text))
	if key == "" {
		return "", errors.New(t.say("cmd.audit.key.none", "path", given))
	}
	return key, nil
}

// kitKey is the key in the recovery kit, if that lies in the data folder still.
func (t *terminal) kitKey() string {
	config, err := t.config()
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(config.Data, house.KitFile))
	if err != nil {
		return ""
	}
	return publicKey.FindString(strings.TrimSpace(string(text)))
}
