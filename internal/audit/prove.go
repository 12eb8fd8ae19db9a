package audit

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// State is how well a record is proved.
type State string

// The states of a record's proof.
const (
	Pending    State = "pending"    // committed; it has no place in the tree yet
	Integrated State = "integrated" // it has its place; no checkpoint covers it yet
	Covered    State = "covered"    // a signed checkpoint covers it
)

// Found is a record with the state of its proof.
type Found struct {
	Record
	State      State
	Checkpoint Checkpoint // the first that covers it; zero unless Covered
	// Outside are the places that have that checkpoint or a later one.
	Outside []string
}

// Get returns one record and leaves one that says who read it.
func (l *Log) Get(ctx context.Context, reader Reader, record id.Record) (Found, error) {
	return l.get(ctx, reader, record, nil)
}

func (l *Log) get(ctx context.Context, reader Reader, record id.Record, said map[string]string) (Found, error) {
	var found Found
	err := l.store.House().Read(ctx, func(v *store.View) (err error) {
		found, err = l.find(v, record)
		return err
	})
	if err == nil && !reader.sees(found.Org) {
		err = fault.New(fault.NotFound, "audit-record-unknown", "id", string(record))
	}
	if err != nil {
		return Found{}, err
	}
	return found, l.read(ctx, reader, "audit.read", "record:"+string(record), said)
}

func (l *Log) find(v *store.View, record id.Record) (Found, error) {
	fs, index, err := l.place(v, record)
	if err != nil {
		return Found{}, err
	}
	found := Found{Record: fs.record(index), State: Pending}
	if index < 0 {
		return found, nil
	}
	found.State = Integrated
	if found.Checkpoint, err = covering(v, index); err != nil || found.Checkpoint.Size == 0 {
		return found, err
	}
	found.State = Covered
	for _, p := range l.outside {
		has, err := readOutside(v, p.place.Name())
		if err != nil {
			return found, err
		}
		if has.Size > index && has.Epoch >= found.Checkpoint.Epoch {
			found.Outside = append(found.Outside, p.place.Name())
		}
	}
	return found, nil
}

// covering is the first checkpoint that covers a record; zero if none does.
func covering(v *store.View, index int64) (Checkpoint, error) {
	return oneCheckpoint(v, "SELECT note FROM audit_checkpoint WHERE size > $1 ORDER BY size, epoch LIMIT 1", index)
}

// place reads a record; index is -1 while it waits.
func (l *Log) place(v *store.View, record id.Record) (fs fields, index int64, err error) {
	var body []byte
	err = v.Row("SELECT body FROM audit_record WHERE id = $1", string(record)).Scan(&body)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "audit-record-unknown", "id", string(record))
	}
	if err != nil {
		return nil, 0, err
	}
	if index, err = (&places{view: v}).index(string(record)); err == nil {
		fs, err = decodeBody(body)
	}
	return fs, index, err
}

// Proof shows, with nothing but the public key, that a record is in the log.
type Proof struct {
	ID         id.Record    `json:"id" doc:"Id of the record"`
	Index      int64        `json:"index" doc:"Place in the log"`
	Fields     []ProofField `json:"fields" doc:"Fields of the record, by name"`
	Leaf       tlog.Hash    `json:"leaf" doc:"Hash of the record in the tree"`
	Path       []tlog.Hash  `json:"path" doc:"Audit path from the leaf up (RFC 6962)"`
	Checkpoint string       `json:"checkpoint" doc:"Signed note that covers the record"`
	Key        string       `json:"key" doc:"Public key, for convenience: trust the one you have"`
}

// ProofField is one field: name, salt and value, or the hash of an erased one.
type ProofField struct {
	Name  string     `json:"name" doc:"Of the field"`
	Salt  string     `json:"salt,omitempty" doc:"Base64; missing where the value was erased"`
	Value *string    `json:"value,omitempty" doc:"Missing where it was erased"`
	Hash  *tlog.Hash `json:"hash,omitempty" doc:"Of salt and value, where they were erased"`
}

