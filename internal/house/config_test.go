package house_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/house"
)

func TestConfigRefused(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		env  []string
		want []string
	}{
		"unknown key":       {file: "listen: localhost:1\nlisen: x\n", want: []string{"sekisho.yaml:2", "lisen"}},
		"unknown inner key": {file: "log:\n  levle: info\n", want: []string{"sekisho.yaml:2", "levle"}},
		"four eyes not yet": {file: "four_eyes: true\n", want: []string{"sekisho.yaml:1", "four_eyes"}},
		"unknown variable":  {env: []string{"SEKISHO_LISEN=x"}, want: []string{"SEKISHO_LISEN"}},
		"branch variable":   {env: []string{"SEKISHO_LOG=x"}, want: []string{"SEKISHO_LOG "}},
		"wrong type":        {file: "listen: [a]\n", want: []string{"sekisho.yaml:1", "listen"}},
		"twice":             {file: "data: a\ndata: b\n", want: []string{"sekisho.yaml:2", "data"}},
		"not a map":         {file: "- a\n", want: []string{"keys and values"}},
		"two documents":     {file: "data: a\n---\ndata: b\n", want: []string{"one document"}},
		"log level":         {env: []string{"SEKISHO_LOG_LEVEL=loud"}, want: []string{"log.level", "loud"}},
		"half a pair":       {file: "tls: {cert: a.pem}\n", want: []string{"cert and key"}},
		"two unseal keys":   {file: "unseal: {file: a, age: b}\n", want: []string{"one of file"}},
		"destination":       {env: []string{"SEKISHO_AUDIT_CHECKPOINT_TO=ftp://x"}, want: []string{"ftp://x"}},
		"no such file":      {file: "\x00", want: []string{"configuration"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := ""
			if c.file == "\x00" {
				path = filepath.Join(t.TempDir(), "none.yaml")
			} else if c.file != "" {
				path = write(t, c.file)
			}
			_, err := house.LoadConfig(path, c.env)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sekisho.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfig(t *testing.T) {
	path := write(t, "listen: 127.0.0.1:9\nlog: {level: warn}\ntrusted_proxies: [10.0.0.0/8]\n")
	c, err := house.LoadConfig(path, []string{
		"HOME=/x", "SEKISHO_LOG_LEVEL=debug", "SEKISHO_EGRESS_ALLOW=10.0.0.0/8, 127.0.0.0/8", "SEKISHO_DATABASE=postgres://u:p@h/d",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:9" || c.Log.Level != "debug" || c.Log.Format != "text" || c.Data != "sekisho-data" {
		t.Errorf("got %+v", c)
	}
	if len(c.Egress.Allow) != 2 || c.Egress.Allow[1] != "127.0.0.0/8" {
		t.Errorf("egress.allow is %q", c.Egress.Allow)
	}
	if c.Database.Reveal() != "postgres://u:p@h/d" || c.Unseal.File != filepath.Join("sekisho-data", "unseal.key") {
		t.Errorf("database %q, unseal %q", c.Database.Reveal(), c.Unseal.File)
	}
}
