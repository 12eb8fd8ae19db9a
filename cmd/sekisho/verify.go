package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/internal/audit"
)

// verification is what a log is held against.
type verification struct {
	afar
	export      string
	key         string
	checkpoints []string
}

func newAuditVerify(t *terminal) *cobra.Command {
	v := &verification{}
	cmd := &cobra.Command{
		Use: "verify", Short: t.say("cmd.audit.verify"), Long: t.say("cmd.audit.verify.long"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.verify(cmd, v) },
	}
	cmd.Flags().StringVar(&v.export, "export", "", t.say("cmd.audit.verify.export"))
	cmd.Flags().StringArrayVar(&v.checkpoints, "checkpoint", nil, t.say("cmd.audit.verify.checkpoint"))
	cmd.Flags().StringVar(&v.key, "key", "", t.say("cmd.audit.key"))
	v.flags(t, cmd)
	t.output(cmd)
	return cmd
}

// verified is the result as a program reads it.
type verified struct {
	Whole       bool         `json:"whole"`
	KeyFrom     string       `json:"key_from"` // given, kit or house
	Key         string       `json:"key"`
	Size        int64        `json:"size"` // records
	Root        string       `json:"root"`
	Epoch       int64        `json:"epoch"`
	Covered     int64        `json:"covered"` // records under a signed checkpoint
	Checkpoints int64        `json:"checkpoints"`
	Outside     int64        `json:"outside"`
	Archived    int64        `json:"archived"`
	Erased      int64        `json:"erased"` // fields
	Backdated   []int64      `json:"backdated"`
	Forks       []audit.Fork `json:"forks"`
}

func verifiedOf(r audit.Report, key, from string) verified {
	return verified{
		Whole: true, KeyFrom: from, Key: key, Size: r.Size, Root: r.Root.String(), Epoch: r.Epoch, Covered: r.Covered,
		Checkpoints: r.Checkpoints, Outside: r.Outside, Archived: r.Size - r.Bodies, Erased: r.Erased,
		Backdated: append([]int64{}, r.Backdated...), Forks: append([]audit.Fork{}, r.Forks...),
	}
}

func (t *terminal) verify(cmd *cobra.Command, v *verification) error {
	options := audit.VerifyOptions{}
	for _, path := range v.checkpoints {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		options.Checkpoints = append(options.Checkpoints, string(text))
	}
	key, err := t.keyOf(v.key)
	if err != nil {
		return err
	}
	from := "given"
	if key == "" && v.server == "" {
		key, from = t.kitKey(), "kit"
	}
	options.Key = key
	options.Progress = t.progress("cmd.audit.verify.progress")
	var report audit.Report
	if v.export != "" {
		report, err = t.verifyFile(cmd.Context(), v.export, options)
	} else {
		report, err = t.verifyHouse(cmd.Context(), v.afar, &options)
	}
	t.endProgress()
	if err != nil {
		return err
	}
	if key == "" {
		from = "house"
	}
	if err := t.result(cmd, verifiedOf(report, options.Key, from), func() string { return t.reported(report, from) }); err != nil {
		return err
	}
	// Who writes to the database can also write that there was a restore: what
	// was signed and is gone is said aloud, and judged by somebody who knows.
	if n := len(report.Forks); n > 0 {
		return errors.New(t.say("cmd.audit.verify.forked", "count", n))
	}
	return nil
}

// verifyFile needs nothing but the file and the key.
func (t *terminal) verifyFile(ctx context.Context, path string, o audit.VerifyOptions) (audit.Report, error) {
	if o.Key == "" {
		return audit.Report{}, usage{errors.New(t.say("cmd.audit.key.missing"))}
	}
	file, err := os.Open(path)
	if err != nil {
		return audit.Report{}, err
	}
	defer file.Close() //nolint:errcheck // only read
	return audit.Verify(ctx, file, o)
}

// verifyHouse takes an export of the house and verifies it here. Without a key
// it takes the one that the house says, which proves less: the result says so.
func (t *terminal) verifyHouse(ctx context.Context, a afar, o *audit.VerifyOptions) (report audit.Report, err error) {
	err = t.with(ctx, a, func(r *reach) error {
		if o.Key == "" {
			newest, err := r.GetCheckpoint(ctx)
			if err != nil {
				return err
			}
			o.Key = newest.Key
		}
		log, err := r.ExportLog(ctx)
		if err != nil {
			return err
		}
		defer log.Close() //nolint:errcheck // only read
		report, err = audit.Verify(ctx, log, *o)
		_, _ = io.Copy(io.Discard, log)
		return err
	})
	return report, err
}

// reported says what was found, and what that does not prove.
func (t *terminal) reported(r audit.Report, from string) string {
	text := t.say("cmd.audit.verify.whole", "size", r.Size, "covered", r.Covered, "checkpoints", r.Checkpoints, "outside", r.Outside, "epoch", r.Epoch)
	add := func(key string, pairs ...any) { text += "\n" + t.say("cmd.audit.verify."+key, pairs...) }
	if r.Erased > 0 {
		add("erased", "count", r.Erased)
	}
	if archived := r.Size - r.Bodies; archived > 0 {
		add("archived", "count", archived)
	}
	for _, fork := range r.Forks {
		add("fork", "epoch", fork.Epoch, "size", fork.Size, "checkpoint", fork.Checkpoint)
	}
	if n := len(r.Backdated); n > 0 {
		add("backdated", "count", n, "record", r.Backdated[0])
	}
	if r.Outside == 0 {
		add("alone")
	}
	if from == "house" {
		add("own-key")
	}
	return text
}
