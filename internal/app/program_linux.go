package app

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetProgram takes the pages of the program out of this process: most were used once, at the start. The system has
// them in its cache and maps again what is used, sixteen at a time.
func forgetProgram() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer smaps.Close()
	var start, end uintptr // of the mapping that the lines are about, if it is the program's and cannot be written
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		var from, to uintptr
		var perms string
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &perms); n == 3 {
			start, end = 0, 0
			if strings.HasSuffix(lines.Text(), " "+exe) && (perms == "r-xp" || perms == "r--p") {
				start, end = from, to
			}
			continue
		}
		// what the loader has changed in it would be lost
		if fields := strings.Fields(lines.Text()); start < end && fields[0] == "Anonymous:" && fields[1] == "0" {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, start, end-start, unix.MADV_DONTNEED) // an error: it stays
		}
	}
}
