package listen

// DescriptorFor is descriptorFor for tests from outside.
var DescriptorFor = descriptorFor
