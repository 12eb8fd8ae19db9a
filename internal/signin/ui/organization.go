package ui

// Organizations is the choice of where to act.
type Organizations struct {
	Action, Back string
	Now          string // id of the present one
	Items        []OrganizationItem
}

// OrganizationItem is one choice.
type OrganizationItem struct {
	ID, Title, Roles string
	Below            bool // by the parent's right
}
