package report

import (
	"bytes"
	"html/template"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"tickcast/marketsim"
)

// figure is a plot in the making.
type figure struct {
	title string
	p     *plot.Plot
	lines int
}

// colours of the lines of a plot, told apart in grey as well.
var colours = [...]color.RGBA{{R: 9, G: 80, B: 160, A: 255}, {R: 205, G: 92, B: 8, A: 255}, {R: 110, G: 119, B: 129, A: 255}}

// pointsMax bounds a line: more cannot be seen.
const pointsMax = 1500

func newFigure(title, x, y string) *figure {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Legend.Top = true
	return &figure{title: title, p: p}
}

// logarithmic makes the axes logarithmic; what is not positive is left out by
// line.
func (f *figure) logarithmic(x, y bool) *figure {
	if x {
		f.p.X.Scale, f.p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: 2}
	}
	if y {
		f.p.Y.Scale, f.p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: 2}
	}
	return f
}

// line adds a line; name is for the legend, "" for none.
func (f *figure) line(name string, points plotter.XYs) error {
	_, logX := f.p.X.Scale.(plot.LogScale)
	_, logY := f.p.Y.Scale.(plot.LogScale)
	kept := points[:0:0]
	every := len(points)/pointsMax + 1
	for i, p := range points {
		if i%every == 0 && finite(p.X) && finite(p.Y) && (p.X > 0 || !logX) && (p.Y > 0 || !logY) {
			kept = append(kept, p)
		}
	}
	if len(kept) < 2 {
		return nil // a short tape has nothing to show here
	}
	l, err := plotter.NewLine(kept)
	if err != nil {
		return err
	}
	l.Color = colours[f.lines%len(colours)]
	l.Width = vg.Points(1.2)
	f.lines++
	f.p.Add(l)
	if name != "" {
		f.p.Legend.Add(name, l)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// svg draws the figure.
func (f *figure) svg() (template.HTML, error) {
	if f.lines == 0 {
		// A logarithmic axis needs something positive.
		f.p.X.Scale, f.p.Y.Scale = plot.LinearScale{}, plot.LinearScale{}
		f.p.X.Tick.Marker, f.p.Y.Tick.Marker = plot.DefaultTicks{}, plot.DefaultTicks{}
		f.p.Title.Text = f.title + " (the tape is too short)"
	}
	w, err := f.p.WriterTo(16*vg.Centimeter, 9*vg.Centimeter, "svg")
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		return "", err
	}
	// Inline SVG has neither an XML declaration nor a comment before it.
	svg := out.Bytes()
	if i := bytes.Index(svg, []byte("<svg")); i > 0 {
		svg = svg[i:]
	}
	return template.HTML(svg), nil // our numbers and the library's elements only
}

func seconds(ys []float64) plotter.XYs {
	points := make(plotter.XYs, len(ys))
	for i, y := range ys {
		points[i] = plotter.XY{X: float64(i+1) / 3600, Y: y}
	}
	return points
}

func (r *Report) price() (*figure, error) {
	f := newFigure("Price", "market time, h", "mid, ticks")
	return f, f.line("", seconds(r.series.Mids))
}

func (r *Report) spread() (*figure, error) {
	f := newFigure("Spread", "market time, h", "ticks, mean of a minute")
	return f, f.line("", minutes(r.series.Spreads, 1.0/60))
}

func (r *Report) volume() (*figure, error) {
	f := newFigure("Volume", "market time, h", "traded a minute, smallest units")
	return f, f.line("", minutes(r.series.Volumes, 1))
}

// minutes sums a series over minutes, times a factor.
func minutes(xs []float64, factor float64) plotter.XYs {
	var points plotter.XYs
	for i := 60; i <= len(xs); i += 60 {
		total := 0.0
		for _, x := range xs[i-60 : i] {
			total += x
		}
		points = append(points, plotter.XY{X: float64(i) / 3600, Y: total * factor})
	}
	return points
}

// returns draws the distribution's tail against that of a normal one.
func (r *Report) returns() (*figure, error) {
	f := newFigure("Returns: share beyond x deviations", "|return| / deviation", "share").logarithmic(true, true)
	for i, step := range [...]int{1, 10} {
		rs := r.series.Returns(step)
		scale := deviation(rs)
		var points plotter.XYs
		for _, e := range marketsim.Exceedances(rs) {
			points = append(points, plotter.XY{X: e.X / scale, Y: e.Share})
		}
		if err := f.line([...]string{"1 s", "10 s"}[i], points); err != nil {
			return nil, err
		}
	}
	var normal plotter.XYs
	for x := 0.3; x < 4.5; x += 0.1 {
		normal = append(normal, plotter.XY{X: x, Y: math.Erfc(x / math.Sqrt2)})
	}
	if f.lines == 0 {
		return f, nil
	}
	return f, f.line("normal", normal)
}

func deviation(xs []float64) float64 {
	square := 0.0
	for _, x := range xs {
		square += x * x
	}
	return math.Sqrt(square / float64(max(len(xs), 1)))
}

const lagsMax = 100

func (r *Report) autocorrelations() (*figure, error) {
	f := newFigure("Autocorrelations", "lag: seconds, for signs trades", "autocorrelation")
	rs := r.series.Returns(1)
	abs := make([]float64, len(rs))
	for i, x := range rs {
		abs[i] = math.Abs(x)
	}
	names := [...]string{"|return| 1 s", "signs of aggressors", "return 1 s"}
	for i, xs := range [...][]float64{abs, r.series.Signs, rs} {
		var points plotter.XYs
		for lag := 1; lag <= lagsMax; lag++ {
			points = append(points, plotter.XY{X: float64(lag), Y: marketsim.Autocorrelation(xs, lag)})
		}
		if err := f.line(names[i], points); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (r *Report) bookShape() (*figure, error) {
	f := newFigure("Book: mean volume of a side", "ticks from the best price", "of the greatest")
	var points plotter.XYs
	for i, qty := range r.series.Shape {
		points = append(points, plotter.XY{X: float64(i), Y: qty})
	}
	return f, f.line("", points)
}

func (r *Report) gaps() (*figure, error) {
	return exceedance("Between events: share longer than x", r.series.Gaps)
}

func (r *Report) lifetimes() (*figure, error) {
	return exceedance("Lifetimes of cancelled orders: share longer than x", r.series.Lifetimes)
}

func exceedance(title string, of []marketsim.Exceedance) (*figure, error) {
	f := newFigure(title, "s", "share").logarithmic(true, true)
	var points plotter.XYs
	for _, e := range of {
		points = append(points, plotter.XY{X: e.X, Y: e.Share})
	}
	return f, f.line("", points)
}
