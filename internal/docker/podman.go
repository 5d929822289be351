package docker

import "strings"

// forPodman writes a HostConfig in the words that Podman takes: it describes
// limits under the kernel's names and accepts only Docker's.
func forPodman(host Fields) (Fields, error) {
	var limits []map[string]any
	host.Decode("Ulimits", &limits)
	for _, limit := range limits {
		if name, ok := limit["Name"].(string); ok {
			limit["Name"] = strings.ToLower(strings.TrimPrefix(name, "RLIMIT_"))
		}
	}
	return host.With("Ulimits", limits)
}
