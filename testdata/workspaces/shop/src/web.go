package main

import (
	"context"
	"encoding/json"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// web reads its templates from the bind-mounted source directory on each request, as a developer's server does.
type web struct {
	source string
}

type order struct {
	ID       int64     `json:"id"`
	Customer string    `json:"customer"`
	PlacedAt time.Time `json:"placed_at"`
	Total    string    `json:"total"`
}

type product struct {
	SKU   string `json:"sku"`
	Name  string `json:"name"`
	Price string `json:"price"`
}

type page struct {
	Hotfix   string
	Products []product
	Orders   []order
}

func serveWeb(ctx context.Context) error {
	w := web{source: os.Getenv("SHOP_SOURCE")}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.index)
	mux.HandleFunc("GET /api/orders", w.orders)
	mux.HandleFunc("GET /health", w.health)
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServer(http.Dir(filepath.Join(w.source, "static")))))
	return serve(ctx, mux)
}

func (w web) index(out http.ResponseWriter, request *http.Request) {
	content, err := readPage(request.Context())
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	index, err := template.ParseFiles(filepath.Join(w.source, "templates", "index.html"))
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	if err := index.Execute(out, content); err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
	}
}

func (w web) orders(out http.ResponseWriter, request *http.Request) {
	content, err := readPage(request.Context())
	if err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	out.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(content.Orders)
}

func (w web) health(out http.ResponseWriter, request *http.Request) {
	conn, err := dialPostgres(request.Context())
	if err == nil {
		defer conn.Close(request.Context())
		err = conn.Ping(request.Context())
	}
	if err != nil {
		http.Error(out, err.Error(), http.StatusServiceUnavailable)
	}
}

func readPage(ctx context.Context) (page, error) {
	var content page
	conn, err := dialPostgres(ctx)
	if err != nil {
		return content, err
	}
	defer conn.Close(ctx)
	// Patched into a running container by hand, as happens in an incident: nothing but the writable layer has it.
	hotfix, _ := os.ReadFile("/app/hotfix.conf")
	content.Hotfix = string(hotfix)
	if content.Products, err = query[product](ctx, conn,
		`select sku, name, price::text from products order by sku limit 20`); err != nil {
		return content, err
	}
	content.Orders, err = query[order](ctx, conn,
		`select id, customer, placed_at, total::text from order_totals order by id desc limit 20`)
	return content, err
}

func query[T any](ctx context.Context, conn *pgx.Conn, sql string) ([]T, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}
