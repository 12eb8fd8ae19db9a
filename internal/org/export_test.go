package org

// What the tests of large houses fill tables with.

// Grams are what a person is found by.
func (p Person) Grams() []string { return p.grams() }

// Sort is the order of lists.
func (p Person) Sort() string { return p.sort() }
