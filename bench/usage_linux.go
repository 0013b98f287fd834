package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of times in /proc: sysconf(_SC_CLK_TCK) is 100 on every
// architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// ReadUsage returns what process pid has used; false if that cannot be known.
// CPU has a resolution of 10 ms.
func ReadUsage(pid int) (Usage, bool) {
	if pid <= 0 {
		return Usage{}, false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, false
	}
	cpu, err := parseStat(stat)
	if err != nil {
		return Usage{}, false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, false
	}
	rss, err := parseRSS(status)
	if err != nil {
		return Usage{}, false
	}
	return Usage{CPU: cpu, RSSBytes: rss}, true
}

var errProc = errors.New("bench: unexpected format in /proc")

// parseStat reads utime and stime, fields 14 and 15 of proc_pid_stat(5). The
// second field is a name in parentheses that may hold anything.
func parseStat(b []byte) (time.Duration, error) {
	const utimeAfterName, stimeAfterName = 11, 12
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) <= stimeAfterName {
		return 0, errProc
	}
	user, err1 := strconv.ParseInt(string(fields[utimeAfterName]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[stimeAfterName]), 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * clockTick, nil
}

// parseRSS reads "VmRSS:	   12345 kB" of proc_pid_status(5).
func parseRSS(b []byte) (int64, error) {
	_, rest, ok := bytes.Cut(b, []byte("VmRSS:"))
	fields := bytes.Fields(rest)
	if !ok || len(fields) < 2 {
		return 0, errProc
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return kib << 10, err
}

// OwnCPU returns the processor time that this process has used; false if that
// cannot be known. Unlike ReadUsage it opens no file.
func OwnCPU() (time.Duration, bool) {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) != nil {
		return 0, false
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano()), true
}
