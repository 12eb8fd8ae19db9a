// Package client speaks the API of Sekisho: a method for each operation, made
// from the description that the house serves (openapi.json), and what those
// share: credentials, refusals as errors, and lists that are read page by page.
//
//	c, err := client.New("https://sekisho.example", token)
//	...
//	for member, err := range c.EachListMembers(ctx, org, nil) {
//		...
//	}
//
// What the house refuses is a *Problem, with a stable Code, all bad fields and
// the id of the request to quote to an operator:
//
//	var problem *client.Problem
//	if errors.As(err, &problem) && problem.Code == "version-conflict" {
//		...
//	}
//
// A pointer among the members of a request is optional: nil leaves it out, which
// in a change means that it stays as it is. A Client may be used by several
// goroutines at once.
package client

//go:generate go tool oapi-codegen -config oapi-codegen.yaml -o generated.go openapi.json
