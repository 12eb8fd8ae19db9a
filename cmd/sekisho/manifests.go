package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/client"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/manifest"
)

// files are the documents that a command sends.
type files struct {
	afar
	path  string
	prune bool
}

func (t *terminal) manifests(cmd *cobra.Command, act string) *cobra.Command {
	f := &files{afar: afar{makes: act == "apply"}}
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return t.sendDocuments(cmd, f, act) }
	cmd.Flags().StringVarP(&f.path, "file", "f", "", t.say("cmd.manifest.file"))
	cmd.Flags().BoolVar(&f.prune, "prune", false, t.say("cmd.manifest.prune"))
	f.flags(t, cmd)
	t.output(cmd)
	return cmd
}

func newPlan(t *terminal) *cobra.Command {
	return t.manifests(&cobra.Command{Use: "plan -f PATH", Short: t.say("cmd.plan")}, "plan")
}

func newApply(t *terminal) *cobra.Command {
	return t.manifests(&cobra.Command{Use: "apply -f PATH", Short: t.say("cmd.apply")}, "apply")
}

// sendDocuments reads documents here, with their secrets, and has the house
// plan or apply them.
func (t *terminal) sendDocuments(cmd *cobra.Command, f *files, act string) error {
	if f.path == "" {
		return usage{errors.New(t.say("cmd.manifest.file.missing"))}
	}
	docs, err := manifest.Read(f.path)
	if err != nil {
		return err
	}
	if err := resolve(docs); err != nil {
		return err
	}
	return t.with(cmd.Context(), f.afar, func(r *reach) error {
		if docs == nil {
			docs = []manifest.Document{}
		}
		var plan manifest.Plan
		in := map[string]any{"documents": docs, "prune": f.prune}
		if err := r.call(cmd.Context(), http.MethodPost, "/manifests/"+act, in, &plan); err != nil {
			return t.waits(cmd, err)
		}
		return t.result(cmd, plan, func() string { return strings.TrimSuffix(plan.Text(t.saying), "\n") })
	})
}

// waits prints for programs what waits for a second person; the error says it to
// people.
func (t *terminal) waits(cmd *cobra.Command, err error) error {
	var waits *client.Accepted
	if errors.As(err, &waits) && cmd.Flag("output").Value.String() == "json" {
		return errors.Join(err, t.result(cmd, waits, nil))
	}
	return err
}

// resolve puts the values of {env} and {file} into the documents: they are read
// here, never by the server. Which fields are secrets is known from the kinds.
func resolve(docs []manifest.Document) error {
	kinds, err := house.Kinds()
	if err != nil {
		return err
	}
	return kinds.Resolve(docs, manifest.Sources{Env: os.LookupEnv})
}

func newExport(t *terminal) *cobra.Command {
	var a afar
	var to string
	cmd := &cobra.Command{Use: "export", Short: t.say("cmd.export"), Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var out *client.ExportResponse
		err := t.with(cmd.Context(), a, func(r *reach) (err error) {
			out, err = r.Export(cmd.Context())
			return err
		})
		if err != nil {
			return err
		}
		return t.write(cmd, to, func(w io.Writer) error {
			_, err := w.Write([]byte(out.YAML))
			return err
		})
	}
	cmd.Flags().StringVarP(&to, "out", "o", "", t.say("cmd.out"))
	a.flags(t, cmd)
	return cmd
}
