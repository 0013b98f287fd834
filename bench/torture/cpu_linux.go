package torture

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tickcast/bench"
)

// cpu is processor time used so far.
type cpu struct {
	at           time.Time
	own          time.Duration // by this process
	server       time.Duration
	machine      time.Duration // by everything
	serverKnown  bool
	machineKnown bool
}

// clockTick is the unit of times in /proc.
const clockTick = 10 * time.Millisecond

// cpu reads what was used.
func (r *run) cpu() cpu {
	c := cpu{at: time.Now()}
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) == nil {
		c.own = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	}
	var u bench.Usage
	u, c.serverKnown = bench.ReadUsage(r.pid)
	c.server = u.CPU
	if stat, err := os.ReadFile("/proc/stat"); err == nil {
		c.machine, c.machineKnown = parseMachine(stat)
	}
	return c
}

// parseMachine adds up what proc_stat(5) says of all processors, but for the
// time in which they had nothing to do.
//
//	cpu  user nice system idle iowait irq softirq steal guest guest_nice
func parseMachine(stat []byte) (time.Duration, bool) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return 0, false
	}
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, false
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, true
}

// account fills in what was used since before.
func (p *Phase) account(before, after cpu) {
	wall := after.at.Sub(before.at).Seconds()
	p.ClientBusy = (after.own - before.own).Seconds() / wall
	if before.serverKnown && after.serverKnown {
		p.ServerBusy = (after.server - before.server).Seconds() / wall
		if before.machineKnown && after.machineKnown {
			p.OthersBusy = max((after.machine-before.machine).Seconds()/wall-p.ServerBusy-p.ClientBusy, 0)
		}
	}
}
