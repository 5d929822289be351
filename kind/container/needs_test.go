package container

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"dogear/internal/docker"
)

// TestDependsOn (D14): a container starts after those that Compose says it needs,
// and those that it lives in or mounts volumes of; not after one-off runs of a
// service, nor after another project's service of that name.
func TestDependsOn(t *testing.T) {
	made := func(name, project, service string, more map[string]string, host map[string]any) *docker.Container {
		t.Helper()
		labels := map[string]string{docker.LabelProject: project, docker.LabelWorkingDir: "/w", docker.LabelService: service}
		for k, v := range more {
			labels[k] = v
		}
		raw, err := json.Marshal(map[string]any{"Id": "id-" + name, "Name": "/" + name, "Config": map[string]any{"Labels": labels}, "HostConfig": host})
		require.NoError(t, err)
		c, err := docker.ParseContainer(raw)
		require.NoError(t, err)
		return c
	}
	db := made("db", "p", "db", nil, nil)
	needing := map[string]string{docker.LabelDependsOn: "cache:service_started:false,db:service_healthy:false"}
	for name, c := range map[string]struct {
		mine, theirs *docker.Container
		want         bool
	}{
		"as Compose says":         {made("web", "p", "web", needing, nil), db, true},
		"of nobody":               {made("web", "p", "web", nil, nil), db, false},
		"of another project":      {made("web", "q", "web", needing, nil), db, false},
		"of a one-off run":        {made("web", "p", "web", needing, nil), made("db_run", "p", "db", map[string]string{docker.LabelOneOff: "True"}, nil), false},
		"in its network":          {made("a", "", "", nil, map[string]any{"NetworkMode": "container:id-db"}), db, true},
		"in its PID namespace":    {made("a", "", "", nil, map[string]any{"PidMode": "container:db"}), db, true},
		"with its volumes":        {made("a", "", "", nil, map[string]any{"VolumesFrom": []string{"db:ro"}}), db, true},
		"in the network of other": {made("a", "", "", nil, map[string]any{"NetworkMode": "container:x"}), db, false},
	} {
		require.Equal(t, c.want, dependsOn(c.mine, c.theirs), name)
	}
}
