package integration

import "testing"

// serverWeaknesses names, for each weakness of another server's parent process (section 26 of the HTTP contract, severity A
// and B), the tests that would catch it here.
var serverWeaknesses = map[string][]string{
	"18 a failed start loses its slot":         {"integration/capacity_test.go:TestFolderThatCannotBeMadeCostsNoSlot", "integration/bad_input_test.go:TestRequestsThatAreRefused", "integration/bad_input_test.go:TestIdsAreNeverPaths"},
	"19 a large context costs the slot":        {"integration/settings_test.go:TestContextAndNull"},
	"20 at capacity with free slots":           {"internal/service/readers_test.go:TestFreeSlotsAreNeverDenied"},
	"21 free slots are miscounted":             {"internal/service/readers_test.go:TestFreeSlotsAreNeverDenied", "internal/orchestrator/pool_test.go:TestPermitsSurviveStress"},
	"22 dead looks busy":                       {"integration/death_test.go:TestCrashLoopEndsDefunct"},
	"23 a stuck control channel keeps slots":   {"integration/cancel_test.go:TestFiveThousandRequestsOneAfterAnother", "internal/protocol/writer_test.go:TestSendDoesNotWaitForAReceiverThatDoesNotRead"},
	"24 uncancelable code holds its slot":      {"integration/cancel_test.go:TestIgnoredCancelCostsTheWorkerItsLife"},
	"25 ids are paths":                         {"integration/bad_input_test.go:TestIdsAreNeverPaths"},
	"26 one id runs twice":                     {"integration/routes_test.go:TestPreferAndIdempotentPut", "internal/service/service_test.go:TestOneIDRunsOnce"},
	"27 the token goes anywhere":               {"integration/urls_test.go:TestWebhookTokenGoesToNamedHostsOnly", "integration/urls_test.go:TestPublicURLsOnlyHoldsForWebhooks", "internal/outbound/outbound_test.go:TestNamedAddressesAreCheckedWhereTheyAreDialled"},
	"28 clients name local files":              {"integration/files_test.go:TestFileInputsThatAreRefused", "internal/files/input_test.go:TestOnlyURLsAndNamedFoldersAreTaken"},
	"29 anybody can take a slot's socket":      {"integration/capacity_test.go:TestOnlyThePortListens"},
	"30 no time limit on headers and bodies":   {"integration/bad_input_test.go:TestSlowHeadersAreCut", "internal/httpapi/body_test.go:TestBodyThatStallsIsGivenUp", "integration/large_test.go:TestLargePauseEndsAnIdleConnection"},
	"31 runs of one id share their files":      {"integration/files_test.go:TestNobodyGetsAnotherPredictionsFile"},
	"32 a cancel overtakes its prediction":     {"internal/service/readers_test.go:TestCancelThatComesAtOnceIsNeverLost", "integration/cancel_test.go:TestCancelAtOnceOfEveryKindOfModel"},
	"33 a late cancel hits the next of its id": {"internal/service/readers_test.go:TestCancelThatComesAtOnceIsNeverLost", "integration/cancel_test.go:TestCancelNeverHitsTheNextPrediction"},
	"34 the slot is free before the cleanup":   {"integration/cancel_test.go:TestCancelOfAsyncPredictions"},
	"35 a canceled coroutine counts as failed": {"integration/cancel_test.go:TestCancelAtOnceOfEveryKindOfModel"},
	"36 cancels are known by their text":       {"integration/death_test.go:TestExitsInAsyncCodeFailOnlyTheirPrediction"},
	"37 swallowed cancels are successes":       {"integration/cancel_test.go:TestCancelEndsWhatWaitsAtOnce"},
	"38 a cancel makes success without files":  {"integration/transfer_test.go:TestUploadsThatFailAndUploadsThatAreCanceled"},
	"39 uploads go on after the end":           {"integration/transfer_test.go:TestUploadsThatFailAndUploadsThatAreCanceled", "internal/prediction/prediction_test.go:TestFirstFinalStateWins"},
	"40 a cancel is answered and not made":     {"integration/cancel_test.go:TestCancelAtOnceOfEveryKindOfModel", "integration/cancel_test.go:TestSlotsAreFreeAfterStress"},
	"41 outputs in order of their uploads":     {"integration/transfer_test.go:TestOutputsAreUploadedInOrderNestedOnesToo"},
	"42 a lost file is a success":              {"integration/transfer_test.go:TestUploadsThatFailAndUploadsThatAreCanceled", "integration/files_test.go:TestFilesInAndOut", "internal/files/transfer_test.go:TestUploadsAreRetriedAndFailWithOneClearError"},
	"43 uploads overwrite one another":         {"internal/files/transfer_test.go:TestUploadsNameFilesSoThatNoneReplacesAnother", "integration/urls_test.go:TestUploadURLWithTheIDKeepsPredictionsApart"},
	"44 nested files are not uploaded":         {"integration/transfer_test.go:TestOutputsAreUploadedInOrderNestedOnesToo"},
	"45 a file holds up every slot":            {"integration/capacity_test.go:TestUploadThatHangsHoldsUpNobodyElse", "integration/transfer_test.go:TestLargeUploadAndDownloadDoNotGrowTheServer"},
	"46 folders are left behind":               {"integration/files_test.go:TestFilesInAndOut", "integration/transfer_test.go:TestOutputsAreUploadedInOrderNestedOnesToo"},
	"47 async generators do not stream":        {"integration/kinds_test.go:TestAsyncGeneratorsStreamAsTheyYield"},
	"48 NaN, long integers, the order of keys": {"python/tests/test_encode.py:test_nan_becomes_null_with_one_warning", "integration/transfer_test.go:TestOutputsKeepTheirDigitsAndTheirOrder"},
	"49 downloads leak, and know no limit":     {"integration/transfer_test.go:TestInputsAreFetched", "internal/files/transfer_test.go:TestTheLimitIsForAllFilesTogether", "internal/files/input_test.go:TestLargeDataURLIsNotCopiedAgainAndAgain"},
	"66 logs, outputs and webhooks unbounded":  {"integration/isolation_test.go:TestLogsOverTheLimitKeepTheEndAndSayWhatWasDropped", "internal/prediction/prediction_test.go:TestLimits", "internal/webhook/sender_test.go:TestWhatWaitsIsBoundedForEachHost"},
	"67 a snapshot for each token":             {"integration/webhook_test.go:TestWebhookForSixteenThousandItems", "internal/webhook/sender_test.go:TestProgressIsThrottledWithATrailingEdge"},
	"68 events hold outputs again":             {"internal/prediction/events_test.go:TestReplayIsBounded", "internal/api/api_test.go:TestLargeOutputsAreNotCopied"},
	"69 the input is held many times":          {"integration/transfer_test.go:TestLargeStringsAndManyOutputs", "internal/httpapi/body_test.go:TestMemoryIsTakenWhenTheBodyComes"},
	"70 values that quote messages pass":       {"internal/schema/schema_test.go:TestMessagesAreCogs", "integration/settings_test.go:TestContextAndNull"},
	"71 null is refused where it may stand":    {"integration/settings_test.go:TestContextAndNull", "internal/schema/schema_test.go:TestMessagesAreCogs"},
	"72 references that go round":              {"internal/schema/schema_test.go:TestMessagesAreCogs"},
	"73 READY before the schema is there":      {"integration/routes_test.go:TestReadyMeansThatAllIsThere"},
	"74 a slow reader costs the prediction":    {"integration/stream_test.go:TestReaderThatReadsNothingHoldsNothingUp", "integration/stream_test.go:TestReadersThatLeaveAPredictionOfTheirOwn"},
	"75 webhooks out of order, the last lost":  {"internal/webhook/sender_test.go:TestStartComesFirstAndTheEndLastHoweverFastAPredictionIs", "internal/webhook/sender_test.go:TestProgressIsThrottledWithATrailingEdge"},
	"76 shutdown drops what runs behind":       {"integration/capacity_test.go:TestShutdownWaitsForBackgroundUploadAndWebhook", "integration/webhook_test.go:TestShutdownWaitsForTheLastWebhook", "integration/death_test.go:TestSignalsEndIdleBusyAndStartingServers"},
}

func TestEveryWeaknessOfTheServerHasItsTest(t *testing.T) {
	if want := (49 - 18 + 1) + (76 - 66 + 1); len(serverWeaknesses) != want {
		t.Errorf("%d weaknesses, want %d", len(serverWeaknesses), want)
	}
	testsExist(t, serverWeaknesses)
}
