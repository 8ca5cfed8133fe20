package server

// rootName is who may do everything on a machine.
const rootName = "an administrator"
