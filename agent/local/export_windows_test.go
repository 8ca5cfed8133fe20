package local

// ServiceSID is serviceSID for tests from outside.
var ServiceSID = serviceSID
