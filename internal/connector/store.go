package connector

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

const systemColumns = `org, id, name, title, definition, document, digest, settings, mode, scheme, client_id, username,
	authorization_endpoint, token_endpoint, scope, networks, authorities, sealed, marks, enabled, made_at, changed_at, by_, version`

func scanSystem(scan func(...any) error) (s System, err error) {
	var settings, networks, marks string
	var enabled, made, changed int64
	err = scan(&s.Org, &s.ID, &s.Name, &s.Title, &s.Definition, &s.Document, &s.Version, &settings, &s.Mode, &s.Scheme, &s.ClientID, &s.Username,
		&s.AuthorizationEndpoint, &s.TokenEndpoint, &s.Scope, &networks, &s.Authorities, &s.sealed, &marks, &enabled, &made, &changed, &s.By, &s.Revision)
	if err != nil {
		return s, err
	}
	s.Networks, s.Enabled = strings.Fields(networks), enabled == 1
	s.Made, s.Changed = store.FromMicros(made), store.FromMicros(changed)
	if len(s.sealed) == 0 {
		s.sealed = nil
	}
	return s, errors.Join(json.Unmarshal([]byte(settings), &s.Settings), json.Unmarshal([]byte(marks), &s.marks))
}

// values are the columns behind org.
func (s System) values() []any {
	marks, _ := json.Marshal(s.marks) // strings
	sealed := s.sealed
	if sealed == nil {
		sealed = []byte{}
	}
	return []any{
		string(s.ID), s.Name, s.Title, s.Definition, s.Document, s.Version, jsonText(s.Settings), s.Mode, s.Scheme, s.ClientID, s.Username,
		s.AuthorizationEndpoint, s.TokenEndpoint, s.Scope, strings.Join(s.Networks, " "), s.Authorities, sealed, string(marks),
		flag(s.Enabled), store.Micros(s.Made), store.Micros(s.Changed), string(s.By), s.Revision,
	}
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func unknownSystem() *fault.Fault { return fault.New(fault.NotFound, "connector-unknown") }

func one(row *store.Row) (System, error) {
	s, err := scanSystem(row.Scan)
	if errors.Is(err, store.ErrNoRow) {
		return System{}, unknownSystem()
	}
	return s, err
}

func systemOf(v *store.View, which id.Connector) (System, error) {
	return one(v.Row("SELECT "+systemColumns+" FROM connector_system WHERE org = $1 AND id = $2", string(which)))
}

func systemNamed(v *store.View, name string) (System, error) {
	return one(v.Row("SELECT "+systemColumns+" FROM connector_system WHERE org = $1 AND name = $2", name))
}

func systemsOf(v *store.View) ([]System, error) {
	rows, err := v.Query("SELECT " + systemColumns + " FROM connector_system WHERE org = $1 ORDER BY name")
	return store.Collect(rows, err, scanSystem)
}

func systemAnywhere(v *store.View, which id.Connector) (System, error) {
	return one(v.Row("SELECT "+systemColumns+" FROM connector_system WHERE id = $1", string(which)))
}

// owners are the organizations that have systems.
func owners(v *store.View) ([]id.Org, error) {
	rows, err := v.Query("SELECT DISTINCT org FROM connector_system ORDER BY org")
	return store.Collect(rows, err, func(scan func(...any) error) (org id.Org, err error) {
		err = scan(&org)
		return org, err
	})
}

// putSystem saves a system under a name that is free.
func putSystem(tx *store.Tx, s System, write func(*store.Tx, System) error) error {
	var other string
	err := tx.Row("SELECT id FROM connector_system WHERE org = $1 AND name = $2 AND id <> $3", s.Name, string(s.ID)).Scan(&other)
	switch {
	case err == nil:
		return fault.New(fault.Conflict, "connector-name-taken", "name", s.Name)
	case !errors.Is(err, store.ErrNoRow):
		return err
	}
	return write(tx, s)
}

// insertSystem adds a system. An identifier that is taken is not said to be: it
// may be another organization's.
func insertSystem(tx *store.Tx, s System) error {
	n, err := tx.Exec("INSERT INTO connector_system ("+systemColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
		$13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24 + 1) ON CONFLICT (id) DO NOTHING`, s.values()...)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "connector-changed", "by", string(s.By))
	}
	return err
}

// changeSystem writes to the row that still has the revision.
func changeSystem(tx *store.Tx, s System) error {
	n, err := tx.Exec(`UPDATE connector_system SET name = $3, title = $4, definition = $5, document = $6, digest = $7, settings = $8, mode = $9,
		scheme = $10, client_id = $11, username = $12, authorization_endpoint = $13, token_endpoint = $14, scope = $15, networks = $16,
		authorities = $17, sealed = $18, marks = $19, enabled = $20, made_at = $21, changed_at = $22, by_ = $23, version = version + 1
		WHERE org = $1 AND id = $2 AND version = $24`, s.values()...)
	if err != nil || n == 1 {
		return err
	}
	now, err := systemOf(&tx.View, s.ID)
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "connector-changed", "by", string(now.By))
}

func removeSystem(tx *store.Tx, which id.Connector) error {
	_, err1 := tx.Exec("DELETE FROM connector_connection WHERE org = $1 AND system = $2", string(which))
	_, err2 := tx.Exec("DELETE FROM connector_system WHERE org = $1 AND id = $2", string(which))
	_, err3 := tx.Exec("DELETE FROM connector_ring WHERE org = $1 AND system = $2", string(which))
	return errors.Join(err1, err2, err3, dropMatches(tx, which))
}

// ForgetPerson takes away every connection of somebody who is deleted, in the
// write that deletes them.
func ForgetPerson(tx *store.Tx, who id.Person) error {
	self := tx.Self(who)
	_, err1 := self.Exec("DELETE FROM connector_connection WHERE person = $1 AND person <> ''")
	_, err2 := self.Exec("DELETE FROM connector_match WHERE person = $1")
	return errors.Join(err1, err2)
}

// Secrets are the sealed secrets of systems among the values that move to a new
// data key.
type Secrets struct{}

// Name implements seal.Sealed.
func (Secrets) Name() string { return "connector.system" }

// Next implements seal.Sealed.
func (Secrets) Next(v *store.View, after string, limit int) ([]seal.Cell, error) {
	rows, err := v.Query(`SELECT org, id, sealed FROM connector_system WHERE id > $1 AND length(sealed) > 0 ORDER BY id LIMIT $2`, after, limit)
	return store.Collect(rows, err, func(scan func(...any) error) (seal.Cell, error) {
		var s System
		err := scan(&s.Org, &s.ID, &s.sealed)
		return seal.Cell{Place: s.place(), After: string(s.ID), Sealed: s.sealed}, err
	})
}

// Replace implements seal.Sealed.
func (Secrets) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE connector_system SET sealed = $1 WHERE id = $2 AND sealed = $3", sealed, cell.After, cell.Sealed)
	return n == 1, err
}
