// Package ui holds the pages of a person's API tokens.
package ui
