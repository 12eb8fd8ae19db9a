package operate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// proxied is the proxy of deploy/nginx.conf before two nodes: only where it
// listens, its certificate and the nodes' ports are those of the test.
func proxied(t *testing.T) (base string, client *http.Client, sites [2]site, running [2]*process) {
	t.Helper()
	nginx := tool(t, "nginx", "nginx-light")
	bin := binary(t)
	var at []string
	sites, at = nodes(t, true)
	port := freePort(t)
	base = "https://sekisho.localhost:" + port
	for i := range sites {
		sites[i].environ = append(sites[i].environ, "SEKISHO_BASE_URL="+base, "SEKISHO_LOG_LEVEL=info", "SEKISHO_LOG_FORMAT=json")
		running[i] = sites[i].serve(t, bin)
	}
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	out, err := exec.Command(tool(t, "openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-days", "1", "-subj", "/CN=sekisho.localhost", "-addext", "subjectAltName=DNS:sekisho.localhost", "-keyout", key, "-out", cert).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	conf := read(t, "deploy/nginx.conf")
	for from, to := range map[string]string{
		"listen 443 ssl": "listen 127.0.0.1:" + port + " ssl", "/etc/sekisho/tls.crt": cert, "/etc/sekisho/tls.key": key,
		"127.0.0.1:8081": at[0], "127.0.0.1:8082": at[1], "sekisho.example.com": "sekisho.localhost",
	} {
		if strings.Count(conf, from) != 1 {
			t.Fatalf("deploy/nginx.conf says %q %d times", from, strings.Count(conf, from))
		}
		conf = strings.Replace(conf, from, to, 1)
	}
	frame := "daemon off;\npid %[1]s/pid;\nerror_log %[1]s/error.log;\nevents {}\nhttp {\naccess_log off;\n" +
		"client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n"
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(frame, dir)+conf+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(nginx, "-t", "-c", file).CombinedOutput(); err != nil {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	cmd := exec.Command(nginx, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client = &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
		},
	}}
	for range 100 {
		answer, err := client.Get(base + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			return base, client, sites, running
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("nginx does not answer")
	return base, client, sites, running
}

// Behind the proxy as we describe it: where a request comes from is what the
// proxy saw and not what a client claims, streams pass, and nodes that are
// restarted one after the other under load cut nothing off.
func TestBehindNginx(t *testing.T) {
	base, client, sites, running := proxied(t)
	t.Run("R7 who a client claims to be does not count", func(t *testing.T) {
		request, err := http.NewRequest(http.MethodGet, base+"/signin", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Forwarded-For", "203.0.113.7")
		request.Header.Set("Forwarded", "for=203.0.113.8")
		request.Header.Set("X-Forwarded-Host", "evil.example")
		request.Header.Set("X-Request-Id", "mine-mine-mine")
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK || strings.Contains(string(body), "evil.example") || answer.Header.Get("X-Request-Id") == "mine-mine-mine" {
			t.Errorf("%d, request %q", answer.StatusCode, answer.Header.Get("X-Request-Id"))
		}
		var logs string
		for range 200 { // the line is written after the answer
			logs = running[0].said.String() + running[1].said.String()
			if strings.Contains(logs, answer.Header.Get("X-Request-Id")) {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		for line := range strings.SplitSeq(logs, "\n") {
			if strings.Contains(line, answer.Header.Get("X-Request-Id")) && !strings.Contains(line, `"source":"127.0.0.1"`) {
				t.Errorf("the log says %s", line)
			}
		}
		if !strings.Contains(logs, answer.Header.Get("X-Request-Id")) || strings.Contains(logs, "203.0.113.") {
			t.Errorf("the log:\n%s", logs)
		}
	})
	t.Run("streams pass", func(t *testing.T) {
		answer, err := client.Get(base + "/events?topic=notice.0")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close() //nolint:errcheck // cut off on purpose
		first := make([]byte, 3)
		if _, err := io.ReadFull(answer.Body, first); err != nil || string(first) != "id:" {
			t.Errorf("the stream begins with %q, %v", first, err)
		}
	})
	t.Run("CAP-O2 nodes restart one after the other", func(t *testing.T) {
		var sent, failed atomic.Int64
		var why sync.Map
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(20 * time.Millisecond): // below the limit of requests an address may send
					}
					sent.Add(1)
					answer, err := client.Get(base + "/healthz")
					if err == nil {
						_, err = io.Copy(io.Discard, answer.Body)
						_ = answer.Body.Close()
					}
					if err == nil && answer.StatusCode != http.StatusOK {
						err = errors.New(answer.Status)
					}
					if err != nil {
						failed.Add(1)
						why.Store(err.Error(), true)
					}
				}
			})
		}
		for i := range sites {
			halt(t, running[i])
			running[i] = sites[i].serve(t, binary(t))
			time.Sleep(time.Second)
		}
		close(stop)
		wg.Wait()
		why.Range(func(k, _ any) bool { t.Log(k); return true })
		if t.Logf("%d requests, %d failed", sent.Load(), failed.Load()); failed.Load() > 0 || sent.Load() == 0 {
			t.Errorf("CAP-O2 %d of %d requests failed", failed.Load(), sent.Load())
		}
	})
}
