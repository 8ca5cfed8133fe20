package local

// For tests from outside.
var (
	FormatNotice = formatNotice
	ParseNotice  = parseNotice
	ParseStatus  = parseStatus
)
