package integration

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// weaknesses names, for each weakness that the contract has noticed in other servers (section 22), the tests that
// would catch it here.
var weaknesses = map[string][]string{
	"W1 logs leak into the next":             {"integration/isolation_test.go:TestUnfinishedLineStaysWithItsPrediction", "integration/weaknesses_test.go:TestThreadThatIsLeftBehind"},
	"W2 metrics leak to a neighbour":         {"integration/death_test.go:TestConcurrentLogsAndMetricsDoNotCross"},
	"W3 decorated predictors":                {"python/tests/test_load.py:test_decorated_predictors", "python/tests/test_load.py:test_decorators_without_wraps", "integration/kinds_test.go:TestDecoratedAsyncPredictors", "integration/libraries_test.go:TestLibraries"},
	"W4 fd 0 is the control channel":         {"integration/isolation_test.go:TestChildThatReadsStdinGetsNothing"},
	"W5 async generators do not stream":      {"integration/kinds_test.go:TestAsyncGeneratorsStreamAsTheyYield"},
	"W6 failed and canceled without logs":    {"integration/kinds_test.go:TestGenerators"},
	"W7 cancelled by its text":               {"integration/death_test.go:TestExitsInAsyncCodeFailOnlyTheirPrediction"},
	"W8 the slot is free before the task":    {"integration/cancel_test.go:TestCancelOfAsyncPredictions"},
	"W9 cancel during a download":            {"integration/weaknesses_test.go:TestCancelDuringADownload"},
	"W10 missing file is success":            {"integration/files_test.go:TestFilesInAndOut", "integration/transfer_test.go:TestUploadsThatFailAndUploadsThatAreCanceled"},
	"W11 order of files":                     {"integration/weaknesses_test.go:TestListsOfFilesKeepTheirOrder", "integration/transfer_test.go:TestOutputsAreUploadedInOrderNestedOnesToo"},
	"W12 nested files are handled otherwise": {"integration/files_test.go:TestFilesInAndOut", "integration/transfer_test.go:TestOutputsAreUploadedInOrderNestedOnesToo"},
	"W13 arrays in arrays":                   {"integration/rows_outputs_test.go:TestWhatIsReturnedWinsOverWhatIsDeclared", "python/tests/test_encode.py:test_lists_are_told_from_single_values", "python/tests/test_libraries.py:test_arrays_are_lists_of_outputs"},
	"W14 a cycle kills the worker":           {"integration/rows_outputs_test.go:TestOutputsBecomeJSON", "python/tests/test_encode.py:test_errors_name_where", "integration/libraries_test.go:TestLibraries"},
	"W15 NaN and other types":                {"integration/rows_outputs_test.go:TestOutputsBecomeJSON", "python/tests/test_encode.py:test_nan_becomes_null_with_one_warning", "python/tests/test_encode.py:test_values", "python/tests/test_libraries.py:test_values"},
	"W16 files stay in /tmp":                 {"integration/files_test.go:TestFilesInAndOut", "integration/rows_inputs_test.go:TestInputsArriveAsDeclared", "python/tests/test_inputs.py:test_a_failed_fetch_leaves_no_file"},
	"W17 ids are paths":                      {"integration/bad_input_test.go:TestIdsAreNeverPaths"},
	"W18 setup timeout leaves the worker":    {"integration/death_test.go:TestSetupThatDoesNotSucceed"},
	"W19 healthcheck blocks":                 {"integration/weaknesses_test.go:TestSlowHealthcheckHoldsNothingUp", "integration/weaknesses_test.go:TestAsyncHealthcheck", "integration/routes_test.go:TestUserHealthcheck"},
	"W20 setup logs vanish":                  {"integration/death_test.go:TestSetupThatDoesNotSucceed", "integration/weaknesses_test.go:TestLastLinesOfSetupAreKept"},
	"W21 threads of setup and predict":       {"integration/kinds_test.go:TestSetupAndPredictShareTheMainThread", "integration/libraries_test.go:TestLibraries"},
	"W22 replaced sys.stdout":                {"integration/kinds_test.go:TestWhatUserCodeReplacesIsNoticed"},
	"W23 streams are not file-like":          {"python/tests/test_streams.py:test_streams_have_what_text_streams_have", "integration/isolation_test.go:TestEveryKindOfStreamIsCaptured"},
	"W24 a regex turns validation off":       {"integration/contract_test.go:TestInputsThatCogRefusesOrDrops", "python/tests/test_inputs.py:test_constraints_hold_for_each_item"},
	"W25 null and Any":                       {"integration/rows_inputs_test.go:TestInputsArriveAsDeclared", "integration/contract_test.go:TestInputsThatCogRefusesOrDrops"},
	"W26 Path arrives as str":                {"integration/rows_inputs_test.go:TestInputsArriveAsDeclared", "python/tests/test_inputs.py:test_files", "python/tests/test_inputs.py:test_urls_that_the_server_does_not_see_are_fetched_and_removed"},
	"W27 int and float":                      {"integration/rows_inputs_test.go:TestInputsArriveAsDeclared", "python/tests/test_inputs.py:test_values_arrive_as_declared", "python/tests/test_inputs.py:test_defaults_arrive_as_declared"},
	"W28 which python":                       {"integration/wheel_test.go:TestWheelReplacesTheServerOfCog", "integration/weaknesses_test.go:TestWorkerIsTheInterpreterThatWasNamed"},
	"W29 false means true":                   {"integration/weaknesses_test.go:TestAwaitExplicitShutdownAndHostNames"},
	"W30 misleading messages":                {"integration/death_test.go:TestSetupThatDoesNotSucceed", "integration/death_test.go:TestCrashLoopEndsDefunct"},
	"W31 @concurrent without effect":         {"integration/weaknesses_test.go:TestConcurrentDecoratorSetsTheSlots"},
	"W32 record_metric with None":            {"integration/rows_metrics_test.go:TestMetricsAreCogs", "python/tests/test_scope.py:test_values_and_modes"},
	"W33 memory per log line":                {"integration/large_test.go:TestLargeNumberOfPredictionsKeepsMemoryFlat"},
	"W34 a returned Secret":                  {"integration/rows_outputs_test.go:TestOutputsBecomeJSON", "python/tests/test_encode.py:test_secrets_are_masked", "integration/sdk_test.go:TestBundledAndRealSDK"},
}

