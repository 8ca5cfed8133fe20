// Package processgroup ends programs together with all that they have started: a library in a signer
// process may have started a helper, and a program may be a script that starts another one.
//
//	group, err := processgroup.Start(cmd)
//	...
//	group.Kill() // to end it
//	cmd.Wait()
//	group.Close()
//
// On Unix it is the process group of setpgid(2), which a process may leave. On Windows it is a job
// ("Job Objects", Win32), which ends with this process as well, however that ends.
package processgroup
