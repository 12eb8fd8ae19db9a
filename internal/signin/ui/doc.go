// Package ui is the pages on which people sign in and keep what they sign in
// with.
package ui