func TestEveryWeaknessHasItsTest(t *testing.T) {
	if len(weaknesses) != 34 {
		t.Errorf("%d weaknesses, want W1 to W34", len(weaknesses))
	}
	testsExist(t, weaknesses)
}

// testsExist fails the test for each name, as file:function, that there is not.
func testsExist(t *testing.T, table map[string][]string) {
	t.Helper()
	for weakness, tests := range table {
		for _, test := range tests {
			file, name, _ := strings.Cut(test, ":")
			source, err := os.ReadFile(filepath.Join("..", file))
			if err != nil {
				t.Errorf("%s: %v", weakness, err)
			} else if !strings.Contains(string(source), "func "+name+"(") && !strings.Contains(string(source), "def "+name+"(") {
				t.Errorf("%s: %s has no %s", weakness, file, name)
			}
		}
	}
}

const leavesThread = `
import threading
from cog import BasePredictor
go, printed = threading.Event(), threading.Event()
def late():
    go.wait()
    print("from the first")
    printed.set()
class Predictor(BasePredictor):
    def predict(self, tag: str) -> str:
        if tag == "first":
            threading.Thread(target=late, daemon=True).start()
        else:
            go.set()
            printed.wait()
        print(tag)
        return tag
`

// W1: what a thread prints after its prediction has ended is not in the next one's logs.
func TestThreadThatIsLeftBehind(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, leavesThread)})
	s.succeeded(s.predict("tag", "first"))
	if a := s.predict("tag", "second"); a.str("logs") != "second\n" {
		t.Errorf("logs: %q", a.str("logs"))
	}
	s.until("the thread's line in the server's log", func() bool { return strings.Contains(s.logs(), "from the first") })
}

// W9: a cancel ends a download at once, and it is a cancel, not a failure.
func TestCancelDuringADownload(t *testing.T) {
	asked := make(chan struct{}, 1)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer slow.Close()
	s := ready(t, "files", launch{})
	id := s.run("how", "read", "image", slow.URL+"/slow.png")
	<-asked
	begin := time.Now()
	s.cancel(id)
	if a := s.await(id); a.str("status") != "canceled" {
		t.Errorf("%s", a.raw)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if left := s.predictionFolders(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

const listOfFiles = `
from typing import List
from cog import BasePredictor, Path
class Predictor(BasePredictor):
    def predict(self) -> List[Path]:
        paths = []
        for n, size in enumerate([3_000_000, 1, 100_000, 2]):
            path = Path(f"/tmp/coglet-test-order-{n}.txt")
            path.write_text(str(n) * size)
            paths.append(path)
        return paths
`

// W11: as far as files are in the answer itself.
func TestListsOfFilesKeepTheirOrder(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, listOfFiles)})
	out := s.succeeded(s.predict()).([]any)
	for n, size := range []int{3_000_000, 1, 100_000, 2} {
		if want := dataURL("text/plain", strings.Repeat(fmt.Sprint(n), size)); out[n] != want {
			t.Errorf("file %d is %.60v", n, out[n])
		}
	}
}

const slowHealth = `
import time
from cog import BasePredictor
class Predictor(BasePredictor):
    def predict(self, seconds: float) -> str:
        time.sleep(seconds)
        return "done"
    def healthcheck(self):
        print("checking")
        time.sleep(3)
        return True
`

