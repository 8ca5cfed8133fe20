package local

import "golang.org/x/sys/windows"

// ServiceSID is serviceSID for tests from outside.
var ServiceSID = serviceSID

// IsSandboxed tells who has made what has a descriptor.
func IsSandboxed(descriptor *windows.SECURITY_DESCRIPTOR) bool { return isSandboxed(descriptor) }
