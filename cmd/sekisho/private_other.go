//go:build !linux

package main

func keepPrivate() {}
