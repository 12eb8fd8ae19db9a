package card

// TieMap is what Read is given besides the tie.
func TieMap(all []Tie) map[place]Tie {
	ties := map[place]Tie{}
	for _, t := range all {
		ties[place{t.System, t.Person}] = t
	}
	return ties
}
