package main

import (
	"context"
	"fmt"
	"net/http"
)

// Both long-running services answer here; the health check is the same program, so the image needs no curl.
const listenAddr = ":8080"

func checkHealth(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1"+listenAddr+"/health", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", response.Status)
	}
	return nil
}

// serve runs until the context ends.
func serve(ctx context.Context, handler http.Handler) error {
	server := &http.Server{Addr: listenAddr, Handler: handler}
	done := make(chan error, 1)
	go func() { done <- server.ListenAndServe() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return server.Close()
	}
}
