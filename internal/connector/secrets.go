package connector

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// sealSecrets puts the given secrets of a system among those that are there.
func (d *Desk) sealSecrets(s *System, given map[string]secret.Text) error {
	if len(given) == 0 {
		return nil
	}
	held, err := d.secrets(*s)
	if err != nil {
		return err
	}
	for name, value := range given {
		if value.Empty() {
			delete(held, name)
			delete(s.marks, name)
			continue
		}
		held[name] = value
		if s.marks[name], err = d.mark(*s, name, value); err != nil {
			return err
		}
	}
	if len(held) == 0 {
		s.sealed = nil
		return nil
	}
	plain, err := json.Marshal(revealed(held))
	if err != nil {
		return err
	}
	defer clear(plain)
	s.sealed, err = d.ring.Seal(s.place(), plain)
	return err
}

// givenFor are the secrets that are given, and the end of those that nobody needs
// any more. A secret that was given for one host is not shown to another by who
// only writes its address and may not read it: it has to be given again.
func (s System) givenFor(now System, given map[string]secret.Text) (map[string]secret.Text, error) {
	if len(now.marks) == 0 || !elsewhere(now, s) {
		return given, nil
	}
	all, bad := map[string]secret.Text{}, fault.Checks{}
	for _, name := range now.Names() {
		if of := slices.Index(authSecrets, name); of >= 0 && name != secretOfScheme[s.Scheme] {
			all[name] = secret.Text{}
		} else if _, again := given[name]; !again {
			bad.Add(secretPath(name), "connector-secret-elsewhere")
		}
	}
	maps.Copy(all, given)
	if f := bad.Fault("connector-invalid"); f != nil {
		return nil, f
	}
	return all, nil
}

func revealed(all map[string]secret.Text) map[string]string {
	texts := map[string]string{}
	for name, value := range all {
		texts[name] = value.Reveal()
	}
	return texts
}

// secrets opens those of a system.
func (d *Desk) secrets(s System) (map[string]secret.Text, error) {
	held := map[string]secret.Text{}
	if len(s.sealed) == 0 {
		return held, nil
	}
	plain, err := d.ring.Open(s.place(), s.sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	var texts map[string]string
	if err := json.Unmarshal(plain, &texts); err != nil {
		return nil, err
	}
	for name, text := range texts {
		held[name] = secret.Of(text)
	}
	return held, nil
}

// mark is a keyed hash by which a manifest finds out whether a secret is
// another one, without reading what is there.
func (d *Desk) mark(s System, name string, value secret.Text) (string, error) {
	mac, err := d.ring.MAC("connector secret "+string(s.ID)+" "+name, value.RevealBytes())
	return hex.EncodeToString(mac), err
}

// Same reports whether a secret of the system has that value.
func (d *Desk) Same(s System, name string, value secret.Text) bool {
	mark, err := d.mark(s, name, value)
	return err == nil && mark == s.marks[name]
}

// Names lists the secrets that are there.
func (s System) Names() []string {
	return slices.Sorted(maps.Keys(s.marks))
}

// secretPath is where a form and a manifest have a secret.
func secretPath(name string) string {
	if slices.Contains(authSecrets, name) {
		return "auth." + name
	}
	return name
}

func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func jsonText(value map[string]any) string {
	if len(value) == 0 {
		return "{}"
	}
	text, err := json.Marshal(maps.Clone(value)) // keys are sorted
	if err != nil {
		return "{}"
	}
	return string(text)
}
