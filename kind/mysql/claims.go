package mysql

import (
	"path"
	"slices"

	"dogear/internal/docker"
	"dogear/kind"
)

// place is a directory of the container, and which names in it the server
// writes by itself.
type place struct {
	Dir   string   `json:"dir"`
	Names []string `json:"names"`
}

// dataNames are the names of a data directory that the server writes by
// itself: all but hidden ones. They change with its version and engines.
var dataNames = []string{"[^.]*"}

// claims lists the paths for which a server's facts stand, wherever the
// container has them mounted.
func claims(r record, container kind.ID, c *docker.Container, found []kind.Item) []kind.Claim {
	byTree := make(map[kind.ID][]kind.Pattern)
	for _, p := range append([]place{{r.DataDir, dataNames}}, r.Places...) {
		on, inside := docker.TreeOf(p.Dir, container, c, found)
		if on.IsZero() {
			continue
		}
		for _, name := range p.Names {
			byTree[on] = append(byTree[on], kind.Pattern(path.Join(docker.Literal(inside), name)))
		}
	}
	var out []kind.Claim
	for on, paths := range byTree {
		slices.Sort(paths)
		out = append(out, kind.Claim{On: on, Paths: slices.Compact(paths)})
	}
	slices.SortFunc(out, func(a, b kind.Claim) int { return a.On.Compare(b.On) })
	return out
}

// placesOf works out from the server's variables where it writes beside its
// data directory.
func placesOf(dataDir string, vars map[string]string) []place {
	var places []place
	add := func(dir string, names ...string) {
		if dir = path.Clean(absolute(dataDir, dir)); dir != path.Clean(dataDir) {
			places = append(places, place{dir, names})
		}
	}
	inDir := func(variable string, names ...string) {
		if dir := vars[variable]; dir != "" {
			add(dir, names...)
		}
	}
	inDir("innodb_data_home_dir", "ibdata*", "ibtmp*")
	inDir("innodb_log_group_home_dir", "ib_logfile*", "#ib_redo*", "#innodb_redo")
	inDir("innodb_undo_directory", "undo*")
	inDir("aria_log_dir_path", "aria_log*")
	for _, variable := range []string{"log_bin_basename", "relay_log_basename"} {
		if base := vars[variable]; base != "" {
			add(path.Dir(base), path.Base(base)+".*")
		}
	}
	return places
}

func absolute(base, dir string) string {
	if path.IsAbs(dir) {
		return dir
	}
	return path.Join(base, dir)
}
