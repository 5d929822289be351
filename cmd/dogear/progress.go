package main

import (
	"fmt"

	"dogear/agent/api"
)

// progress is one line on the terminal that says what is being done.
type progress struct {
	app   *app
	shown bool
}

func newProgress(a *app) *progress { return &progress{app: a} }

// clearLine goes to the start of the line and erases it.
const clearLine = "\r\x1b[K"

func (p *progress) show(now api.Progress) {
	if now.Note != "" && !p.app.json {
		p.clear()
		p.app.note(now.Note)
	}
	if now.Stage == "" || !p.app.talks() {
		return
	}
	p.shown = true
	_, _ = fmt.Fprint(p.app.stderr, clearLine+now.Stage+" …")
}

func (p *progress) clear() {
	if p.shown {
		_, _ = fmt.Fprint(p.app.stderr, clearLine)
		p.shown = false
	}
}
