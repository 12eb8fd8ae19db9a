// Package house is the only one that knows every room.
package house
