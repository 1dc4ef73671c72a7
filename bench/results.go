package main

import (
	"slices"
	"strings"
)

// row is one line of the report.
type row struct{ workload, metric string }

// more says whether a larger number is the better one.
func (r row) more() bool { return strings.HasSuffix(r.metric, "/s") }

// results are the numbers of all rounds.
type results struct {
	rows   []row // in the order in which they came
	values map[row]map[string][]float64
}

func (r *results) add(workload, metric, peer string, value float64) {
	at := row{workload, metric}
	if r.values == nil {
		r.values = make(map[row]map[string][]float64)
	}
	if r.values[at] == nil {
		r.values[at] = make(map[string][]float64)
		r.rows = append(r.rows, at)
	}
	r.values[at][peer] = append(r.values[at][peer], value)
}

// median of a peer's values, and whether there are any.
func (r *results) median(at row, peer string) (float64, bool) {
	values := r.values[at][peer]
	if len(values) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid], true
	}
	return (sorted[mid-1] + sorted[mid]) / 2, true
}

// times is how many times better ours is than a peer.
func (r *results) times(at row, peer string) (float64, bool) {
	mine, ok := r.median(at, ours)
	theirs, there := r.median(at, peer)
	if !ok || !there || mine == 0 || theirs == 0 {
		return 0, false
	}
	return at.times(mine, theirs), true
}

// times is how many times better mine is.
func (r row) times(mine, theirs float64) float64 {
	if r.more() {
		return mine / theirs
	}
	return theirs / mine
}

// spread is the least and the most that times was in a single round.
func (r *results) spread(at row, peer string) (least, most float64) {
	mine, theirs := r.values[at][ours], r.values[at][peer]
	for i := range min(len(mine), len(theirs)) {
		times := at.times(mine[i], theirs[i])
		if i == 0 || times < least {
			least = times
		}
		most = max(most, times)
	}
	return least, most
}
