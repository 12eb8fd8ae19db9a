package totp

import (
	"fmt"
	"html"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// quiet is the white margin that readers need, in modules (ISO/IEC 18004 §6.3.8).
const quiet = 4

// Picture returns the text as a QR code: one inline SVG, safe to stand in a page
// as it is, without style attributes, scripts or addresses. A module is one unit
// of its viewBox, so that the page gives it its size by class. It is black on
// white in dark pages too, because not every camera reads the negative. title
// names it for whoever hears the page; it never holds the secret.
//
// The markup shows the secret to whoever has it. A text that no QR code holds
// (about 2,300 bytes) is the fault totp-label-too-long.
func Picture(text secret.Text, title string) (string, error) {
	code, err := qr.Encode(text.Reveal(), qr.M, qr.Auto)
	if err != nil {
		return "", fault.New(fault.Invalid, "totp-label-too-long") // the library's error may quote the text
	}
	size := code.Bounds().Dx()
	whole := size + 2*quiet
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="qr" viewBox="0 0 %[1]d %[1]d" role="img" shape-rendering="crispEdges"><title>%[2]s</title><rect width="%[1]d" height="%[1]d" fill="#fff"/><path fill="#000" d="%[3]s"/></svg>`,
		whole, html.EscapeString(title), path(code, size)), nil
}

// path draws each run of dark modules in a row as one rectangle.
func path(code barcode.Barcode, size int) string {
	var b strings.Builder
	for y := range size {
		for x := 0; x < size; {
			run := 0
			for x+run < size && dark(code, x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
			}
			x += run + 1
		}
	}
	return b.String()
}

func dark(code barcode.Barcode, x, y int) bool {
	r, _, _, _ := code.At(x, y).RGBA()
	return r == 0
}
