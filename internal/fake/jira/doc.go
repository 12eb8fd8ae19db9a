// Package jira plays Jira Service Management Cloud, for tests and for the demo:
// authorization with rotating refresh tokens, two sites under one address of the
// API, requests with approvals in stages, comments, transitions, issues with
// their properties, webhooks in both forms, and small pages of a customer
// portal. It is written from published behaviour; nothing in it knows the house.
//
// One address plays auth.atlassian.com (/authorize, /oauth/token),
// api.atlassian.com (/ex/jira/CLOUDID/rest/…) and the sites themselves
// (/SITE/rest/… with an e-mail and an API token, and the pages).
//
// Read first: jira.go (New, Switches), then api.go and approval.go.
package jira
