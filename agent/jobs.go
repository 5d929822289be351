package agent

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dogear/agent/api"
	"dogear/snapshot"
)

// jobs are what the agent is doing at the moment: one at a time on a
// workspace.
type jobs struct {
	now func() time.Time

	mu      sync.Mutex
	serial  int
	closed  bool
	running map[string]*job // by id
}

// job is one call of a client.
type job struct {
	api.Job
	cancel   context.CancelFunc
	progress func(api.Progress)
	locked   *workspaceLock
	forsakes bool          // what was written since something was interrupted, if it cannot be captured
	held     []snapshot.ID // nobody deletes these meanwhile; guarded by jobs.mu
}

func newJobs(now func() time.Time) *jobs {
	return &jobs{now: now, running: make(map[string]*job)}
}

// start registers a job and returns the context in which it runs.
func (j *jobs) start(ctx context.Context, name string, who peer, progress func(api.Progress)) (context.Context, *job) {
	ctx, cancel := context.WithCancel(ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.serial++
	started := &job{cancel: cancel, progress: progress}
	started.Job = api.Job{ID: strconv.Itoa(j.serial), Name: name, User: userName(who.uid), PID: who.pid, Since: j.now()}
	j.running[started.ID] = started
	if j.closed {
		cancel()
	}
	return ctx, started
}

// end forgets a job and frees its workspace.
func (j *jobs) end(done *job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	done.cancel()
	delete(j.running, done.ID)
	if done.locked != nil {
		done.locked.release()
	}
}

// claim gives the job a workspace for itself, or says who has it.
func (j *jobs) claim(mine *job, root string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if mine.locked != nil && mine.Workspace == root {
		return nil
	}
	for _, other := range j.running {
		if other != mine && other.Workspace == root {
			return busy(other.Job)
		}
	}
	lock, err := lockWorkspace(root)
	if err != nil {
		return err
	}
	mine.Workspace, mine.locked = root, lock
	return nil
}

func (j *jobs) cancelJob(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if other := j.running[id]; other != nil {
		other.cancel()
	}
}

// close cancels every job, and every one that is still to come. They end by
// themselves.
func (j *jobs) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for _, other := range j.running {
		other.cancel()
	}
}

// worksOn reports whether a job has the workspace.
func (j *jobs) worksOn(root string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, other := range j.running {
		if other.Workspace == root {
			return true
		}
	}
	return false
}

// list returns the jobs that run, but for the one that asks.
func (j *jobs) list(asking *job) []api.Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]api.Job, 0, len(j.running))
	for _, other := range j.running {
		if other != asking {
			out = append(out, other.Job)
		}
	}
	slices.SortFunc(out, func(a, b api.Job) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func busy(other api.Job) *api.Error {
	command := "dogear " + other.Name
	return &api.Error{
		Code: api.CodeBusy,
		Message: fmt.Sprintf("%s is busy: %s (process %d) has been running %s on it since %s",
			other.Workspace, other.User, other.PID, command, other.Since.Local().Format(time.DateTime)),
		State: "nothing has changed",
		Hint:  "wait until it is done; dogear agent status shows what runs",
		Owner: &api.Owner{PID: other.PID, Command: command, User: other.User, Since: other.Since},
	}
}

func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return "user " + strconv.Itoa(uid)
	}
	return u.Username
}

// report tells the client what the job is doing.
func (j *job) report(stage string) { j.progress(api.Progress{Stage: stage}) }

// note tells the client something that stays on the screen.
func (j *job) note(format string, args ...any) {
	j.progress(api.Progress{Note: fmt.Sprintf(format, args...)})
}

// self is the peer of what the agent does by itself.
func self() peer { return peer{pid: os.Getpid(), uid: os.Geteuid()} }
