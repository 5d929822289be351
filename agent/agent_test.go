package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dogear/agent/api"
	"dogear/kind"
	"dogear/snapshot"
)

func TestSecondClientUsesTheAgentOfTheFirst(t *testing.T) {
	r := newRig(t)
	first, leave := r.connect()
	_, err := r.save(t.Context(), first)
	require.NoError(t, err)
	second, leaveSecond := r.connect()
	found, err := r.list(second)
	require.NoError(t, err)
	require.Len(t, found, 1)
	leaveSecond()
	leave()
	r.clean()
}

func TestManyClientsAtOnce(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			client, leave := r.connect()
			_, err := r.list(client)
			require.NoError(t, err)
			leave()
		})
	}
	wg.Wait()
	r.clean()
}

func TestAgentStaysUntilItsLastClientHasLeft(t *testing.T) {
	r := newRig(t)
	first, leaveFirst := r.connect()
	_, err := r.list(first)
	require.NoError(t, err)
	second, leaveSecond := r.connect()
	_, err = r.list(second)
	require.NoError(t, err)
	left := make(chan struct{})
	go func() {
		defer close(left)
		leaveFirst()
	}()
	_, err = r.save(t.Context(), second)
	require.NoError(t, err)
	select {
	case <-left:
		t.Fatal("it left before its last client")
	default:
	}
	leaveSecond()
	<-left
	r.clean()
}

func TestBusySaysWho(t *testing.T) {
	r := newRig(t)
	r.hold()
	first, second := r.client(), r.client()
	saved := make(chan error, 1)
	go func() {
		_, err := r.save(t.Context(), first)
		saved <- err
	}()
	<-r.processes.taking
	_, err := r.save(t.Context(), second)
	require.Equal(t, api.CodeBusy, api.AsError(err).Code)
	require.ErrorContains(t, err, fmt.Sprintf("(process %d) has been running dogear save on it since 20", os.Getpid()))
	owner := api.AsError(err).Owner
	require.NotNil(t, owner)
	require.Equal(t, os.Getpid(), owner.PID)
	require.Equal(t, "dogear save", owner.Command)
	require.WithinDuration(t, time.Now(), owner.Since, time.Minute)
	_, err = r.list(second)
	require.NoError(t, err, "what does not touch the workspace is answered")
	close(r.processes.goOn)
	require.NoError(t, <-saved)
	r.processes.taking = nil
	_, err = r.save(t.Context(), second)
	require.NoError(t, err)
}

func TestSocketOfADeadAgentIsReplaced(t *testing.T) {
	r := newRig(t)
	a, err := Open(r.options)
	require.NoError(t, err)
	require.NoError(t, a.Close(t.Context()))
	dead, err := listen(r.store)
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	require.FileExists(t, filepath.Join(r.store, socketName))
	_, err = r.list(r.client())
	require.NoError(t, err)
}

func TestLockedStoreWithoutAnAgentIsAnError(t *testing.T) {
	r := newRig(t)
	silent, err := Open(r.options) // owns the store, and does not serve
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = NewConnector(r.options).Dial(ctx)
	require.Equal(t, api.CodeBusy, api.AsError(err).Code)
	require.ErrorContains(t, err, "does not answer on its socket")
	owner := api.AsError(err).Owner
	require.NotNil(t, owner)
	require.Equal(t, os.Getpid(), owner.PID)
	require.Equal(t, "dogear test", owner.Command)
	require.NotEmpty(t, owner.User)
	require.WithinDuration(t, time.Now(), owner.Since, time.Minute)
	require.NoError(t, silent.Close(t.Context()))
}

func TestWhatTheAgentDoesNotKnowIsRefused(t *testing.T) {
	r := newRig(t)
	_, err := r.list(r.client())
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return Reach(ctx, r.store) },
	}}
	for path, want := range map[string]int{"/v1/frobnicate": http.StatusNotFound, "/v1/save": http.StatusBadRequest} {
		resp, err := client.Post("http://agent"+path, "application/json", strings.NewReader("[]"))
		require.NoError(t, err)
		require.Equal(t, want, resp.StatusCode)
		require.NoError(t, resp.Body.Close())
	}
	client.CloseIdleConnections()
}

