package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestSecretsLeaveTheEnvironment shows A169: who reads the environment of a
// running house finds no secret in it, and the house still knows it.
func TestSecretsLeaveTheEnvironment(t *testing.T) {
	const canary = "canary-in-the-environment"
	if os.Getenv("PRIVATE_CHILD") != "" {
		keepPrivate()
		fmt.Println(os.Getenv("SEKISHO_UNSEAL_PASSPHRASE"))
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestSecretsLeaveTheEnvironment$")
	child.Env = append(os.Environ(), "PRIVATE_CHILD=1", "SEKISHO_UNSEAL_PASSPHRASE="+canary, "SEKISHO_DATABASE=postgres://u:"+canary+"@h/d")
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait() //nolint:errcheck // it ends with its input
	defer in.Close()   //nolint:errcheck // a pipe
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(said) != canary {
		t.Fatalf("the process knows %q (%v)", said, err)
	}
	folder := "/proc/" + strconv.Itoa(child.Process.Pid)
	t.Run("A169 environment", func(t *testing.T) {
		seen, err := os.ReadFile(folder + "/environ")
		if err == nil && strings.Contains(string(seen), canary) {
			t.Error("the secret stands in /proc/PID/environ")
		}
		if err == nil && !strings.Contains(string(seen), "PRIVATE_CHILD=1") {
			t.Error("more was wiped than our own")
		}
	})
	t.Run("A169 core dumps", func(t *testing.T) {
		seen, err := os.ReadFile(folder + "/limits")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(seen)) {
			if rest, found := strings.CutPrefix(line, "Max core file size"); found && strings.Join(strings.Fields(rest), " ") != "0 0 bytes" {
				t.Error(line)
			}
		}
	})
}
