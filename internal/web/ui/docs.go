package ui

// DocsView is the description of the API as its pages show it.
type DocsView struct {
	Home   string // address of the first of these pages
	Query  string // what is searched for
	Groups []DocsGroup
	JSON   string // address of the description for programs
}

// DocsGroup are the operations of one tag.
type DocsGroup struct {
	Name string
	Href string
	Ops  []DocsOperation
}

// DocsOperation is one operation. Fields are filled on the page of its group
// only.
type DocsOperation struct {
	Name       string // also its anchor
	Method     string
	Path       string
	Summary    string
	Href       string
	Permission string // in words
	Code       string // of the permission, as roles hold it; "" for none
	Fresh      string // what must be proven anew; "" for nothing
	Tables     []DocsTable
	Refusals   []DocsRefusal
	Examples   []DocsExample
}

// DocsTable are the members of a request or an answer.
type DocsTable struct {
	Title  string
	About  string
	Fields []DocsField
}

// DocsField is one member.
type DocsField struct {
	Name     string
	Type     string
	Required bool
	About    string
}

// DocsRefusal is a way in which an operation says no.
type DocsRefusal struct {
	Status string
	About  string
}

// DocsExample is a request that can be copied, and what comes back.
type DocsExample struct {
	Title   string
	Command string
	Answer  string
}
