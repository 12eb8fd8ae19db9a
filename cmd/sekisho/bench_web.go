package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// benchWeb compares pages and API answers through every stop of the edges with
// a bare handler of net/http, all over loopback by the same client.
func benchWeb(ctx context.Context, b *bench) error {
	bare, stop, err := bareServer()
	if err != nil {
		return err
	}
	defer stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: b.callers}, Timeout: 10 * time.Second}
	for _, one := range []struct{ name, url, floor string }{
		{"bare handler", bare, ""},
		{"health", b.house.URL() + "/healthz", "bare handler"},
		{"first page", b.house.URL() + "/", "bare handler"},
	} {
		got, err := b.drive(8, fetch(ctx, client, one.url))
		if err != nil {
			return err
		}
		b.add(one.name, got.rate, "1/s", one.floor)
		b.add(one.name+", p99", got.at(.99), "ms", "")
	}
	return nil
}

func fetch(ctx context.Context, client *http.Client, url string) func(int, int) error {
	return func(int, int) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		_, read := io.Copy(io.Discard, answer.Body)
		if err := errors.Join(read, answer.Body.Close()); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answered %s", url, answer.Status)
		}
		return nil
	}
}

// bareServer answers "ok" on a loopback port.
func bareServer() (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }),
		ReadHeaderTimeout: time.Second,
	}
	go func() { _ = server.Serve(l) }()
	return "http://" + l.Addr().String() + "/", func() { _ = server.Close() }, nil
}
