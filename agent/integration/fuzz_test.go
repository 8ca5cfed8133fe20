package integration

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// unfit returns whether a text is not fit for one line of a terminal.
func unfit(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func FuzzTask(f *testing.F) {
	f.Add([]byte(`{"taskId":"A1","taskState":"COMPLETE","creationTime":1571258416552,"progress":1.0,"currentStep":"Complete.",
		"result":{"objectId":"118","successful":true,"failureDumpAvailable":false,"details":[{"localMessageText":"a","occurrences":0,"type":"t","values":["x",null,1]}],
		"nestedResults":[{"objectId":112,"successful":false}]}}`))
	f.Add([]byte(`{"taskId":"A1","result":null,"progress":-1e308}`))
	f.Add([]byte(`{"taskId":"A1","taskState":"\u001b[31m","creationTime":-5}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		task, ok := parseTask(raw)
		if !ok {
			return
		}
		if !isID(task.ID) || task.Progress < 0 || task.Progress > 1 || unfit(task.State) || unfit(task.Step) {
			t.Errorf("task %+v", task)
		}
		if _, err := json.Marshal(task); err != nil {
			t.Error(err)
		}
		if task.Result == nil {
			return
		}
		if all := bytes.Count(raw, []byte("false")); all == 0 && task.Result.OK() && !bytes.Contains(raw, []byte("true")) {
			t.Errorf("successful without a word of it: %s", raw)
		}
		for _, d := range task.Result.Details {
			if unfit(d.Text) || unfit(d.Type) || unfit(strings.Join(d.Values, "")) {
				t.Errorf("detail %+v", d)
			}
		}
		for _, dump := range Dumps(Thing{Kind: Processes, ID: "1"}, task) {
			if strings.Contains(dump.path(), "..") {
				t.Errorf("path %q", dump.path())
			}
		}
	})
}

func FuzzRefusal(f *testing.F) {
	f.Add([]byte(`{"status":{"code":403,"message":"no"},"problem":{"code":"locked","message":"it is locked","hints":["x"],"human":true}}`), "locked")
	f.Add([]byte(`{"status":"FAILURE","statusMessage":"no"}`), "")
	f.Add([]byte(`{"message":"\u202eevil\u0000"}`), "\x1b")
	f.Fuzz(func(t *testing.T, body []byte, code string) {
		header := http.Header{}
		if code != "" {
			header.Set("Anaplan-Agent-Problem", code)
		}
		err, _ := Refusal("GET", "/2/0/models", &http.Response{StatusCode: 403, Header: header, Body: io.NopCloser(bytes.NewReader(body))})
		text := err.Error()
		if unfit(text) || !utf8.ValidString(text) || utf8.RuneCountInString(text) > 4*mostText {
			t.Errorf("error %q", text)
		}
		if (err.Code != "") != (clean(code) != "") {
			t.Errorf("code %q of %q", err.Code, code)
		}
	})
}

func FuzzPages(f *testing.F) {
	f.Add([]byte(`{"meta":{"paging":{"currentPageSize":2,"totalSize":3,"offset":0}},"a":[{"id":"1","name":"x"},{"id":"2","name":"x"}],"b":1}`), []byte(`{"a":[{"id":3,"name":"y"}]}`))
	f.Add([]byte(`{"meta":{"paging":{"currentPageSize":9223372036854775807,"totalSize":9223372036854775807,"offset":1}},"a":[]}`), []byte(`{}`))
	f.Add([]byte(`{"a":[1],"a":[2]}`), []byte(`null`))
	f.Add([]byte(`{"meta":{"paging":{"currentPageSize":1,"totalSize":2}},"a":[1],"a":[2]}`), []byte(`{"a":[3]}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		asked := 0
		client := served(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked == 1 {
				w.Write(first)
				return
			}
			w.Write(second)
		})
		client.Retry.Attempts = 1
		var got bytes.Buffer
		if err := client.Paginate(t.Context(), "/p", nil, &got); err == nil && !json.Valid(got.Bytes()) {
			t.Errorf("merged to %s", got.Bytes())
		}
		if asked > 1000 {
			t.Errorf("asked %d times", asked)
		}
		asked = 0
		all, err := client.list(t.Context(), "/p", "a")
		if err != nil || asked > 1000 {
			return
		}
		taken := map[string]bool{}
		for id, entry := range entriesOf(all) {
			name := entry.unique
			if name != "" && taken[name] {
				t.Errorf("%s is not the only %q", id, name)
			}
			taken[name] = true
		}
		for _, l := range usable(all) {
			if !isID(string(l.ID)) {
				t.Errorf("id %q", l.ID)
			}
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("plain", "aap_0123456789012345678901234567890123456789012")
	f.Add("a\x1b[31m\u202e", strings.Repeat("a/b+", 99))
	f.Fuzz(func(t *testing.T, text, token string) {
		got := clean(text)
		if unfit(got) || utf8.RuneCountInString(got) > mostText+1 {
			t.Errorf("%q became %q", text, got)
		}
		if len(token) <= mostToken || strings.ContainsFunc(token, func(r rune) bool { return !isTokenRune(r) || r == '/' }) {
			return
		}
		if got := clean(text + " " + token + " " + text); strings.Contains(got, token) && !strings.Contains(printable.Line(text), token) {
			t.Errorf("%q is shown: %q", token, got)
		}
	})
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 5-9/10", int64(5))
	f.Add("bytes 05-9/10", int64(5))
	f.Add("bytes */10", int64(0))
	f.Fuzz(func(t *testing.T, value string, at int64) {
		if startsAt(value, at) && !strings.HasPrefix(value, "bytes ") {
			t.Errorf("%q", value)
		}
	})
}

func TestStartsAt(t *testing.T) {
	for value, want := range map[string]bool{
		"bytes 5-9/10": true, "bytes 5-9/*": true, "bytes 5-": true, "bytes 05-9/10": false, "bytes 50-99/100": false,
		"bytes */10": false, "items 5-9/10": false, "": false, "bytes 5": false,
	} {
		if got := startsAt(value, 5); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}
