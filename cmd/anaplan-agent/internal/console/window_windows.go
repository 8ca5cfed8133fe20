package console

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// LeaveWindow leaves the console, which is a window that stays open with the program, or would end it
// when somebody closes it.
func LeaveWindow() error {
	if err := WithoutStandardFiles(); err != nil {
		return err
	}
	done, _, err := windows.NewLazySystemDLL("kernel32.dll").NewProc("FreeConsole").Call()
	if done == 0 {
		return fmt.Errorf("leaving the window: %w", err)
	}
	return nil
}

// WithoutStandardFiles has the null device for standard input, output and error: where there is no
// console, what stands in their places may be anything.
func WithoutStandardFiles() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	os.Stdin, os.Stdout, os.Stderr = null, null, null
	return nil
}
