/* A library that each program loads (LD_PRELOAD, ld.so(8)) and that writes down with what arguments
   and environment it was started: /proc shows them as long as a process lives, and no test could
   look at each in time. The file is $STARTS_LOG/PID. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void write_down(int argc, char **argv, char **envp)
{
	char path[4096];
	const char *directory = getenv("STARTS_LOG");
	if (!directory)
		return;
	snprintf(path, sizeof path, "%s/%d", directory, (int)getpid());
	FILE *file = fopen(path, "ae");
	if (!file)
		abort(); /* a start that is not seen would pass for one without secrets */
	fputs("start\n", file);
	for (int i = 0; i < argc; i++)
		fprintf(file, "argument %s\n", argv[i]);
	for (; *envp; envp++)
		fprintf(file, "variable %s\n", *envp);
	fclose(file);
}
