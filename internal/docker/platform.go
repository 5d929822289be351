package docker

import (
	"os"
	"slices"
	"strings"
)

// architectures are the names that images use for what kernels call otherwise.
var architectures = map[string]string{
	"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "i686": "386", "i386": "386",
}

// emulators are the names under which the kernel knows who runs programs of an
// architecture (binfmt_misc), as QEMU registers itself.
var emulators = map[string]string{
	"amd64": "x86_64", "arm64": "aarch64", "386": "i386",
}

// kin are the architectures whose programs another one's processors run too.
var kin = map[string][]string{"amd64": {"386"}, "arm64": {"arm"}}

// Platform is what the engine's host is: linux/amd64.
func (e *Engine) Platform() string {
	arch := e.info.Architecture
	if named, ok := architectures[arch]; ok {
		arch = named
	}
	return e.info.OSType + "/" + arch
}

// Runs reports whether programs of a platform run on the engine's host, by
// itself or emulated. If in doubt they do.
func (e *Engine) Runs(platform string) bool {
	system, arch, _ := strings.Cut(platform, "/")
	hostSystem, hostArch, _ := strings.Cut(e.Platform(), "/")
	if arch == "" || hostArch == "" {
		return true
	}
	if system != hostSystem {
		return false
	}
	return arch == hostArch || slices.Contains(kin[hostArch], arch) || e.emulates(arch)
}

func (e *Engine) emulates(arch string) bool {
	name, ok := emulators[arch]
	if !ok {
		name = arch
	}
	_, err := os.Stat("/proc/sys/fs/binfmt_misc/qemu-" + name)
	return e.Local() && err == nil
}
