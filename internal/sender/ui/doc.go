// Package ui holds the pages of card senders.
package ui