func TestSocketInADeepDirectory(t *testing.T) {
	r := newRig(t)
	r.store = filepath.Join(r.store, strings.Repeat("deep/", 30))
	r.options.Dir = r.store
	_, err := r.list(r.client())
	require.NoError(t, err)
	info, err := os.Lstat(filepath.Join(r.store, socketName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestSelection(t *testing.T) {
	target := &snapshot.Snapshot{ID: "01x"}
	for _, id := range []kind.ID{{Kind: "git", Name: "."}, {Kind: "git", Name: "a/b"}, {Kind: "volume", Name: "x"}} {
		target.Parts = append(target.Parts, snapshot.Part{Part: kind.Part{ID: id}})
	}
	choose := func(only, except []string) (chosen []string) {
		sel, err := (&Agent{}).selection(t.Context(), target, only, except)
		require.NoError(t, err)
		for _, p := range sel.Parts(target) {
			chosen = append(chosen, p.ID.String())
		}
		return chosen
	}
	require.Equal(t, []string{"git/.", "git/a/b"}, choose([]string{"git/*"}, nil))
	require.Equal(t, []string{"volume/x"}, choose(nil, []string{"git/*"}))
	require.Equal(t, []string{"git/a/b"}, choose([]string{"git/*"}, []string{"git/."}))
	all, err := (&Agent{}).selection(t.Context(), target, nil, nil)
	require.NoError(t, err)
	require.Equal(t, target.Parts, all.Parts(target))
	for _, wrong := range []string{"git/none", "volume/x:inside"} {
		_, err := (&Agent{}).selection(t.Context(), target, []string{wrong}, nil)
		require.Equal(t, api.CodeUsage, api.AsError(err).Code)
	}
}

// A database comes back alone, and so does what is inside it; with the tree
// that it claims it comes back with that.
func TestSelectionOfADatabaseAlone(t *testing.T) {
	target := &snapshot.Snapshot{ID: "01x"}
	volume, host, shop := kind.ID{Kind: "volume", Name: "data"}, kind.ID{Kind: "container", Name: "db"}, kind.ID{Kind: "base", Name: "db/shop"}
	image := kind.ID{Kind: "image", Name: "db:15"}
	for _, p := range []kind.Part{
		{ID: shop, Needs: []kind.ID{host}, Claims: []kind.Claim{{On: volume}}}, {ID: host, Needs: []kind.ID{image, volume}}, {ID: image}, {ID: volume},
	} {
		target.Parts = append(target.Parts, snapshot.Part{Part: p})
	}
	a := &Agent{Options: Options{Drivers: []kind.Driver{base{}}}}
	choose := func(only ...string) (chosen []string) {
		sel, err := a.selection(t.Context(), target, only, nil)
		require.NoError(t, err, only)
		for _, p := range sel.Parts(target) {
			name := p.ID.String()
			for _, inside := range p.Inside {
				name += ":" + inside
			}
			chosen = append(chosen, name)
		}
		return chosen
	}
	require.Equal(t, []string{"base/db/shop"}, choose("base/db/shop"))
	require.Equal(t, []string{"base/db/shop"}, choose("base/*"))
	require.Equal(t, []string{"base/db/shop:a:b:c"}, choose("base/db/shop:a:b", "base/db/shop:c"))
	require.Equal(t, []string{"base/db/shop"}, choose("base/db/shop:a:b", "base/db/shop"))
	require.Equal(t, []string{"image/db:15"}, choose("image/db:15"))
	require.Equal(t, []string{"base/db/shop", "container/db", "image/db:15", "volume/data"}, choose("base/db/shop", "container/db"))
	for _, wrong := range []string{"base/db/shop:none", "base/none:a", "volume/data:a"} {
		_, err := a.selection(t.Context(), target, []string{wrong}, nil)
		require.Equal(t, api.CodeUsage, api.AsError(err).Code, wrong)
	}
	_, err := a.selection(t.Context(), target, nil, []string{"base/db/shop:c"})
	require.ErrorContains(t, err, "only whole items")

	// An undo knows what it undoes, also if the snapshot does not have it.
	again := a.selectionAgain(target, snapshot.Event{Only: []string{"base/db/shop:none"}})
	require.Equal(t, []string{"none"}, again.Parts(target)[0].Inside)
}

// base is a kind whose parts have things inside.
type base struct{ kind.Driver }

func (base) Kind() string             { return "base" }
func (base) Separable(kind.Part) bool { return true }

func (base) Narrow(context.Context, *kind.Workspace, kind.Part, kind.Source) (*kind.Narrowed, error) {
	return nil, nil
}

func (base) HasInside(_ context.Context, _ kind.Part, _ kind.Source, inside string) error {
	if inside == "none" {
		return errors.New("it has no such thing")
	}
	return nil
}

func TestFindHolder(t *testing.T) {
	locks := "1: POSIX  ADVISORY  READ 700 08:01:99 0 EOF\n2: FLOCK  ADVISORY  WRITE 708 08:01:1234 0 EOF\n"
	pid, err := findHolder(strings.NewReader(locks), "08:01:1234")
	require.NoError(t, err)
	require.Equal(t, 708, pid)
	_, err = findHolder(strings.NewReader(locks), "08:01:99")
	require.Error(t, err)
}
