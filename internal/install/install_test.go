package install

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"coglet/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What pip 24 and uv 0.9 said when these were tried.
const (
	pipNone = `Collecting tqdm
ERROR: Could not find a version that satisfies the requirement nosuch-package==1.0 (from versions: none)
ERROR: No matching distribution found for nosuch-package==1.0`
	pipIndirect = `ERROR: Could not find a version that satisfies the requirement deeper>=3 (from listed) (from versions: 1.0, 2.0)
ERROR: No matching distribution found for deeper>=3 (from listed)`
	pipConflict = `ERROR: Cannot install tqdm==4.66 and tqdm==4.67.1 because these package versions have conflicting dependencies.`
	pipInvalid  = `ERROR: Invalid requirement: 'foo bar': Expected end or semicolon (after name and no valid version specifier)
    foo bar
        ^ (from line 1 of packages.txt)`
	pipFull    = `ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device`
	pipOffline = `WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<pip._vendor>: Failed to establish a new connection: [Errno 111] Connection refused')': /simple/tqdm/
ERROR: Could not find a version that satisfies the requirement tqdm (from versions: none)`
	pipBuild = `  Building wheel for broken (setup.py): finished with status 'error'
  ERROR: Failed building wheel for broken
ERROR: Failed to build installable wheels for some pyproject.toml based projects (broken)`
	uvNone = `  × No solution found when resolving dependencies:
  ╰─▶ Because nosuch-package was not found in the package registry and you
      require nosuch-package==1.0, we can conclude that your requirements are
      unsatisfiable.`
	uvVersion = `  × No solution found when resolving dependencies:
  ╰─▶ Because there is no version of tqdm==999.1 and you require tqdm==999.1,
      we can conclude that your requirements are unsatisfiable.`
	uvConflict = `  × No solution found when resolving dependencies:
  ╰─▶ Because you require tqdm==4.67.1 and tqdm==4.66, we can conclude that
      your requirements are unsatisfiable.`
	uvFull = `error: Failed to write to the client cache
  Caused by: No space left on device (os error 28)`
)

func TestFailuresNameTheRequirementInOneLine(t *testing.T) {
	for name, tc := range map[string]struct{ tail, want string }{
		"no such package":     {pipNone, `cannot install "nosuch-package==1.0" (cog.yaml:3:7)`},
		"needed by another":   {pipIndirect, `cannot install "deeper>=3", which another package needs,`},
		"conflict":            {pipConflict, `tqdm==4.66 and tqdm==4.67.1 want versions`},
		"no requirement":      {pipInvalid, `"foo bar" (requirements.txt:2) is no requirement`},
		"disk full":           {pipFull, `the disk that holds /cache is full`},
		"offline":             {pipOffline, `cannot reach the package index`},
		"build":               {pipBuild, `cannot install "Broken" (cog.yaml:5:7): it has no ready-made wheel`},
		"uv: no such package": {uvNone, `cannot install "nosuch-package==1.0" (cog.yaml:3:7)`},
		"uv: no such version": {uvVersion, `cannot install "tqdm==999.1" (cog.yaml:4:7)`},
		"uv: conflict":        {uvConflict, `exclude each other: because you require tqdm==4.67.1 and tqdm==4.66`},
		"uv: disk full":       {uvFull, `the disk that holds /cache is full`},
		"nothing is known":    {"Segmentation fault", `pip ended with exit status 9: Segmentation fault`},
		"nothing at all":      {"", `pip ended with exit status 9`},
	} {
		var out bytes.Buffer
		m := &maker{log: newProgress(&out, false), tool: tool{name: "pip"}, base: interpreter{version: "3.12.1"}, cfg: Config{
			Recipe: config.Recipe{Home: "/cache", Lines: []config.Requirement{
				{Text: "nosuch-package==1.0", At: "cog.yaml:3:7"},
				{Text: "tqdm==999.1", At: "cog.yaml:4:7"},
				{Text: "Broken", At: "cog.yaml:5:7"},
				{Text: "foo bar", At: "requirements.txt:2"},
			}},
		}}
		err := m.explain(context.Background(), tc.tail, errors.New("exit status 9"))
		if !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestPackageFileReadsAsPipWantsIt(t *testing.T) {
	got := packageFile(config.Recipe{Dir: "/model", Packages: []string{
		"torch==2.8.0 --extra-index-url https://x/whl -f https://y", "numpy", "-e ./lib", "./wheels/a.whl",
		"git+https://z/r", "--pre", "-c constraints.txt",
	}})
	want := `torch==2.8.0
--extra-index-url https://x/whl
-f https://y
numpy
-e /model/lib
/model/wheels/a.whl
git+https://z/r
--pre
-c /model/constraints.txt
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestVersionsThatFit(t *testing.T) {
	for _, tc := range []struct {
		version, want string
		fits          bool
	}{
		{"3.11.7", "", true},
		{"3.11.7", "3.11", true},
		{"3.11.7", "3.11.7", true},
		{"3.11.7", "3", true},
		{"3.11.7", "3.1", false},
		{"3.11.7", "3.11.8", false},
		{"3.8.1", "", false},
		{"2.7.18", "2.7", false},
		{"nonsense", "", false},
	} {
		if err := fits(tc.version, tc.want, "python"); (err == nil) != tc.fits {
			t.Errorf("%q for %q: %v", tc.version, tc.want, err)
		}
	}
}

// TestATerminalCountsWhatHasArrived below the plain lines, and is left clean.
func TestATerminalCountsWhatHasArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "wheel"), make([]byte, 1_500_000), 0o644); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		p := newProgress(&out, true)
		stop := p.count(dir)
		time.Sleep(countEvery + time.Millisecond)
		synctest.Wait()
		p.say("Fetching %s", "a-1.whl")
		time.Sleep(time.Second)
		synctest.Wait()
		stop()
		stop()
		const clean = "\r\x1b[K"
		if want := "  1.5 MB, 0s" + clean + "Fetching a-1.whl\n"; !strings.HasPrefix(out.String(), want) {
			t.Errorf("%q, want %q first", out.String(), want)
		}
		if !strings.Contains(out.String(), "  1.5 MB, 1s") || !strings.HasSuffix(out.String(), clean) {
			t.Errorf("%q", out.String())
		}
	})
}

func TestPlainLinesOfWhatIsFetched(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, false)
	said := &lines{to: p.tool}
	for _, piece := range []string{
		"Collecting a\n  Downloading a-1.wh", "l (78 kB)\r\n", "noise\n  Using cached b-2.whl (1 kB)\n",
		"  Building wheel for c (setup.py): started\nInstalling collected packages: a, b\n + tqdm==4.67.1\nlast",
	} {
		if _, err := said.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	said.flush()
	want := "Fetching a-1.whl (78 kB)\nCached   b-2.whl (1 kB)\nBuilding c\nInstalling a, b\nInstalled tqdm 4.67.1\n"
	if out.String() != want || !strings.HasSuffix(said.tail(), "tqdm==4.67.1\nlast") {
		t.Errorf("%q, tail %q", out.String(), said.tail())
	}
}
