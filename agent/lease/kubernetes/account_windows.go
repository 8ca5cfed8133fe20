package kubernetes

// account is nowhere: on Windows any user may make the directory in which a pod would have it.
const account = ""
