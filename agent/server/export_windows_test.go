package server

// DescriptorFor is descriptorFor for tests from outside.
var DescriptorFor = descriptorFor
