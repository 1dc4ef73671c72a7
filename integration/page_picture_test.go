package integration

import (
	"bytes"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// landscape draws the picture that the playground is shown with: flat colours, which make a small file.
const landscape = `import sys
from PIL import Image, ImageDraw

image = Image.new("RGB", (640, 400), "#8ecae6")
pen = ImageDraw.Draw(image)
pen.ellipse((430, 50, 510, 130), fill="#ffd166")
for colour, ridge in (
    ("#6a9fb5", (0, 260, 120, 130, 230, 240, 340, 110, 470, 250, 560, 180, 640, 230)),
    ("#3d7068", (0, 300, 90, 250, 220, 310, 360, 230, 520, 320, 640, 270)),
    ("#22443a", (0, 350, 160, 320, 330, 365, 500, 330, 640, 360)),
):
    pen.polygon([*zip(ridge[::2], ridge[1::2]), (640, 400), (0, 400)], fill=colour)
image.save(sys.argv[1])`

// TestPageShowsAPictureAndWhatBecameOfIt is what the README shows: make pictures saves the page as docs/playground.png.
func TestPageShowsAPictureAndWhatBecameOfIt(t *testing.T) {
	python := venv(t, "libs")
	drawn := filepath.Join(t.TempDir(), "mountains.png")
	if out, err := exec.Command(python, "-c", landscape, drawn).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := ready(t, "", launch{dir: example("image"), python: python})
	p := browse(t, s, "/", resize(1280, 840))
	p.untilForm()
	p.do(chromedp.SetUploadFiles(chromedp.CSS(within("image", "input[type=file]")), []string{drawn}))
	p.until(`document.querySelector('[data-name="image"] .thumb')?.naturalWidth === 640`)
	p.run("succeeded")
	p.until(`document.querySelector("#result .output img")?.naturalWidth === 640`)
	p.until(`document.querySelector("#health").dataset.status === "READY"`)
	eval[chromedp.Void](p, `scrollTo(0, 0)`)
	p.drawn()
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil || img.Bounds().Dx() != 1280 {
		t.Fatalf("%v %v", img, err)
	}
	dir := os.Getenv("COGLET_PICTURES")
	if dir == "" {
		return
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "playground.png"), small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
