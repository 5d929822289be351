// Package all is the list of drivers: the only place that names them. A new
// kind is a new package and two lines here.
package all

import (
	"dogear/internal/docker"
	"dogear/kind"
	"dogear/kind/container"
	"dogear/kind/files"
	"dogear/kind/git"
	"dogear/kind/image"
	"dogear/kind/mongodb"
	"dogear/kind/mysql"
	"dogear/kind/network"
	"dogear/kind/postgres"
	"dogear/kind/redis"
	"dogear/kind/sqlite"
	"dogear/kind/volume"
)

// Store says where the store that the drivers work for has its content. Its
// zero value is none.
type Store struct {
	Incoming string // where it creates its packs
	Packs    string // where it has them
}

// Drivers returns one driver of each kind, in the order in which they look
// for their items: each sees what those before it have found.
func Drivers(s Store) []kind.Driver {
	engines := docker.NewConnector(docker.Options{Incoming: s.Incoming, Packs: s.Packs})
	return []kind.Driver{
		git.New(),
		files.New(),
		container.New(engines),
		volume.New(engines),
		network.New(engines),
		image.New(engines),
		postgres.New(engines),
		mysql.New(engines),
		redis.New(engines),
		mongodb.New(engines),
		sqlite.New(engines),
	}
}
