package report

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
)

// page needs nothing but itself: no script, no font, no picture from elsewhere.
var page = template.Must(template.New("page").Funcs(template.FuncMap{"verdict": verdict}).Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Stylised facts: {{.Preset}}, seed {{.Seed}}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; background: #fff }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; vertical-align: top; border-bottom: 1px solid #d8dee4 }
td.n { text-align: right }
.pass { color: #11632a } .FAIL { color: #b3001b; font-weight: 600 }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(34rem, 1fr)); gap: 1.5rem; margin-top: 2rem }
figure { margin: 0 } svg { width: 100%; height: auto }
code { overflow-wrap: anywhere }
@media (max-width: 40rem) { .plots { grid-template-columns: 1fr } }
</style>
<h1>Stylised facts of a simulated market</h1>
<p>Preset {{.Preset}}, seed {{.Seed}}, {{.Symbols}} symbols, {{.Events}} events; everything is simulated.
<b>{{.Passed}} of {{len .Facts}} pass</b>; a spread of one tick {{printf "%.1f" .OneTickPercent}} % of the time.<br>
Tape <code>{{.Tape}}</code></p>
<table>
<thead><tr><th>Fact<th>Number<th>Value<th>Demanded<th>Real AAPL hour<th>Verdict</thead>
<tbody>
{{- range .Facts}}{{$row := .}}{{range $i, $v := .Values}}
<tr><td>{{if eq $i 0}}{{$row.Name}}{{end}}<td>{{$v.Name}}<td class="n">{{$v.Value}}<td>{{$v.Range}}<td>{{if eq $i 0}}{{$row.Reference}}{{end}}<td class="{{verdict $v.Pass}}">{{verdict $v.Pass}}
{{- end}}{{end}}
</tbody>
</table>
<div class="plots">
{{- range .Plots}}
<figure role="img" aria-label="{{.Title}}">{{.SVG}}</figure>
{{- end}}
</div>
</html>
`))

type pageData struct {
	*Report
	OneTickPercent float64
	Plots          []picture
}

// picture is a plot as inline SVG, made by the plotting library.
type picture struct {
	Title string
	SVG   template.HTML
}

// WriteHTML writes the report as a page with pictures.
func (r *Report) WriteHTML(w io.Writer) error {
	data := pageData{Report: r, OneTickPercent: 100 * r.OneTick}
	for _, draw := range []func() (*figure, error){
		r.price, r.spread, r.volume, r.returns, r.autocorrelations, r.bookShape, r.gaps, r.lifetimes,
	} {
		f, err := draw()
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		svg, err := f.svg()
		if err != nil {
			return fmt.Errorf("report: plot %s: %w", f.title, err)
		}
		data.Plots = append(data.Plots, picture{f.title, svg})
	}
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := w.Write(out.Bytes())
	return err
}
