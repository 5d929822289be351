package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// migrate builds the database and the cache once, and does nothing when it runs again.
func migrate(ctx context.Context) error {
	conn, err := dialPostgres(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var exists bool
	if err := conn.QueryRow(ctx, `select to_regclass('products') is not null`).Scan(&exists); err != nil || exists {
		return err
	}
	for _, name := range []string{"schema.sql", "seed.sql"} {
		if err := runScript(ctx, conn, filepath.Join(os.Getenv("SHOP_DB"), name)); err != nil {
			return err
		}
	}
	// Its own statement, outside a transaction. Freezing now leaves nothing for autovacuum to do on an idle stack.
	if _, err := conn.Exec(ctx, `vacuum (analyze, freeze)`); err != nil {
		return err
	}
	return fillCache(ctx, conn)
}

func runScript(ctx context.Context, conn *pgx.Conn, name string) error {
	script, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if _, err := conn.PgConn().Exec(ctx, string(script)).ReadAll(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func fillCache(ctx context.Context, conn *pgx.Conn) error {
	redis, err := dialRedis()
	if err != nil {
		return err
	}
	defer redis.Close()
	products, err := query[product](ctx, conn, `select sku, name, price::text from products order by sku`)
	if err != nil {
		return err
	}
	for rank, p := range products {
		if _, err := redis.Do("HSET", "product:"+p.SKU, "name", p.Name, "price", p.Price); err != nil {
			return err
		}
		if _, err := redis.Do("ZADD", "bestsellers", fmt.Sprint(1000-rank*3%997), p.SKU); err != nil {
			return err
		}
	}
	return fillRest(redis)
}

// One key of every other type, so that a cache that comes back half is noticed.
func fillRest(redis *redisConn) error {
	for _, command := range [][]string{
		{"SET", "shop:motto", "Bücher, Tee & 珈琲"},
		{"SADD", "features", "search", "wishlist", "gift-wrap"},
		{"RPUSH", "recent-searches", "teapot", "filter coffee", "notebook A5"},
		{"XADD", "events", "1718000000000-0", "kind", "deploy", "version", "1.4.0"},
		{"XADD", "events", "1718000300000-0", "kind", "rollback", "version", "1.3.9"},
		{"PFADD", "visitors", "ana", "ben", "chloé"},
		{"SETBIT", "open-days", "6", "1"},
	} {
		if _, err := redis.Do(command...); err != nil {
			return err
		}
	}
	return nil
}
