package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/sekisho/sekisho/client"
	"github.com/sekisho/sekisho/internal/housetest"
)

// server, token and org are what somebody who writes a program has.
var server, token, org string

// stage is what a house of the tests stands on where there is no test.
type stage struct {
	testing.TB
	ends []func()
}

func (*stage) Helper()                     {}
func (*stage) Output() io.Writer           { return os.Stderr }
func (s *stage) Cleanup(end func())        { s.ends = append(s.ends, end) }
func (*stage) Fatal(args ...any)           { panic(fmt.Sprint(args...)) }
func (*stage) Errorf(f string, a ...any)   { panic(fmt.Sprintf(f, a...)) }
func (s *stage) Fatalf(f string, a ...any) { s.Errorf(f, a...) }

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "sekisho-client-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestMain(m *testing.M) {
	s := &stage{}
	h := housetest.House(s)
	k := h.People(s)
	server, token, org = h.URL(), tokenOf(s, h, k.Chika, k.Org, "people.read"), string(k.Org)
	code := m.Run()
	for _, end := range slices.Backward(s.ends) {
		end()
	}
	os.Exit(code)
}

// This reads the members of an organization, page by page, and shows what a
// refusal looks like.
func Example() {
	ctx := context.Background()
	c, err := client.New(server, token)
	if err != nil {
		fmt.Println(err)
		return
	}
	active := client.ListMembersParamsStateActive
	for member, err := range c.EachListMembers(ctx, org, &client.ListMembersParams{State: &active}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(member.Login, member.Roles)
	}

	_, err = c.AddGroup(ctx, org, client.AddGroupRequest{Name: "sales"})
	var problem *client.Problem
	if errors.As(err, &problem) {
		fmt.Println(problem.Status, problem.Code)
	}
	// Unordered output:
	// aoi [user]
	// botan [user]
	// chika [administrator operator]
	// daichi []
	// 403 not-permitted
}