// W19: neither predictions nor cancels wait for a healthcheck, not even where an async model has one that is not.
func TestSlowHealthcheckHoldsNothingUp(t *testing.T) {
	async := strings.NewReplacer("def predict", "async def predict", "time.sleep(seconds)", "await asyncio.sleep(seconds)", "import time", "import asyncio, time")
	for name, source := range map[string]string{"sync": slowHealth, "async": async.Replace(slowHealth)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testSlowHealthcheck(t, source)
		})
	}
}

func testSlowHealthcheck(t *testing.T, source string) {
	s := start(t, "", launch{dir: model(t, source)})
	s.until("READY in the log", func() bool { return strings.Contains(s.logs(), "worker ready") })
	checked := make(chan answer)
	go func() { checked <- s.health() }()
	s.until("the check", func() bool { return strings.Contains(s.logs(), "checking") })
	begin := time.Now()
	s.succeeded(s.predict("seconds", 0))
	id := s.run("seconds", 50)
	s.cancel(id)
	if a := s.await(id); a.str("status") != "canceled" {
		t.Errorf("%s", a.raw)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("prediction and cancel took %s", took)
	}
	if a := <-checked; a.str("status") != "READY" {
		t.Errorf("health: %s", a.raw)
	}
}

const asyncHealth = `
import asyncio
class Predictor:
    how = "good"
    async def predict(self, how: str) -> str:
        self.how = how
        return how
    async def healthcheck(self):
        if self.how == "raise": raise TimeoutError("the gpu's own")
        if self.how == "hang": await asyncio.sleep(3600)
        return {"good": True, "none": None, "zero": 0, "bad": False}[self.how]
`

// W19: of an async model too, and by type: only a check that takes too long has timed out.
func TestAsyncHealthcheck(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, asyncHealth)})
	for _, tc := range []struct{ how, status, err string }{
		{"none", "READY", ""},
		{"zero", "READY", ""},
		{"bad", "UNHEALTHY", "Healthcheck failed: user-defined healthcheck returned False"},
		{"raise", "UNHEALTHY", "Healthcheck failed: TimeoutError: the gpu's own"},
		{"hang", "UNHEALTHY", "Healthcheck failed: user-defined healthcheck timed out after 5.0 seconds"},
		{"good", "READY", ""},
	} {
		s.succeeded(s.predict("how", tc.how))
		if a := s.health(); a.str("status") != tc.status || a.str("user_healthcheck_error") != tc.err {
			t.Errorf("%s: %s", tc.how, a.raw)
		}
	}
}

// W20: what setup prints last is there when the server is ready.
func TestLastLinesOfSetupAreKept(t *testing.T) {
	s := ready(t, "", launch{dir: model(t, "import os\nclass Predictor:\n    def setup(self):\n"+
		"        for n in range(1000): print('line', n)\n        os.system('echo child')\n        print('the end', end='')\n"+
		"    def predict(self) -> str: ...\n")})
	if logs := s.setupLogs(); !strings.HasSuffix(logs, "line 999\nchild\nthe end") {
		t.Errorf("setup.logs ends with %q", logs[max(0, len(logs)-200):])
	}
}

// W28: PATH decides nothing.
func TestWorkerIsTheInterpreterThatWasNamed(t *testing.T) {
	source := "import sys\nclass Predictor:\n    def predict(self) -> str:\n        return sys.prefix\n"
	python := venv(t, "bundled")
	s := ready(t, "", launch{dir: model(t, source), python: python, env: []string{"PATH=/nonexistent"}})
	if out := s.succeeded(s.predict()); out != filepath.Dir(filepath.Dir(python)) {
		t.Errorf("sys.prefix: %v", out)
	}
}

// W29: false is false, and a host may have a name.
func TestAwaitExplicitShutdownAndHostNames(t *testing.T) {
	if _, err := net.LookupHost("localhost"); err != nil {
		t.Fatal(err)
	}
	s := start(t, "", launch{dir: model(t, tiny), flags: []string{"--await-explicit-shutdown=false", "--host", "localhost"}})
	s.untilHealth("READY")
	s.stop() // fails unless SIGTERM ends it
}

const concurrentAsync = `
import asyncio
import cog
class Predictor:
    @cog.concurrent(max=2)
    async def predict(self) -> str:
        await asyncio.sleep(60)
`

// W31: without COG_MAX_CONCURRENCY the decorator counts.
func TestConcurrentDecoratorSetsTheSlots(t *testing.T) {
	for env, python := range map[string]string{"bundled": venv(t, "bundled"), "cog": venv(t, "cog")} {
		t.Run(env, func(t *testing.T) {
			s := ready(t, "", launch{dir: model(t, concurrentAsync), python: python})
			first, second := s.run(), s.run()
			if a := s.predict(); a.code != http.StatusConflict {
				t.Errorf("a third: %d %s", a.code, a.raw)
			}
			s.cancel(first)
			s.cancel(second)
			s.await(first)
			s.await(second)
		})
	}
}
