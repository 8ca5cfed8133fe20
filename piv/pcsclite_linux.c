// PC/SC's functions, each of which loads libpcsclite.so.1 at the first call and goes
// on there. See pcsclite_linux.go.

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <winscard.h>

static const char *failure; // why the library cannot be loaded
static void *library;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
	library = dlopen("libpcsclite.so.1", RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		failure = dlerror(); // lives on, for nothing on this thread's behalf fails after it
}

static void *find(const char *name) {
	pthread_once(&once, load);
	return library == NULL ? NULL : dlsym(library, name);
}

const char *anaplan_agent_pcsclite_failure(void) {
	pthread_once(&once, load);
	return failure;
}

// The protocol descriptions of SCardTransmit (pcsclite.h). They are data, so they
// cannot come from a library that is loaded later.
const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

// Without the library there is no service either: SCARD_E_NO_SERVICE.
#define FORWARD(name, parameters, arguments)                   \
	LONG name parameters {                                 \
		LONG(*function) parameters = find(#name);      \
		if (function == NULL)                          \
			return SCARD_E_NO_SERVICE;             \
		return function arguments;                     \
	}

FORWARD(SCardEstablishContext, (DWORD scope, LPCVOID r1, LPCVOID r2, LPSCARDCONTEXT context), (scope, r1, r2, context))
FORWARD(SCardReleaseContext, (SCARDCONTEXT context), (context))
FORWARD(SCardIsValidContext, (SCARDCONTEXT context), (context))
FORWARD(SCardCancel, (SCARDCONTEXT context), (context))
FORWARD(SCardListReaders, (SCARDCONTEXT context, LPCSTR groups, LPSTR readers, LPDWORD size), (context, groups, readers, size))
FORWARD(SCardListReaderGroups, (SCARDCONTEXT context, LPSTR groups, LPDWORD size), (context, groups, size))
FORWARD(SCardGetStatusChange, (SCARDCONTEXT context, DWORD timeout, SCARD_READERSTATE *states, DWORD count), (context, timeout, states, count))
FORWARD(SCardConnect, (SCARDCONTEXT context, LPCSTR reader, DWORD mode, DWORD protocols, LPSCARDHANDLE card, LPDWORD protocol), (context, reader, mode, protocols, card, protocol))
FORWARD(SCardReconnect, (SCARDHANDLE card, DWORD mode, DWORD protocols, DWORD initialization, LPDWORD protocol), (card, mode, protocols, initialization, protocol))
FORWARD(SCardDisconnect, (SCARDHANDLE card, DWORD disposition), (card, disposition))
FORWARD(SCardBeginTransaction, (SCARDHANDLE card), (card))
FORWARD(SCardEndTransaction, (SCARDHANDLE card, DWORD disposition), (card, disposition))
FORWARD(SCardStatus, (SCARDHANDLE card, LPSTR reader, LPDWORD size, LPDWORD state, LPDWORD protocol, LPBYTE atr, LPDWORD length), (card, reader, size, state, protocol, atr, length))
FORWARD(SCardTransmit, (SCARDHANDLE card, const SCARD_IO_REQUEST *send, LPCBYTE command, DWORD length, SCARD_IO_REQUEST *receive, LPBYTE response, LPDWORD size), (card, send, command, length, receive, response, size))
FORWARD(SCardControl, (SCARDHANDLE card, DWORD code, LPCVOID in, DWORD length, LPVOID out, DWORD size, LPDWORD returned), (card, code, in, length, out, size, returned))
FORWARD(SCardGetAttrib, (SCARDHANDLE card, DWORD attribute, LPBYTE value, LPDWORD size), (card, attribute, value, size))
FORWARD(SCardSetAttrib, (SCARDHANDLE card, DWORD attribute, LPCBYTE value, DWORD length), (card, attribute, value, length))

// ebfe/scard puts this into its errors.
const char *pcsc_stringify_error(const LONG code) {
	const char *(*function)(const LONG) = find("pcsc_stringify_error");
	return function == NULL ? "libpcsclite is not installed." : function(code);
}
