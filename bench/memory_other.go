//go:build !linux

package main

func memoryFolder(string) string { return "" }
