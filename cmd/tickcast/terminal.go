package main

import (
	"fmt"
	"io"
	"time"

	"tickcast/bench"
)

// redraw goes to the beginning of a terminal's line and clears it.
const redraw = "\r\x1b[K"

// progressLine tells what a measurement does: a line that is drawn again on a
// terminal, else a line for each stage.
type progressLine struct {
	w     io.Writer
	live  bool
	stage bench.Stage
	drawn time.Time
}

// drawEvery keeps thousands of connections from being thousands of lines.
const drawEvery = 50 * time.Millisecond

func (l *progressLine) show(stage bench.Stage, done, total int) {
	begins := stage != l.stage
	l.stage = stage
	if !l.live {
		if begins {
			l.say(describe(stage, -1, total))
		}
		return
	}
	if !begins && done < total && time.Since(l.drawn) < drawEvery {
		return
	}
	l.drawn = time.Now()
	l.say(describe(stage, done, total))
}

// describe returns for example "connecting 120 of 1000" or, without done,
// "measuring 10 s".
func describe(stage bench.Stage, done, total int) string {
	text := stage.String()
	if total == 0 {
		return text
	}
	if done >= 0 {
		text += fmt.Sprintf(" %d of", done)
	}
	text += fmt.Sprintf(" %d", total)
	if stage > bench.StageSubscribe {
		text += " s"
	}
	return text
}

func (l *progressLine) say(text string) {
	if l.live {
		_, _ = fmt.Fprint(l.w, redraw, text)
	} else {
		_, _ = fmt.Fprintln(l.w, text)
	}
}

// clear makes room for other output.
func (l *progressLine) clear() {
	if l.live {
		_, _ = fmt.Fprint(l.w, redraw)
	}
}
