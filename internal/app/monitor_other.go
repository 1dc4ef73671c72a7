//go:build !linux

package app

func calmMonitor() error { return nil }
