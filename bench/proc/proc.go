// Package proc reads what Linux knows about a process and its descendants. It changes nothing.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Tree returns a process and all of its descendants, the process first.
func Tree(pid int) []int {
	all := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well formed
	for _, task := range tasks {
		list, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		for field := range strings.FieldsSeq(string(list)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, Tree(child)...)
			}
		}
	}
	return all
}

// PSS is the memory of these processes in MB, shared pages divided among those who share them.
func PSS(pids ...int) (mb float64, err error) {
	for _, pid := range pids {
		kb, err := field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
		if err != nil {
			return 0, err
		}
		mb += float64(kb) / 1024
	}
	return mb, nil
}

// Peak is the most memory that the process ever had, in MB.
func Peak(pid int) (mb float64, err error) {
	kb, err := field(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:")
	return float64(kb) / 1024, err
}

// Threads counts the threads of these processes.
func Threads(pids ...int) (n int, err error) {
	for _, pid := range pids {
		one, err := field(fmt.Sprintf("/proc/%d/status", pid), "Threads:")
		if err != nil {
			return 0, err
		}
		n += one
	}
	return n, nil
}

// FDs counts the open file descriptors of these processes.
func FDs(pids ...int) (n int, err error) {
	for _, pid := range pids {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return 0, err
		}
		n += len(open)
	}
	return n, nil
}

// CPU is the time that these processes have spent on processors. One that is gone counts nothing.
func CPU(pids ...int) (total time.Duration) {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // the name before it may hold blanks
		for _, f := range fields[11:13] {                               // utime, stime
			if ticks, err := strconv.Atoi(string(f)); err == nil {
				total += time.Duration(ticks) * tick
			}
		}
	}
	return total
}

// field is the number behind a label at the start of a line.
func field(file, label string) (int, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, found := strings.CutPrefix(line, label); found {
			return strconv.Atoi(strings.Fields(rest)[0])
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, label)
}
