package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the build of a release (-ldflags "-X main.release=1.2.3").
var release string

func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

func newVersion(t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: t.say("cmd.version"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.result(cmd, map[string]string{
				"version": version(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
			}, func() string {
				return fmt.Sprintf("sekisho %s (%s, %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			})
		},
	}
	t.output(cmd)
	return cmd
}
