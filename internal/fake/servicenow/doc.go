// Package servicenow plays a ServiceNow instance, for tests and for the demo:
// the Table API with encoded queries, the service catalog with its cart, OAuth,
// approvals with the workflow that turns the decision on a row into the approval
// of its request, and small pages on which a person orders, decides and sees
// what came of it. It is written from published behaviour; nothing in it knows
// the house.
//
// Two facts are kept apart as they are over there: the state of an approver's
// row (sysapproval_approver) and the field approval of the request (sc_request),
// which a workflow sets a while later.
//
// Read first: servicenow.go (New, Switches), then api.go and workflow.go.
package servicenow
