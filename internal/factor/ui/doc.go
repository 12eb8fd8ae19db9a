// Package ui holds the pages of how a person keeps what they sign in with.
package ui
