package docker

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
)

// labelOwner names the process that a courier works for.
const labelOwner = "dogear.courier.owner"

// ownerMark identifies this process: the host's boot, the namespace that its
// process id is of, that id, and the time at which it started.
func ownerMark() string {
	pid := os.Getpid()
	return strings.Join([]string{bootID(), pidNamespace(), strconv.Itoa(pid), startTime(pid)}, " ")
}

func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return string(bytes.TrimSpace(id))
}

func pidNamespace() string {
	name, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "unknown"
	}
	return name
}

// startTime returns field 22 of /proc/<pid>/stat; the second field is a name
// in brackets that may hold anything.
func startTime(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "gone"
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return "gone"
	}
	return fields[19]
}

// reapCouriers removes couriers whose owner is gone, and images left by such. One whose owner runs on
// another host, or where we cannot tell, is left alone: it ends by itself when
// its owner's connection does.
func (e *Engine) reapCouriers(ctx context.Context) error {
	listed, err := e.api.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", LabelCourier)),
	})
	if err != nil {
		return fmt.Errorf("look for couriers that were left behind: %w", err)
	}
	for _, c := range listed {
		if !isOrphan(c.Labels[labelOwner]) {
			continue
		}
		if err := e.discard(c.ID); err != nil {
			return err
		}
	}
	return e.reapCourierImages(ctx)
}

// settleTime is longer than it takes from importing an image to running it.
const settleTime = time.Minute

// reapCourierImages removes the images of couriers that were killed. The
// engine keeps those that a courier runs from.
func (e *Engine) reapCourierImages(ctx context.Context) error {
	listed, err := e.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", LabelCourier))})
	if err != nil {
		return fmt.Errorf("look for images of couriers that were left behind: %w", err)
	}
	for _, i := range listed {
		if time.Since(time.Unix(i.Created, 0)) < settleTime {
			continue
		}
		for _, reference := range references(i) {
			if err := e.dropCourierImage(ctx, reference); err != nil {
				return err
			}
		}
	}
	return nil
}

// references lists the names of an image, or its id if it has lost its name,
// which older engines list as a name that they do not accept.
func references(i image.Summary) []string {
	if len(i.RepoTags) == 0 || i.RepoTags[0] == "<none>:<none>" {
		return []string{i.ID}
	}
	return i.RepoTags
}

func isOrphan(mark string) bool {
	fields := strings.Fields(mark)
	if len(fields) != 4 || fields[0] != bootID() || fields[1] != pidNamespace() {
		return false
	}
	pid, err := strconv.Atoi(fields[2])
	return err == nil && startTime(pid) != fields[3]
}
