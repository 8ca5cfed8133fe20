/*
 * A winscard.dll for Wine 8, whose own has no cards: .ci/wine builds it, for tests of the program with a
 * virtual YubiKey. It hands each call to the pcscd whose socket PCSCLITE_CSOCK_NAME names, in pcscd's own
 * protocol 4.4 (winscard_msg.h of pcsc-lite 1.9); without that variable there is no service.
 *
 * Wine has no unix sockets for programs, but it runs them on Linux: this library asks the kernel itself.
 * It has what package piv/pcsc and piv-go call, and is for nothing else.
 */
#define WIN32_LEAN_AND_MEAN /* without winscard.h, whose handles are numbers */
#include <windows.h>
#include <stdint.h>
#include <string.h>

#define EXPORT __declspec(dllexport) LONG WINAPI

/* Commands of pcscd. */
enum { ESTABLISH = 0x01, RELEASE = 0x02, CONNECT = 0x04, DISCONNECT = 0x06, BEGIN = 0x07, END = 0x08, TRANSMIT = 0x09, VERSION = 0x11, READERS = 0x12 };

enum { MOST_READERS = 16, NAME_SIZE = 128 };

typedef struct {
	char name[NAME_SIZE];
	uint32_t events, state, sharing;
	uint8_t atr[33 + 3];
	uint32_t atr_size, protocol;
} reader_t;

/* A context has a connection of its own, on which one thread at a time asks. */
typedef struct {
	CRITICAL_SECTION lock;
	int socket;
	uint32_t number;
} context_t;

typedef struct {
	context_t *context;
	uint32_t number;
	char reader[NAME_SIZE];
} card_t;

/* System calls of Linux on x86-64. */
enum { SYS_READ = 0, SYS_WRITE = 1, SYS_CLOSE = 3, SYS_SOCKET = 41, SYS_CONNECT = 42 };
enum { EINTR_ = 4, AF_UNIX_ = 1, SOCK_STREAM_ = 1, SOCK_CLOEXEC_ = 02000000 };

static long long ask_kernel(long long call, long long a, long long b, long long c) {
	long long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(call), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

/* Reads or writes all of it. Wine interrupts threads by signals, as the Go runtime has it do all the time. */
static int move_all(int call, int socket, void *data, size_t size) {
	for (char *at = data; size > 0;) {
		long long moved = ask_kernel(call, socket, (intptr_t)at, size);
		if (moved == -EINTR_) continue;
		if (moved <= 0) return 0;
		at += moved;
		size -= moved;
	}
	return 1;
}

static int send_command(context_t *c, uint32_t command, void *message, uint32_t size) {
	uint32_t header[] = {size, command};
	return move_all(SYS_WRITE, c->socket, header, sizeof header) && move_all(SYS_WRITE, c->socket, message, size);
}

/* Sends a command and reads the answer over it. The caller holds the lock. */
static int exchange(context_t *c, uint32_t command, void *message, uint32_t size) {
	return send_command(c, command, message, size) && move_all(SYS_READ, c->socket, message, size);
}

/* The same with the lock; the last number of each message is the result. */
static LONG call(context_t *c, uint32_t command, uint32_t *message, uint32_t numbers) {
	EnterCriticalSection(&c->lock);
	int answered = exchange(c, command, message, numbers * sizeof *message);
	LeaveCriticalSection(&c->lock);
	return answered ? (LONG)message[numbers - 1] : SCARD_E_SERVICE_STOPPED;
}

static int open_socket(void) {
	struct {
		uint16_t family;
		char path[108];
	} address = {AF_UNIX_, ""};
	DWORD length = GetEnvironmentVariableA("PCSCLITE_CSOCK_NAME", address.path, sizeof address.path);
	if (length == 0 || length >= sizeof address.path) return -1;
	int socket = ask_kernel(SYS_SOCKET, AF_UNIX_, SOCK_STREAM_ | SOCK_CLOEXEC_, 0);
	if (socket < 0) return -1;
	long long connected;
	do connected = ask_kernel(SYS_CONNECT, socket, (intptr_t)&address, sizeof address);
	while (connected == -EINTR_);
	if (connected == 0) return socket;
	ask_kernel(SYS_CLOSE, socket, 0, 0);
	return -1;
}

static void end_context(context_t *c) {
	if (c->socket >= 0) ask_kernel(SYS_CLOSE, c->socket, 0, 0);
	DeleteCriticalSection(&c->lock);
	HeapFree(GetProcessHeap(), 0, c);
}

EXPORT SCardEstablishContext(DWORD scope, const void *unused1, const void *unused2, context_t **to) {
	context_t *c = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *c);
	InitializeCriticalSection(&c->lock);
	c->socket = open_socket();
	uint32_t version[] = {4, 4, 0}, establish[] = {scope, 0, 0};
	LONG result = SCARD_E_NO_SERVICE;
	if (c->socket >= 0 && (result = call(c, VERSION, version, 3)) == 0) result = call(c, ESTABLISH, establish, 3);
	if (result != 0) {
		end_context(c);
		return result;
	}
	c->number = establish[1];
	*to = c;
	return 0;
}

EXPORT SCardReleaseContext(context_t *c) {
	if (c == NULL) return SCARD_E_INVALID_HANDLE;
	uint32_t release[] = {c->number, 0};
	LONG result = call(c, RELEASE, release, 2);
	end_context(c);
	return result;
}

