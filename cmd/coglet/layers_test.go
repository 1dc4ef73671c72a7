package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers is the dependency table of ARCHITECTURE.md: a package imports only packages of the rows below its own.
var layers = [][]string{
	{"cmd/coglet"},
	{"internal/app"},
	{"internal/httpapi"},
	{"internal/service"},
	{"internal/orchestrator", "internal/webhook"},
	{"internal/playground", "internal/schema", "internal/files", "internal/api", "worker/workertest"},
	{"worker"},
	{"internal/prediction", "internal/install", "internal/arguments"},
	{
		"internal/protocol", "internal/process", "internal/config", "internal/telemetry", "fdredirect", "python",
		"internal/outbound", "internal/fastpath", "internal/monitor",
	},
	{"internal/logs"},
}

// outside are packages that nothing may import: programs, and tests of the whole.
var outside = []string{"examples/", "integration", "bench"}

func TestPackagesDependDownwardOnly(t *testing.T) {
	level := map[string]int{}
	for i, row := range layers {
		for _, pkg := range row {
			level[pkg] = i
		}
	}
	for _, pkg := range listPackages(t) {
		path := strings.TrimPrefix(pkg.ImportPath, "coglet/")
		isOutside := slices.ContainsFunc(outside, func(o string) bool { return strings.HasPrefix(path, o) })
		from, known := level[path]
		if !known && !isOutside {
			t.Errorf("package %s has no place in the table", path)
			continue
		}
		for _, imported := range pkg.Imports {
			dep, ours := strings.CutPrefix(imported, "coglet/")
			if !ours {
				continue
			}
			if strings.HasPrefix(dep, "bench/") && strings.HasPrefix(path, "bench") { // a program of several packages
				continue
			}
			to, ok := level[dep]
			if !ok {
				t.Errorf("%s imports %s, which has no place in the table", path, dep)
			} else if !isOutside && to <= from {
				t.Errorf("%s imports %s, which is not below it", path, dep)
			}
		}
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) (all []listed) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "coglet/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var pkg listed
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, pkg)
	}
}
