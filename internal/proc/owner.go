package proc

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Credential is whom a program runs as.
type Credential struct {
	UID, GID uint32
	Groups   []uint32
	Home     string // "" if the user has no entry in the user database
	User     string
}

// OwnerOf returns whom a program that works on path has to run as: the owner
// of path if we are root and somebody else owns it, and otherwise nil, which
// means ourselves. A program run as root in somebody's repository would leave
// files there that its owner cannot change, and run its hooks as root.
func OwnerOf(path string) (*Credential, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || stat.Uid == 0 {
		return nil, nil
	}
	return lookUp(stat.Uid, stat.Gid)
}

// lookUp completes the credential from the user database; an owner that is
// not in it (a container's) has its numbers and nothing else.
func lookUp(uid, gid uint32) (*Credential, error) {
	c := &Credential{UID: uid, GID: gid}
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return c, nil
	}
	c.Home, c.User = u.HomeDir, u.Username
	if primary, err := strconv.ParseUint(u.Gid, 10, 32); err == nil {
		c.GID = uint32(primary)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("look up the groups of %s: %w", u.Username, err)
	}
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			c.Groups = append(c.Groups, uint32(n))
		}
	}
	return c, nil
}

func (c *Credential) system() *syscall.Credential {
	return &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: c.Groups}
}

// environment keeps root's own settings from the program: they are neither
// readable for it nor meant for it.
func (c *Credential) environment() []string {
	home := c.Home
	if home == "" {
		home = "/nonexistent"
	}
	return []string{"HOME=" + home, "USER=" + c.User, "LOGNAME=" + c.User, "XDG_CONFIG_HOME=", "XDG_CACHE_HOME=", "XDG_DATA_HOME=", "XDG_RUNTIME_DIR="}
}
