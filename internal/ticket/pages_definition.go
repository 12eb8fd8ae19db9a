package ticket

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/ticket/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) showUpload(v *web.Visit) error {
	return v.Show(v.Say("ticket.upload"), ui.Write(uploadForm(v)))
}

func uploadForm(v *web.Visit) ui.Form {
	return ui.Form{
		Heading: v.Say("ticket.upload"), Lead: v.Say("ticket.upload.lead"), Action: SystemsPath + "/upload", Back: SystemsPath,
		Submit: v.Say("ticket.upload.do"), Kind: webui.Main, File: v.Say("ticket.upload.file"),
	}
}

// takeUpload looks at a definition: its mistakes with their lines, its own tests,
// and then the form that it asks for. Nothing is kept yet.
func (r *Room) takeUpload(v *web.Visit) error {
	document, err := readDocument(v)
	if err != nil {
		return err
	}
	refused := func(err error) error {
		f := factor.Typed(err)
		if f == nil {
			return err
		}
		form := uploadForm(v)
		refuse(v, &form, f)
		return v.ShowStatus(f.Status(), form.Heading, ui.Write(form))
	}
	d, err := r.draft(v, map[string][]string{"document": {document}})
	if err != nil {
		return refused(err)
	}
	form := r.form(v, d, nil)
	form.Examples = r.examples(v, d.def)
	return v.Show(form.Heading, ui.Write(form))
}

// readDocument reads the file that a form sent.
func readDocument(v *web.Visit) (string, error) {
	reader, err := v.Parts()
	if err != nil {
		return "", err
	}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return "", fault.New(fault.Invalid, "form-malformed")
		}
		var text []byte
		if err == nil {
			text, err = io.ReadAll(part)
		}
		if err != nil {
			return "", fault.New(fault.Invalid, "form-malformed").Because(err)
		}
		if part.FormName() == "file" {
			return strings.ReplaceAll(string(text), "\r\n", "\n"), nil
		}
	}
}

func (r *Room) examples(v *web.Visit, def *connector.Definition) (all []ui.Example) {
	for _, one := range connector.Examples(v.Context(), def) {
		all = append(all, ui.Example{Name: one.Name, Fault: one.Why})
	}
	return all
}

func (r *Room) showDefinition(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	return v.Show(v.Say("ticket.definition.replace"), ui.Write(replaceForm(v, s)))
}

func replaceForm(v *web.Visit, s connector.System) ui.Form {
	return ui.Form{
		Heading: v.Say("ticket.definition.replace.of", "name", s.Shown()), Lead: v.Say("ticket.definition.replace.lead"),
		Action: pathOf(s.ID, "definition"), Back: pathOf(s.ID), Submit: v.Say("ticket.definition.compare"), Kind: webui.Main, File: v.Say("ticket.upload.file"),
	}
}

// takeDefinition shows what another definition would change, before anybody
// saves it.
func (r *Room) takeDefinition(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	document, err := readDocument(v)
	if err != nil {
		return err
	}
	next := s
	next.Document = document
	def, err := connector.DefinitionOf(next)
	if f := factor.Typed(err); f != nil {
		form := replaceForm(v, s)
		refuse(v, &form, f)
		return v.ShowStatus(f.Status(), form.Heading, ui.Write(form))
	}
	if err != nil {
		return err
	}
	return v.Show(v.Say("ticket.definition.replace"), ui.Write(r.compared(v, s, document, def)))
}

func (r *Room) compared(v *web.Visit, s connector.System, document string, def *connector.Definition) ui.Form {
	form := ui.Form{
		Heading: v.Say("ticket.definition.replace.of", "name", s.Shown()), Lead: v.Say("ticket.definition.save.lead"), Action: pathOf(s.ID, "definition", "save"),
		Back: pathOf(s.ID), Submit: v.Say("ticket.definition.save"), Kind: webui.Main, Examples: r.examples(v, def), Changes: changed(s.Document, document),
		Hidden: []ui.Pair{{Name: "document", Value: document}, {Name: "revision", Value: strconv.FormatInt(s.Revision, 10)}},
	}
	if len(form.Changes) == 0 {
		form.Notes = []string{v.Say("ticket.definition.same")}
	}
	return form
}

func (r *Room) saveDefinition(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	s.Document = strings.ReplaceAll(typed.Get("document"), "\r\n", "\n")
	if s.Revision, err = strconv.ParseInt(typed.Get("revision"), 10, 64); err != nil || s.Revision == 0 {
		return fault.New(fault.Invalid, "form-malformed")
	}
	_, err = r.desk.Put(v.Context(), v.Actor().Principal, connector.Wanted{System: s})
	if f := factor.Typed(err); f != nil {
		form := replaceForm(v, s)
		refuse(v, &form, f)
		return v.ShowStatus(f.Status(), form.Heading, ui.Write(form))
	}
	if err != nil {
		return err
	}
	return v.See(pathOf(s.ID) + "?done=definition")
}

// changed are the lines that came and went, in their order.
func changed(before, after string) (lines []ui.Line) {
	for _, l := range definition.Compare(before, after) {
		lines = append(lines, ui.Line(l))
	}
	return lines
}
