// Package e2e tells the stories of the house with the real binary, on both
// engines: testdata/script/NAME.txt, and its dark twin NAME_refused.txt with
// everything that must not happen. What the scripts may say beside the usual
// commands of testscript stands in verbs_test.go.
package e2e
