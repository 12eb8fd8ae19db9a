package ui

import (
	"context"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/words"
)

// Chart is figures over stretches of time: a picture, and the table behind it.
// Every series is told by a pattern or a dash and its name, not by colour alone.
type Chart struct {
	ID        string // unique on the page: a name of lower-case letters and dashes
	Title     string
	About     string // what a reader who does not see the picture should know
	Along     string // what the stretches are ("Hour"): the table's first column
	Stretches []Stretch
	Series    []Series // at most four; those of bars stand on each other, the first at the bottom
}

// Stretch is one place along a chart.
type Stretch struct {
	Text string // whole: "21 Nov, 14:00"
	Tick string // below the picture; "" for none
}

// Series is one figure for each stretch; Hrefs say where a figure's records
// are, and may be nil.
type Series struct {
	Name   string
	Values []int64
	Hrefs  []string
}

// Rank is one line of a list of figures, each with a bar as long as its share.
type Rank struct {
	Text, Href string
	N          int64
}

// Tile is one figure in large type, with its course if there is one.
type Tile struct {
	Name, Value, Note, Href string
	Course                  []int64
}

// The picture's measures, in its own units: about a pixel each where it is
// narrow.
const (
	chartWide, chartHigh = 400, 210
	plotLeft, plotRight  = 38, 396
	plotTop, plotBottom  = 10, 178
)

// top is the figure at the upper edge: the greatest, rounded up to 1, 2 or 5
// with zeros, so that half of it is worth saying.
func (c Chart) top(stacked bool) int64 {
	most := int64(1)
	for i := range c.Stretches {
		sum := int64(0)
		for _, s := range c.Series {
			if stacked {
				sum += s.Values[i]
			} else {
				sum = max(sum, s.Values[i])
			}
		}
		most = max(most, sum)
	}
	if most <= 2 {
		return 2
	}
	for unit := int64(1); unit < 1<<60; unit *= 10 {
		for _, m := range [...]int64{2, 4, 5, 10} {
			if unit*m >= most {
				return unit * m
			}
		}
	}
	return most
}

// bar is a rectangle of the picture.
type bar struct {
	x, y, width, height string
	series              int
}

// bars are the rectangles of one stretch, from the bottom up. What is not zero
// is never so low that it cannot be seen.
func (c Chart) bars(i int) (all []bar) {
	slot := float64(plotRight-plotLeft) / float64(len(c.Stretches))
	gap := min(6, slot/4)
	at, top := float64(plotBottom), c.top(true)
	for n, s := range c.Series {
		if s.Values[i] == 0 {
			continue
		}
		height := max(1.5, float64(s.Values[i])/float64(top)*(plotBottom-plotTop))
		at -= height
		all = append(all, bar{
			x: unit(plotLeft + slot*float64(i) + gap/2), y: unit(at), width: unit(slot - gap), height: unit(height), series: n,
		})
	}
	return all
}

// slot is where a stretch begins and how wide it is.
func (c Chart) slot(i int) (x, width string) {
	slot := float64(plotRight-plotLeft) / float64(len(c.Stretches))
	return unit(plotLeft + slot*float64(i)), unit(slot)
}

// pattern names what is drawn over a series, for those to whom colours look
// alike.
func (c Chart) pattern(series int) string { return c.ID + "-" + strconv.Itoa(series) }

// anchor keeps the first and the last label inside the picture.
func (c Chart) anchor(i int) string {
	switch i {
	case 0:
		return "start"
	case len(c.Stretches) - 1:
		return "end"
	}
	return "middle"
}

func (c Chart) middle(i int) float64 {
	slot := float64(plotRight-plotLeft) / float64(len(c.Stretches))
	return plotLeft + slot*(float64(i)+0.5)
}

// line are the points of a series.
func (c Chart) line(s Series) string {
	var b strings.Builder
	top := c.top(false)
	for i, n := range s.Values {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(unit(c.middle(i)) + "," + unit(plotBottom-float64(n)/float64(top)*(plotBottom-plotTop)))
	}
	return b.String()
}

// said is what a stretch reads as: "21 Nov: Signed in 4, Refused 1".
func (c Chart) said(ctx context.Context, i int) string {
	var parts []string
	for _, s := range c.Series {
		parts = append(parts, s.Name+" "+Number(ctx, s.Values[i]))
	}
	return c.Stretches[i].Text + ": " + strings.Join(parts, Say(ctx, "web.chart.and"))
}

// leads is where a click on a stretch goes: to the records of the first series
// that has some.
func (c Chart) leads(i int) string {
	for _, s := range c.Series {
		if s.Values[i] > 0 && i < len(s.Hrefs) && s.Hrefs[i] != "" {
			return s.Hrefs[i]
		}
	}
	return ""
}

func (c Chart) columns() []string {
	all := []string{c.Along}
	for _, s := range c.Series {
		all = append(all, s.Name)
	}
	return all
}

// rows are the table behind the picture, the latest first.
func (c Chart) rows(ctx context.Context) (all []Row) {
	for i := len(c.Stretches) - 1; i >= 0; i-- {
		cells := []templ.Component{Text(c.Stretches[i].Text)}
		for _, s := range c.Series {
			href := ""
			if i < len(s.Hrefs) && s.Values[i] > 0 {
				href = s.Hrefs[i]
			}
			cells = append(cells, figure(Number(ctx, s.Values[i]), href))
		}
		all = append(all, Row{Cells: cells})
	}
	return all
}

func (c Chart) total(s Series) (sum int64) {
	for _, n := range s.Values {
		sum += n
	}
	return sum
}

// Number is a figure as people write it: 12,345.
func Number(_ context.Context, n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// short is a figure beside an axis, where there is little room.
func short(ctx context.Context, n int64) string {
	least, units := int64(10_000), []int64{1_000_000, 1000}
	if Of(ctx).Lang == words.Japanese {
		units = []int64{100_000_000, 10_000}
	}
	for i, key := range [...]string{"web.chart.huge", "web.chart.large"} {
		if n >= max(least, units[i]) {
			return Say(ctx, key, "n", strconv.FormatFloat(float64(n)/float64(units[i]), 'f', -1, 64))
		}
	}
	return strconv.FormatInt(n, 10)
}

func unit(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

func most(ranks []Rank) (n int64) {
	for _, r := range ranks {
		n = max(n, r.N)
	}
	return max(n, 1)
}

// spark are the points of a course, 100 units wide and 24 high.
func spark(course []int64) string {
	top := int64(1)
	for _, n := range course {
		top = max(top, n)
	}
	var b strings.Builder
	for i, n := range course {
		if i > 0 {
			b.WriteByte(' ')
		}
		x := float64(i) / float64(max(1, len(course)-1)) * 98
		b.WriteString(unit(1+x) + "," + unit(22-float64(n)/float64(top)*20))
	}
	return b.String()
}
