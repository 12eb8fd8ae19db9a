package house_test

import (
	"fmt"
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
		"unknown key":               {file: "listen: localhost:1\nlisen: x\n", want: []string{"sekisho.yaml:2", "lisen"}},
		"unknown inner key":         {file: "log:\n  levle: info\n", want: []string{"sekisho.yaml:2", "levle"}},
		"four eyes half open":       {file: "four_eyes: maybe\n", want: []string{"sekisho.yaml:1", "four_eyes"}},
		"unknown variable":          {env: []string{"SEKISHO_LISEN=x"}, want: []string{"SEKISHO_LISEN"}},
		"branch variable":           {env: []string{"SEKISHO_LOG=x"}, want: []string{"SEKISHO_LOG "}},
		"wrong type":                {file: "listen: [a]\n", want: []string{"sekisho.yaml:1", "listen"}},
		"twice":                     {file: "data: a\ndata: b\n", want: []string{"sekisho.yaml:2", "data"}},
		"not a map":                 {file: "- a\n", want: []string{"keys and values"}},
		"two documents":             {file: "data: a\n---\ndata: b\n", want: []string{"one document"}},
		"log level":                 {env: []string{"SEKISHO_LOG_LEVEL=loud"}, want: []string{"log.level", "loud"}},
		"half a pair":               {file: "tls: {cert: a.pem}\n", want: []string{"cert and key"}},
		"two unseal keys":           {file: "unseal: {file: a, age: b}\n", want: []string{"one of file"}},
		"destination":               {env: []string{"SEKISHO_AUDIT_CHECKPOINT_TO=ftp://x"}, want: []string{"ftp://x"}},
		"A052 from with two at":     {file: "mail:\n  smtp: smtp://mail.example\n  from: a@b.example@c.example\n", want: []string{"sekisho.yaml:3", "mail.from", "mail-address-malformed"}},
		"A181 from with a break":    {file: "mail:\n  smtp: smtp://mail.example\n  from: \"A\\r\\nBcc: x <a@b.example>\"\n", want: []string{"sekisho.yaml:3", "mail.from", "mail-name-malformed"}},
		"mail server of no scheme":  {file: "mail:\n  smtp: mail.example:25\n  from: a@b.example\n", want: []string{"sekisho.yaml:2", "mail.smtp", "mail-relay-malformed"}},
		"A182 mail in the clear":    {file: "mail: {smtp: 'smtp+plain://mail.example:25', from: a@b.example}\n", want: []string{"sekisho.yaml:1", "mail.smtp", "mail-relay-malformed"}},
		"mail server with password": {env: []string{"SEKISHO_MAIL_SMTP=smtp://u:canary@mail.example", "SEKISHO_MAIL_FROM=a@b.example"}, want: []string{"SEKISHO_MAIL_SMTP", "mail.smtp"}},
		"mail from nobody":          {env: []string{"SEKISHO_MAIL_SMTP=smtp://mail.example"}, want: []string{"mail.from"}},
		"mail by no server":         {env: []string{"SEKISHO_MAIL_FROM=a@b.example"}, want: []string{"mail.smtp"}},
		"mail user alone":           {file: "mail: {smtp: 'smtp://mail.example', from: a@b.example, username: u}\n", want: []string{"username and password"}},
		"unknown mail key":          {file: "mail:\n  host: x\n", want: []string{"sekisho.yaml:2", "host"}},
		"drain without a unit":      {env: []string{"SEKISHO_DRAIN=10"}, want: []string{"SEKISHO_DRAIN", "drain"}},
		"drain backwards":           {env: []string{"SEKISHO_DRAIN=-1s"}, want: []string{"drain", "-1s"}},
		"drain for ever":            {file: "drain: 6m\n", want: []string{"drain", "6m0s"}},
		"no such file":              {file: "\x00", want: []string{"configuration"}},
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
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("R9: %v", err)
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
		"SEKISHO_MAIL_SMTP=smtps://mail.example", "SEKISHO_MAIL_FROM=関所 <no-reply@楓商事.example>", "SEKISHO_MAIL_USERNAME=u", "SEKISHO_MAIL_PASSWORD=canary", "SEKISHO_MAIL_CA=ca.pem",
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
	if c.Mail.SMTP.String() != "smtps://mail.example:465" || c.Mail.From.String() != "関所 <no-reply@xn--3kqw7n7zs.example>" ||
		c.Mail.Username != "u" || c.Mail.Password.Reveal() != "canary" || c.Mail.CA != "ca.pem" || strings.Contains(fmt.Sprintf("%+v", c), "canary") {
		t.Errorf("mail is %+v", c.Mail)
	}
	if c.Database.Reveal() != "postgres://u:p@h/d" || c.Unseal.File != filepath.Join("sekisho-data", "unseal.key") {
		t.Errorf("database %q, unseal %q", c.Database.Reveal(), c.Unseal.File)
	}
}

func TestConfigFlagFromTheEnvironment(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "false": false} {
		c, err := house.LoadConfig("", []string{"SEKISHO_FOUR_EYES=" + value})
		if err != nil || c.FourEyes != want {
			t.Errorf("%s: %v %v", value, c.FourEyes, err)
		}
	}
	if _, err := house.LoadConfig("", []string{"SEKISHO_FOUR_EYES=perhaps"}); err == nil {
		t.Error("perhaps is a flag")
	}
}
