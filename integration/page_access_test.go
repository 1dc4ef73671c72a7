package integration

import (
	"encoding/json"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestPageByKeyboard(t *testing.T) {
	p := playground(t)
	p.do(chromedp.Focus(chromedp.CSS(within("text", "textarea"))))
	reached := map[string]bool{}
	for range 60 {
		p.do(chromedp.KeyEvent(kb.Tab))
		reached[eval[string](p, `document.activeElement.closest("[data-name]")?.dataset.name ?? document.activeElement.id`)] = true
	}
	for _, name := range []string{"n", "strength", "seed", "loud", "style", "image", "files", "tags", "key", "options", "either", "note", "run", "tab-curl", "snippet"} {
		if !reached[name] {
			t.Errorf("Tab never came to %q", name)
		}
	}
	// Ctrl+Enter runs from within a field, and a screen reader is told how it ended
	p.do(chromedp.Focus(chromedp.CSS(within("text", "textarea"))), chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(kb.ModifierCtrl)))
	p.untilStatus("succeeded")
	p.until(`document.querySelector("#live").textContent === "Succeeded"`)
	p.do(chromedp.Focus(chromedp.CSS("#tab-curl")), chromedp.KeyEvent(kb.ArrowRight))
	p.until(`document.activeElement.id === "tab-Python" && document.querySelector("#snippet").textContent.startsWith("import json")`)
}

// TestPageIsNamed asks the browser what it tells a screen reader: everything that can be used has a name.
func TestPageIsNamed(t *testing.T) {
	p := playground(t)
	p.run("succeeded")
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	usable := map[string]bool{
		"textbox": true, "spinbutton": true, "slider": true, "checkbox": true, "switch": true, "combobox": true, "button": true,
		"radio": true, "link": true, "tab": true, "group": true, "log": true,
	}
	counts := map[string]int{}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role, name := axText(node.Role), axText(node.Name)
		if !usable[role] {
			continue
		}
		counts[role]++
		if name == "" && role != "group" {
			t.Errorf("a %s without a name: %s", role, asJSON(t, node.Properties))
		}
	}
	if spoken := eval[int](p, `[...document.querySelectorAll("[role=log]")].filter((e) => e.ariaLive !== "off").length`); spoken > 0 {
		t.Errorf("%d logs would be read out line by line", spoken)
	}
	for _, role := range []string{"textbox", "spinbutton", "slider", "switch", "combobox", "button", "radio", "tab", "log"} {
		if counts[role] == 0 {
			t.Errorf("no %s in the tree: %v", role, counts)
		}
	}
}

func axText(v *accessibility.Value) (text string) {
	if v != nil {
		_ = json.Unmarshal(v.Value, &text) // a value that is no text is no name
	}
	return text
}

// faintTexts lists texts whose contrast with what is behind them is less than the 4.5 that WCAG asks for.
const faintTexts = `(() => {
	const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
		.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const colour = parts(getComputedStyle(e).backgroundColor);
			if (colour.length === 3 || colour[3] === 1) return colour;
		}
		return [255, 255, 255];
	};
	const found = [];
	for (const e of document.body.querySelectorAll("*")) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== "");
		if (!own || !e.checkVisibility() || e.closest(":disabled, .offscreen, option")) continue;
		const [a, b] = [light(parts(getComputedStyle(e).color)), light(behind(e))];
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) found.push(e.textContent.trim().slice(0, 30) + " " + contrast.toFixed(1));
	}
	return found.join(", ");
})()`

func TestPageFitsAPhoneAndTheDark(t *testing.T) {
	s := ready(t, "playground", launch{})
	for _, scheme := range []string{"light", "dark"} {
		t.Run(scheme, func(t *testing.T) {
			feature := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
			p := browse(t, s, "/", resize(390, 844),
				call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: feature}))
			p.untilForm()
			p.choose(within("do", "select"), "media")
			p.run("succeeded")
			if wide := eval[int](p, `document.documentElement.scrollWidth`); wide > 390 {
				t.Errorf("the page is %d pixels wide", wide)
			}
			back := eval[int](p, `Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0])`)
			if (scheme == "dark") != (back < 128) {
				t.Errorf("background %d when %s is preferred", back, scheme)
			}
			p.choose(within("do", "select"), "fail")
			p.run("failed")
			if faint := eval[string](p, faintTexts); faint != "" {
				t.Errorf("hard to read: %s", faint)
			}
		})
	}
}
