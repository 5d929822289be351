package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"dogear/kind"
	"dogear/snapshot"
	"dogear/store"
)

// Options say what an agent works with.
type Options struct {
	Dir     string // of the store
	Drivers []kind.Driver
	// Command names this process to others: "dogear save", no arguments.
	Command string
	// LeaveRestores leaves interrupted restores as they are until a request says
	// what becomes of them (recover), or works on their workspace.
	LeaveRestores bool
	// Resident says that the agent stays when its clients leave.
	Resident bool

	Now           func() time.Time
	NewID         func() snapshot.ID
	StartWatchdog StartWatchdog
	// HealthTimeout bounds the wait for restored items to be healthy.
	HealthTimeout time.Duration
}

// Agent is the one owner of a store. It is safe for concurrent use.
type Agent struct {
	Options
	store   *store.Store
	jobs    *jobs
	server  *server
	started time.Time
	healed  chan struct{} // closed once leftovers have been looked after
	recent  healings      // that nobody was told of

	// curating is held while snapshots are deleted, and while a job gets hold
	// of one.
	curating sync.Mutex

	// environment has the variables that the last request for a workspace
	// brought, by root.
	environment sync.Map
}

// Open makes this process the owner of the store, and creates the store if
// there is none. It returns an error that is store.ErrLocked if another
// process owns it.
func Open(options Options) (*Agent, error) {
	st, err := store.Open(options.Dir, store.Options{Now: options.Now, Command: options.Command})
	if err != nil {
		return nil, cannotOpen(err)
	}
	last, err := st.HighestID()
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	options.NewID = after(last, options.NewID)
	return &Agent{
		Options: options, store: st, jobs: newJobs(options.Now),
		started: options.Now(), healed: make(chan struct{}),
	}, nil
}

// Serve answers clients until Close. Their jobs wait until what was
// interrupted has been brought to an end.
func (a *Agent) Serve() error {
	var listener *net.UnixListener
	err := a.store.MakingRoom(func() (err error) { // without it nobody could delete anything
		listener, err = listen(a.Dir)
		return err
	})
	if err != nil {
		return err
	}
	if err := a.store.RegainReserve(); err != nil {
		return errors.Join(err, listener.Close())
	}
	a.server = newServer(a, listener)
	go func() {
		defer close(a.healed)
		a.healAll(context.Background())
		_ = a.reapRehearsals(context.Background()) // what cannot be removed now stays for the next agent
	}()
	return nil
}

// Close ends the agent once its clients have left, and lets go of what its
// drivers hold. When ctx is done it waits for nobody: jobs are cancelled, and
// clients sent away.
func (a *Agent) Close(ctx context.Context) error {
	var errs []error
	if a.server != nil {
		<-a.healed
		errs = append(errs, a.server.close(ctx))
	}
	for _, d := range a.Drivers {
		if c, ok := d.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(append(errs, a.store.Close())...)
}

func (a *Agent) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/hello", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for name, h := range map[string]http.Handler{
		"save":    handle(a, "save", a.save),
		"pause":   handle(a, "pause", a.pause),
		"resume":  handle(a, "resume", a.resume),
		"restore": handle(a, "restore", a.restore),
		"undo":    handle(a, "undo", a.undo),
		"recover": handle(a, "recover", a.recover),
		"import":  handle(a, "import", a.importDump),
		"compare": handle(a, "compare", a.compare),
		"diff":    handle(a, "diff", a.diff),
		"list":    handle(a, "list", a.list),
		"show":    handle(a, "show", a.show),
		"exhibit": handle(a, "exhibit", a.exhibit),
		"log":     handle(a, "log", a.history),
		"receipt": handle(a, "receipt", a.receipt),
		"rm":      handle(a, "rm", a.remove),
		"note":    handle(a, "note", a.note),
		"find":    handle(a, "find", a.find),
		"doctor":  handle(a, "doctor", a.doctor),
		"check":   handle(a, "check", a.check),
		"prune":   handle(a, "prune", a.prune),

		"workspaces": handle(a, "workspaces", a.workspaces),
		"agent":      handle(a, "agent", a.status),
		"cancel":     handle(a, "cancel", a.cancel),
		"rehearse":   handle(a, "rehearse", a.rehearse),
	} {
		mux.Handle("POST /v1/"+name, h)
	}
	return mux
}
