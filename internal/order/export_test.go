package order

// Apart is the room with effects that no desk of the house knows.
func (r *Room) Apart(name string) *Room {
	apart := *r
	apart.driver = name
	return &apart
}
