package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// work takes jobs off a Redis list, notes each in Postgres and leaves a receipt in its spool. Without a job it only
// waits: the pop blocks in Redis and writes nothing.
func work(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	go keepTakingJobs(ctx)
	return serve(ctx, mux)
}

// A Redis that went away comes back: a worker that gave up by then would stay down after every restart of the stack.
func keepTakingJobs(ctx context.Context) {
	for ctx.Err() == nil {
		if err := takeJobs(ctx); err != nil {
			log.Print(err)
		}
		time.Sleep(time.Second)
	}
}

func takeJobs(ctx context.Context) error {
	redis, err := dialRedis()
	if err != nil {
		return err
	}
	defer redis.Close()
	for ctx.Err() == nil {
		reply, err := redis.Do("BRPOP", "jobs", "5")
		if err != nil {
			return err
		}
		if _, job, found := strings.Cut(reply, "\n"); found {
			if err := finish(ctx, job); err != nil {
				return fmt.Errorf("job %s: %w", job, err)
			}
		}
	}
	return nil
}

func finish(ctx context.Context, job string) error {
	conn, err := dialPostgres(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var id int64
	err = conn.QueryRow(ctx, `insert into jobs (payload) values ($1) returning id`, job).Scan(&id)
	if err != nil {
		return err
	}
	name := filepath.Join(os.Getenv("SHOP_SPOOL"), fmt.Sprintf("job-%06d.txt", id))
	return os.WriteFile(name, []byte(job+"\n"), 0o640)
}
