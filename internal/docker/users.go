package docker

import (
	"fmt"
	"strings"
)

// Users says to whom the users of an engine's containers belong on its host: ""
// is that nobody knows.
type Users string

// What users can be.
const (
	HostUsers     Users = "host" // the same ones
	MappedUsers   Users = "mapped"
	RootlessUsers Users = "rootless"
)

// Users returns to whom the users of containers belong.
func (e *Engine) Users() Users {
	for _, option := range e.info.SecurityOptions {
		switch name, _, _ := strings.Cut(strings.TrimPrefix(option, "name="), ","); name {
		case "userns":
			return MappedUsers
		case "rootless":
			return RootlessUsers
		}
	}
	return HostUsers
}

// Conflicts says why files that were captured where users were others cannot be
// restored here.
func (u Users) Conflicts(captured Users) []string {
	if captured == "" || captured == u {
		return nil
	}
	return []string{fmt.Sprintf("its files have the owners of an engine whose users are %s, and here they are %s: "+
		"set up the engine like that one, or leave it out (--except)", captured.words(), u.words())}
}

func (u Users) words() string {
	switch u {
	case HostUsers:
		return "those of the host"
	case MappedUsers:
		return "mapped (userns-remap)"
	}
	return string(u)
}
