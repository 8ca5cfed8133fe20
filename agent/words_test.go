package agent_test

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/google/go-cmp/cmp"
)

// Programs branch on these words, and logs hold them: none may change.
func TestWords(t *testing.T) {
	got := []any{
		agent.CodePINNeeded, agent.CodePINRefused, agent.CodeTouchNeeded, agent.CodeDeviceAbsent, agent.CodeDeviceFailed,
		agent.CodeKeyUnusable, agent.CodeSignerFailed, agent.CodeLoginRefused, agent.CodeServerRefused, agent.CodeUnreachable,
		agent.CodeRateLimited, agent.CodeSettings, agent.CodeLocked, agent.CodeTokenFile, agent.CodeStopping, agent.CodeInternal,
		agent.CodeUnknownProfile, agent.CodeNotAllowed, agent.CodeUnauthorized, agent.CodeBadRequest, agent.CodeTooLarge,
		agent.CodeTooMany, agent.CodeAuditFailed,
		agent.StateIdle, agent.StateHealthy, agent.StateDegraded, agent.StateDown, agent.StateLocked,
		agent.EventSign, agent.EventLogin, agent.EventRefresh, agent.EventLogout, agent.EventIdle, agent.EventState,
		agent.NoticeTouch, agent.NoticeTouchOver, agent.NoticePerson, agent.NoticeWorking, agent.NoticeBusy,
		agent.NoticeWarning, agent.NoticeInfo,
		agent.V1, agent.V2,
	}
	want := []any{
		agent.Code("pin_needed"), agent.Code("pin_refused"), agent.Code("touch_needed"), agent.Code("device_absent"), agent.Code("device_failed"),
		agent.Code("key_unusable"), agent.Code("signer_failed"), agent.Code("login_refused"), agent.Code("server_refused"), agent.Code("unreachable"),
		agent.Code("rate_limited"), agent.Code("settings"), agent.Code("locked"), agent.Code("token_file"), agent.Code("stopping"), agent.Code("internal"),
		agent.Code("unknown_profile"), agent.Code("not_allowed"), agent.Code("unauthorized"), agent.Code("bad_request"), agent.Code("too_large"),
		agent.Code("too_many"), agent.Code("audit_failed"),
		agent.State("idle"), agent.State("healthy"), agent.State("degraded"), agent.State("down"), agent.State("locked"),
		agent.EventKind("sign"), agent.EventKind("login"), agent.EventKind("refresh"), agent.EventKind("logout"), agent.EventKind("idle"), agent.EventKind("state"),
		agent.NoticeKind("touch"), agent.NoticeKind("touch_over"), agent.NoticeKind("person"), agent.NoticeKind("working"), agent.NoticeKind("busy"),
		agent.NoticeKind("warning"), agent.NoticeKind("info"),
		agent.Format("v1"), agent.Format("v2"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}
