package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
)

// redisConn speaks as much of the Redis protocol as the shop needs. Replies are strings, and arrays are
// joined by line feeds.
type redisConn struct {
	conn   net.Conn
	reader *bufio.Reader
}

func dialRedis() (*redisConn, error) {
	conn, err := net.Dial("tcp", os.Getenv("REDIS_ADDR"))
	if err != nil {
		return nil, err
	}
	return &redisConn{conn: conn, reader: bufio.NewReader(conn)}, nil
}

func (r *redisConn) Close() error { return r.conn.Close() }

// Do sends one command and waits for its answer.
func (r *redisConn) Do(args ...string) (string, error) {
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(r.conn, request.String()); err != nil {
		return "", err
	}
	return r.reply()
}

func (r *redisConn) reply() (string, error) {
	line, err := r.reader.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	kind, rest := line[:1], line[1:]
	switch kind {
	case "-":
		return "", fmt.Errorf("redis: %s", rest)
	case "$":
		return r.bulk(rest)
	case "*":
		return r.array(rest)
	}
	return rest, nil
}

func (r *redisConn) bulk(length string) (string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return "", err
	}
	body := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(r.reader, body); err != nil {
		return "", err
	}
	return string(body[:n]), nil
}

func (r *redisConn) array(length string) (string, error) {
	n, err := strconv.Atoi(length)
	if err != nil {
		return "", err
	}
	var items []string
	for range n {
		item, err := r.reply()
		if err != nil {
			return "", err
		}
		items = append(items, item)
	}
	return strings.Join(items, "\n"), nil
}
