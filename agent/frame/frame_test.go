package frame_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/frame"
)

const (
	one, another frame.Kind = 3, 4

	most = 64 << 10
)

func TestFramesRoundTrip(t *testing.T) {
	for _, payload := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("x"), most)} {
		var pipe bytes.Buffer
		if err := frame.Write(&pipe, most, one, payload); err != nil {
			t.Fatal(err)
		}
		got, err := frame.Read(&pipe, most, one)
		if err != nil || got.Kind != one || !bytes.Equal(got.Payload, payload) {
			t.Errorf("%d bytes: came back as %d of type %d, %v", len(payload), len(got.Payload), got.Kind, err)
		}
		if pipe.Len() > 0 {
			t.Errorf("%d bytes: %d more are left", len(payload), pipe.Len())
		}
	}
}

func TestReadFrameRefuses(t *testing.T) {
	tests := []struct {
		name, input string
		want        error
		text        string
	}{
		{"nothing", "", io.EOF, ""},
		{"half a header", "\x03\x00", io.ErrUnexpectedEOF, ""},
		{"no payload", "\x03\x00\x00\x00\x02", io.EOF, "middle of a frame"},
		{"half a payload", "\x03\x00\x00\x00\x02x", io.ErrUnexpectedEOF, "middle of a frame"},
		{"text", "Segmentation fault\n", frame.ErrGarbage, "type 83"},
		{"a frame of the other direction", "\x01\x00\x00\x00\x00", frame.ErrGarbage, "type 1"},
		{"one byte too many", "\x03\x00\x01\x00\x01", frame.ErrTooLarge, "65537"},
		{"four gigabytes", "\x03\xff\xff\xff\xff", frame.ErrTooLarge, "4294967295"},
	}
	for _, test := range tests {
		_, err := frame.Read(strings.NewReader(test.input), most, one, another)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, want %v with %q", test.name, err, test.want, test.text)
		}
	}
}

func TestWriteFrameRefusesTooMuch(t *testing.T) {
	var pipe bytes.Buffer
	if err := frame.Write(&pipe, most, one, make([]byte, most+1)); !errors.Is(err, frame.ErrTooLarge) || pipe.Len() > 0 {
		t.Errorf("%v, %d bytes written", err, pipe.Len())
	}
}

// FuzzFrame: a frame that is read is the one that was sent, and no more is taken from the pipe.
func FuzzFrame(f *testing.F) {
	f.Add([]byte("\x03\x00\x00\x00\x02{}rest"))
	f.Add([]byte("\x04\x00\x00\x00\x00"))
	f.Add([]byte("\x05\xff\xff\xff\xff"))
	f.Add([]byte("Segmentation fault\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		pipe := bytes.NewReader(sent)
		got, err := frame.Read(pipe, most, one, another)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := frame.Write(&again, most, got.Kind, got.Payload); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(pipe)
		if whole := append(again.Bytes(), rest...); !bytes.Equal(whole, sent) {
			t.Errorf("%q has become %q", sent, whole)
		}
	})
}
