package redis_test

import (
	"strings"
	"testing"

	"dogear/internal/testbed"
	"dogear/kind"
	"dogear/kind/kindtest"
	"dogear/kind/redis"
)

func TestConformity(t *testing.T) {
	for _, image := range []string{"bookworm", "trixie"} {
		t.Run(image, func(t *testing.T) { conform(t, testbed.Redis(t, image, nil)) })
	}
}

func conform(t *testing.T, container string) {
	testbed.RedisDo(t, container, everything)
	do := func(commands string) func(*testing.T) {
		return func(t *testing.T) { testbed.RedisDo(t, container, commands) }
	}
	change := func(name, commands, fact, how string) kindtest.Mutation {
		return kindtest.Mutation{Name: name, Do: do(commands), Want: map[string]string{fact: how}}
	}
	_, packed, _ := strings.Cut(strings.TrimSpace(testbed.RedisDo(t, container, "config get hash-max-listpack-entries")), "\n")
	kindtest.Run(t, kindtest.Harness{
		Driver:    redis.New(connector(t)),
		Workspace: kindtest.Workspace(t.TempDir()),
		Found:     found(container),
		Item:      kind.ID{Kind: redis.Kind, Name: container},
		Mutations: []kindtest.Mutation{
			change("string", "set plain other", "db 0 string", "sha256"),
			change("added", "set another 1", "db 0 string", "count sha256"),
			change("bit", "setbit bits 70001 1", "db 0 string", "sha256"),
			change("order of a list", "rpoplpush list list", "db 0 list", "sha256"),
			change("long list", "lset many:list 299 x", "db 0 list", "sha256"),
			change("member", "srem words beta", "db 0 set", "sha256"),
			change("integer", "sadd ints 4", "db 0 set", "sha256"),
			change("field", "hset many:hash a other", "db 0 hash", "sha256"),
			change("score", "zincrby zset 0.5 one", "db 0 zset", "sha256"),
			change("entry", "xadd stream 5-1 a 1 b 1", "db 0 stream", "sha256"),
			change("deleted entry", "xdel stream 3-1", "db 0 stream", "sha256"),
			change("acknowledged", "xack stream readers 3-1", "db 0 stream", "sha256"),
			change("given out", "xclaim stream readers ann 0 3-1 time 1000 retrycount 1", "db 0 stream", "sha256"),
			change("group", "xgroup destroy stream idle", "db 0 stream", "sha256"),
			change("type", "del number\nsadd number 12345\nsrem number 12345\nset number 12346", "db 0 string", "sha256"),
			change("deadline", "select 3\npexpireat mortal 4102444800124", "db 3 deadlines", "sha256"),
			change("no deadline", "select 3\npersist mortal", "db 3 deadlines", "count sha256"),
			change("function", "function delete shop", "library shop", "removed"),
			change("setting", "config set maxmemory-policy allkeys-lru", "setting maxmemory-policy", "type"),
			change("user", "acl setuser ann on >secret ~* +get", "user ann", "added"),
			change("rights", "acl setuser default -flushall", "user default", "value"),
			{Name: "moved", Do: do("move plain 3"), Want: map[string]string{"db 0 string": "count sha256", "db 3 string": "count sha256"}},
			{Name: "emptied", Do: do("flushall"), Want: nil},
		},
		Same: []kindtest.Mutation{
			{Name: "persistence", Do: do("save\nbgrewriteaof")},
			{Name: "other packing", Do: do("config set hash-max-listpack-entries 1 zset-max-listpack-entries 1 list-max-listpack-size 1 set-max-intset-entries 1\n" +
				"hset hash n 2\nhset hash n 1\nzadd zset 2 extra\nzrem zset extra\nsadd ints x\nsrem ints x\n" +
				"config set hash-max-listpack-entries " + packed + " zset-max-listpack-entries 128 list-max-listpack-size -2 set-max-intset-entries 512")},
			{Name: "reading", Do: do("get plain\nxinfo stream stream")},
		},
	})
}
