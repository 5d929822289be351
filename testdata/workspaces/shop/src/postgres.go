package main

import (
	"context"
	"net/url"
	"os"

	"github.com/jackc/pgx/v5"
)

func dialPostgres(ctx context.Context) (*pgx.Conn, error) {
	dsn := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(os.Getenv("POSTGRES_USER"), os.Getenv("POSTGRES_PASSWORD")),
		Host:   os.Getenv("POSTGRES_ADDR"),
		Path:   os.Getenv("POSTGRES_DB"),
	}
	return pgx.Connect(ctx, dsn.String())
}
