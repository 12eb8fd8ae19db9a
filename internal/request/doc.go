// Package request is the hall: the life of an ask, from the question to the
// release and back. Anything that can be released can be asked for; a policy
// of the organization says who decides, in stages of groups; nobody decides
// about what they asked for or would get, in any channel and by any rule; and a
// decision counts for exactly what was shown (R5).
//
//	open → approved → released → over
//	    ↘ refused, withdrawn, expired, void
//
// Approved waits for the start that was asked for; without one the decision
// releases in its own write. Void is an ask whose approval no longer covers
// what would be released, or whose release was refused.
//
// Four doors are declared here and plugged by the house: Releaser (let the
// thing out), Asker (bring the question to somebody), Teller (say what was
// decided) and Rota (who is on call).
//
// Read first: ask.go (the ask), policy.go (who decides), decide.go (the one
// write that decides), sheet.go (what is shown and what its digest binds).
package request