static LONG read_readers(context_t *c, reader_t *readers) {
	EnterCriticalSection(&c->lock);
	int answered = send_command(c, READERS, NULL, 0) && move_all(SYS_READ, c->socket, readers, MOST_READERS * sizeof *readers);
	LeaveCriticalSection(&c->lock);
	return answered ? 0 : SCARD_E_SERVICE_STOPPED;
}

EXPORT SCardListReadersW(context_t *c, const WCHAR *groups, WCHAR *to, DWORD *size) {
	reader_t readers[MOST_READERS];
	WCHAR text[MOST_READERS * NAME_SIZE + 1];
	DWORD length = 0;
	if (c == NULL) return SCARD_E_INVALID_HANDLE;
	LONG result = read_readers(c, readers);
	if (result != 0) return result;
	for (int i = 0; i < MOST_READERS; i++) {
		if (readers[i].name[0] == 0) continue;
		length += MultiByteToWideChar(CP_UTF8, 0, readers[i].name, -1, text + length, NAME_SIZE);
	}
	if (length == 0) return SCARD_E_NO_READERS_AVAILABLE;
	text[length++] = 0;
	DWORD room = *size;
	*size = length;
	if (to == NULL) return 0;
	if (room < length) return SCARD_E_INSUFFICIENT_BUFFER;
	memcpy(to, text, length * sizeof *text);
	return 0;
}

EXPORT SCardConnectW(context_t *c, const WCHAR *reader, DWORD share, DWORD protocols, card_t **to, DWORD *active) {
	struct {
		uint32_t context;
		char reader[NAME_SIZE];
		uint32_t share, protocols, card, active, result;
	} connect = {c == NULL ? 0 : c->number, "", share, protocols, 0, 0, 0};
	if (c == NULL) return SCARD_E_INVALID_HANDLE;
	if (WideCharToMultiByte(CP_UTF8, 0, reader, -1, connect.reader, NAME_SIZE, NULL, NULL) == 0) return SCARD_E_UNKNOWN_READER;
	LONG result = call(c, CONNECT, &connect.context, sizeof connect / sizeof(uint32_t));
	if (result != 0) return result;
	card_t *card = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *card);
	card->context = c;
	card->number = connect.card;
	memcpy(card->reader, connect.reader, NAME_SIZE);
	*to = card;
	if (active != NULL) *active = connect.active;
	return 0;
}

EXPORT SCardDisconnect(card_t *card, DWORD disposition) {
	if (card == NULL) return SCARD_E_INVALID_HANDLE;
	uint32_t disconnect[] = {card->number, disposition, 0};
	LONG result = call(card->context, DISCONNECT, disconnect, 3);
	HeapFree(GetProcessHeap(), 0, card);
	return result;
}

/* pcscd does not let one wait who shares a card with somebody in a transaction: its clients ask again. */
EXPORT SCardBeginTransaction(card_t *card) {
	if (card == NULL) return SCARD_E_INVALID_HANDLE;
	for (;;) {
		uint32_t begin[] = {card->number, 0};
		LONG result = call(card->context, BEGIN, begin, 2);
		if (result != SCARD_E_SHARING_VIOLATION) return result;
		Sleep(50);
	}
}

EXPORT SCardEndTransaction(card_t *card, DWORD disposition) {
	if (card == NULL) return SCARD_E_INVALID_HANDLE;
	uint32_t end[] = {card->number, disposition, 0};
	return call(card->context, END, end, 3);
}

EXPORT SCardTransmit(card_t *card, const void *send_as, const uint8_t *command, DWORD size, void *receive_as, uint8_t *answer, DWORD *answer_size) {
	enum { T1 = 2 };
	if (card == NULL) return SCARD_E_INVALID_HANDLE;
	struct {
		uint32_t card, protocol, protocol_size, size, answer_protocol, answer_protocol_size, answer_size, result;
	} transmit = {card->number, T1, 0, size, T1, 0, *answer_size, 0};
	context_t *c = card->context;
	EnterCriticalSection(&c->lock);
	int answered = send_command(c, TRANSMIT, &transmit, sizeof transmit) && move_all(SYS_WRITE, c->socket, (void *)command, size) &&
		move_all(SYS_READ, c->socket, &transmit, sizeof transmit);
	if (answered && transmit.result == 0) answered = transmit.answer_size <= *answer_size && move_all(SYS_READ, c->socket, answer, transmit.answer_size);
	LeaveCriticalSection(&c->lock);
	if (!answered) return SCARD_E_SERVICE_STOPPED;
	*answer_size = transmit.answer_size;
	return transmit.result;
}

/* Only the ATR is asked for. */
EXPORT SCardStatusW(card_t *card, WCHAR *names, DWORD *names_size, DWORD *state, DWORD *protocol, uint8_t *atr, DWORD *atr_size) {
	reader_t readers[MOST_READERS];
	if (card == NULL) return SCARD_E_INVALID_HANDLE;
	LONG result = read_readers(card->context, readers);
	if (result != 0) return result;
	for (int i = 0; i < MOST_READERS; i++) {
		if (strcmp(readers[i].name, card->reader) != 0) continue;
		if (readers[i].atr_size > *atr_size || readers[i].atr_size > sizeof readers[i].atr) return SCARD_E_INSUFFICIENT_BUFFER;
		memcpy(atr, readers[i].atr, readers[i].atr_size);
		*atr_size = readers[i].atr_size;
		return 0;
	}
	return SCARD_E_UNKNOWN_READER;
}
