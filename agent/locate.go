package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"dogear/agent/api"
)

// locate finds the root of the workspace that a request is about: the
// directory it names, also if it is gone and known; or going up from there, the
// nearest one with a dogear.yaml; else the nearest that the catalog knows; else
// the nearest with a repository or a Compose file; else the directory itself,
// if there is anything in it.
func locate(ws api.Workspace, known []string) (string, error) {
	if ws.Exact && slices.Contains(known, ws.Dir) {
		return ws.Dir, nil // its snapshots outlive the directory
	}
	dir, err := realDir(ws.Dir)
	if err != nil {
		return "", err
	}
	if ws.Exact {
		return dir, errors.Join(notTheMachine(dir), substantial(dir))
	}
	marks := []func(string) bool{
		hasAny("dogear.yaml"),
		func(dir string) bool { return slices.Contains(known, dir) },
		hasAny(".git", "compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"),
	}
	for _, marked := range marks {
		if root, ok := upwards(dir, marked); ok {
			return root, nil
		}
	}
	return dir, errors.Join(notEverything(dir), substantial(dir))
}

func realDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find workspace: %w", err)
	}
	path, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", noWorkspace(abs, "it cannot be opened: "+reason(err))
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return "", noWorkspace(path, "it is no directory")
	}
	return path, nil
}

// reason is an error without the path, which the message names already.
func reason(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

func hasAny(names ...string) func(dir string) bool {
	return func(dir string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			_, err := os.Lstat(filepath.Join(dir, name))
			return err == nil
		})
	}
}

func upwards(dir string, marked func(string) bool) (string, bool) {
	for {
		if marked(dir) {
			return dir, true
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// notTheMachine refuses the root directory, whoever asks for it: everything
// that runs would belong to it.
func notTheMachine(dir string) error {
	if dir == "/" {
		return noWorkspace(dir, "it is the whole machine")
	}
	return nil
}

// notEverything keeps a command that was started in the wrong place from
// capturing a whole machine or home: that has to be asked for with -C.
func notEverything(dir string) error {
	home, err := os.UserHomeDir()
	if err == nil && dir == filepath.Clean(home) {
		return noWorkspace(dir, "it is too much to be meant; say so with -C if it is")
	}
	return notTheMachine(dir)
}

func substantial(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return noWorkspace(dir, "it cannot be read: "+reason(err))
	}
	if len(entries) == 0 {
		return noWorkspace(dir, "there is nothing in it")
	}
	return nil
}

func noWorkspace(dir, why string) error {
	return &api.Error{
		Code:    api.CodeNotFound,
		Message: fmt.Sprintf("%s is not a workspace: %s", dir, why),
		State:   "nothing has changed",
		Hint:    "go to the directory of your project, or name it with -C DIR",
	}
}
