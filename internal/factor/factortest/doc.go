// Package factortest is the other side of a sign-in for tests: a browser with
// an authenticator that answers the options of a ceremony as both would, and
// that lies about any part of it when it is told to; and a house with people in which all of signing in is tried.
package factortest
