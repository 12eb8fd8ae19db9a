// Package meter counts and times what the house does. It is the only importer
// of prometheus; everything else holds one of its plain types. Nothing here is
// reachable on the public listener: /metrics has its own.
package meter

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Set is the metrics of one house. The zero value is not usable; New makes one.
type Set struct{ registry *prometheus.Registry }

// New returns a set with the process's and Go's own metrics.
func New() *Set {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Set{registry: registry}
}

// Handler serves the set in the Prometheus text format.
func (s *Set) Handler() http.Handler { return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}) }

// Counter counts events, by labels.
type Counter struct{ vec *prometheus.CounterVec }

// Counter makes a counter named sekisho_NAME_total.
func (s *Set) Counter(name, help string, labels ...string) *Counter {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sekisho", Name: name + "_total", Help: help}, labels)
	s.registry.MustRegister(vec)
	return &Counter{vec}
}

// Add adds n for the label values.
func (c *Counter) Add(n float64, labels ...string) { c.vec.WithLabelValues(labels...).Add(n) }

// Gauge is a value that goes up and down, read when it is scraped.
func (s *Set) Gauge(name, help string, read func() float64) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "sekisho", Name: name, Help: help}, read))
}

// Timer is a distribution of durations in seconds, by labels.
type Timer struct{ vec *prometheus.HistogramVec }

// Timer makes a timer named sekisho_NAME_seconds.
func (s *Set) Timer(name, help string, labels ...string) *Timer {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "sekisho", Name: name + "_seconds", Help: help,
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, labels)
	s.registry.MustRegister(vec)
	return &Timer{vec}
}

// Observe notes one duration in seconds.
func (t *Timer) Observe(seconds float64, labels ...string) {
	t.vec.WithLabelValues(labels...).Observe(seconds)
}
