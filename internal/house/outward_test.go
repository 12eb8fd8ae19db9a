package house_test

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/secret"
)

// outward are the settings that name whom the house connects to, each with how
// one is written. Whoever adds a setting says here or below what it is.
var outward = map[string]string{
	"SEKISHO_MAIL_SMTP": "smtp://%", "SEKISHO_EGRESS_PROXY": "http://%", "SEKISHO_AUDIT_CHECKPOINT_TO": "https://%/log", "SEKISHO_TLS_ACME_DIRECTORY": "https://%/directory",
}

// inward are all others: none of them makes the house connect to anybody.
var inward = strings.Fields(`
	SEKISHO_LISTEN SEKISHO_BASE_URL SEKISHO_DATA SEKISHO_TLS_CERT SEKISHO_TLS_KEY SEKISHO_TLS_CLIENT_CA SEKISHO_TLS_ACME_EMAIL
	SEKISHO_TRUSTED_PROXIES SEKISHO_UNSEAL_FILE SEKISHO_UNSEAL_PASSPHRASE SEKISHO_UNSEAL_AGE SEKISHO_LOG_LEVEL SEKISHO_LOG_FORMAT SEKISHO_METRICS_LISTEN
	SEKISHO_MAIL_USERNAME SEKISHO_MAIL_PASSWORD SEKISHO_MAIL_FROM SEKISHO_MAIL_CA SEKISHO_PUSH_OFF SEKISHO_PUSH_CONTACT SEKISHO_PUSH_HOSTS
	SEKISHO_EGRESS_ALLOW SEKISHO_EGRESS_HOSTS SEKISHO_FOUR_EYES SEKISHO_DRAIN
	SEKISHO_DATABASE`) // the one that is reached by its own driver, and is where everything lies

// settingsOf are the variables of a struct of settings.
func settingsOf(t reflect.Type, path string) (all []string) {
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		here := path + "_" + strings.ToUpper(name)
		whole := field.Type == reflect.TypeFor[secret.Text]() || reflect.PointerTo(field.Type).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
		if field.Type.Kind() == reflect.Struct && !whole {
			all = append(all, settingsOf(field.Type, here)...)
		} else {
			all = append(all, here)
		}
	}
	return all
}

// An address that two programs could read differently is no setting, whichever
// it stands in; one that is written as everybody reads it is judged where it is
// connected to.
func TestR6EverySettingThatIsAnAddress(t *testing.T) {
	for _, name := range settingsOf(reflect.TypeFor[house.Config](), "SEKISHO") {
		if _, out := outward[name]; out == slices.Contains(inward, name) {
			t.Errorf("R6 %s: say whether the house connects to what it names", name)
		}
	}
	load := func(name, host string) error {
		environ := []string{name + "=" + strings.Replace(outward[name], "%", host, 1)}
		if strings.HasPrefix(name, "SEKISHO_MAIL_") {
			environ = append(environ, "SEKISHO_MAIL_FROM=a@b.example")
		}
		_, err := house.LoadConfig("", environ)
		return err
	}
	for name := range outward {
		t.Run("R6 "+name, func(t *testing.T) {
			for _, host := range []string{
				"2130706433", "0x7f000001", "0x7f.0x0.0x0.0x1", "127.0.0.0x", "0177.0.0.1", "017700000001", "127.1", "10.0.1", "127.0.0.1.1", "256.0.0.1", "a.1",
				"127.0.0.1.", "localhost.", "a..example", ".example", "-a.example", "127。0。0。1", "１27.0.0.1", "127%E3%80%820.0.1", "a%E3%80%82example",
				"[fe80::1%25eth0]", "[::1%25lo]", "[::1::2]", "::1", "a.example%0d%0aX", "a.example\\@evil.example", "user:canary@evil.example", "@evil.example", "a.example evil.example",
				"a.example:0", "a.example:65536", "a.example:080", "a.example:http", strings.Repeat("a", 64) + ".example", "",
			} {
				if err := load(name, host); err == nil {
					t.Errorf("%q is taken", host)
				} else if strings.Contains(err.Error(), "canary") {
					t.Errorf("R9 %v", err)
				}
			}
			for _, host := range []string{"a.example", "a.example:8443", "127.0.0.1:8443", "[2606:4700::1111]:8443", "10.0.0.1:8443"} {
				if err := load(name, host); err != nil {
					t.Errorf("%q: %v", host, err)
				}
			}
		})
	}
}
