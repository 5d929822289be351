package main

import (
	"fmt"
	"sync"

	"dogear/agent/api"
)

// progress is one line on the terminal that says what is being done. Whatever
// else is printed takes its place.
type progress struct {
	app *app

	mu    sync.Mutex
	shown bool // guarded by mu
}

// clearLine goes to the start of the line and erases it.
const clearLine = "\r\x1b[K"

func (p *progress) show(now api.Progress) {
	if now.Note != "" && !p.app.json {
		p.app.note(now.Note)
	}
	if now.Stage == "" || !p.app.talks() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = true
	_, _ = fmt.Fprint(p.app.stderr, clearLine+now.Stage+" …")
}

func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		_, _ = fmt.Fprint(p.app.stderr, clearLine)
		p.shown = false
	}
}