// Prove returns the proof of a record, and leaves a record that says so. If no
// checkpoint covers it yet one is made, where this node may do so.
func (l *Log) Prove(ctx context.Context, reader Reader, record id.Record) (Proof, error) {
	found, err := l.get(ctx, reader, record, map[string]string{"proof": "yes"})
	if err != nil {
		return Proof{}, err
	}
	if found.State != Covered && l.options.Sealer != nil {
		if _, err := l.Checkpoint(ctx); err != nil {
			return Proof{}, err
		}
	}
	key, err := l.PublicKey(ctx)
	if err != nil {
		return Proof{}, err
	}
	var proof Proof
	err = l.store.House().Read(ctx, func(v *store.View) (err error) {
		proof, err = l.prove(v, record)
		return err
	})
	proof.Key = key
	return proof, err
}

func (l *Log) prove(v *store.View, record id.Record) (Proof, error) {
	fs, index, err := l.place(v, record)
	if err != nil {
		return Proof{}, err
	}
	cp, err := covering(v, index)
	if err != nil {
		return Proof{}, err
	}
	if index < 0 || cp.Size == 0 {
		return Proof{}, fault.New(fault.Unmet, "audit-not-covered", "id", string(record))
	}
	path, err := tlog.ProveRecord(cp.Size, index, stored(v))
	if err != nil {
		return Proof{}, err
	}
	var f framer
	return Proof{ID: record, Index: index, Fields: fs.proof(), Leaf: f.leaf(fs), Path: path, Checkpoint: cp.Note}, nil
}

func (fs fields) proof() []ProofField {
	all := make([]ProofField, len(fs))
	for i := range fs {
		all[i].Name = fs[i].name
		if fs[i].erased {
			all[i].Hash = &fs[i].hash
			continue
		}
		all[i].Salt = base64.StdEncoding.EncodeToString(fs[i].salt[:])
		all[i].Value = &fs[i].value
	}
	return all
}

// CheckProof checks a proof as JSON, offline, with a public key that the caller
// trusts, and returns the record and the checkpoint that covers it.
func CheckProof(text []byte, publicKey string) (Record, Checkpoint, error) {
	var p Proof
	if err := json.Unmarshal(text, &p); err != nil {
		return Record{}, Checkpoint{}, fault.New(fault.Invalid, "audit-proof-malformed").Because(err)
	}
	fs, err := p.fields()
	if err != nil {
		return Record{}, Checkpoint{}, err
	}
	cp, err := ParseCheckpoint(p.Checkpoint, publicKey)
	if err != nil {
		return Record{}, Checkpoint{}, err
	}
	var f framer
	leaf := f.leaf(fs)
	err = tlog.CheckRecord(p.Path, cp.Size, cp.Root, p.Index, leaf)
	if err == nil && (leaf != p.Leaf || fs.get(fieldID) != string(p.ID)) {
		err = errors.New("audit: the proof is about another record than it says")
	}
	if err != nil {
		return Record{}, Checkpoint{}, fault.New(fault.Unmet, "audit-proof-false").Because(err)
	}
	return fs.record(p.Index), cp, nil
}

func (p *Proof) fields() (fields, error) {
	malformed := fault.New(fault.Invalid, "audit-proof-malformed")
	var fs fields
	for _, one := range p.Fields {
		f := field{name: one.Name, erased: one.Hash != nil}
		if f.name == "" || f.erased == (one.Value != nil) || len(fs) > 0 && fs[len(fs)-1].name >= f.name {
			return nil, malformed
		}
		if f.erased {
			f.hash = *one.Hash
		} else {
			salt, err := base64.StdEncoding.DecodeString(one.Salt)
			if err != nil || len(salt) != saltLen {
				return nil, malformed
			}
			copy(f.salt[:], salt)
			f.value = *one.Value
		}
		fs = append(fs, f)
	}
	return fs, nil
}
