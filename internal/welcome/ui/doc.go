// Package ui holds the pages of links.
package ui
