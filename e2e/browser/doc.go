// Package browser walks through the house with a real Chromium: journeys by
// name, and laws that hold on every page.
package browser
