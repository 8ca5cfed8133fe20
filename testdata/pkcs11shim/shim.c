/*
 * A PKCS#11 module that stands in front of another one and misbehaves as told.
 * See README.md.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CK_PTR *
#define CK_DEFINE_FUNCTION(type, name) type name
#define CK_DECLARE_FUNCTION(type, name) type name
#define CK_DECLARE_FUNCTION_POINTER(type, name) type(*name)
#define CK_CALLBACK_FUNCTION(type, name) type(*name)
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#include "pkcs11.h"

#define BAD_SLOT 99
#define MAX_CALLS 64
#define MAX_PRINTED 1024

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST list;
static char orders[4096], during[512], hung[512], release[512], logfile[512], logins[512], pin[64];

static struct {
	const char *name;
	unsigned count;
} calls[MAX_CALLS];

static void copy(char *to, size_t size, const char *variable) {
	const char *value = getenv(variable);
	snprintf(to, size, "%s", value == NULL ? "" : value);
}

/* read_orders takes the orders from the file HSMTEST_SHIM_ORDERS, if there is one, as a
 * process cannot change the environment of another that runs. */
static void read_orders(void) {
	char path[512];
	copy(orders, sizeof orders, "HSMTEST_SHIM");
	copy(path, sizeof path, "HSMTEST_SHIM_ORDERS");
	FILE *file = path[0] ? fopen(path, "r") : NULL;
	if (file == NULL)
		return;
	orders[fread(orders, 1, sizeof orders - 1, file)] = 0;
	fclose(file);
	for (char *c = orders; *c != 0; c++)
		if (*c == '\n')
			*c = ';';
}

static int begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* When an order is carried out: before the real call or after it. */
enum stage { ANY, BEFORE, AFTER };

static int is_for(enum stage stage, const char *value) {
	int late = begins(value, "after:") || begins(value, "refusal:");
	return stage == ANY || late == (stage == AFTER);
}

/* find finds the first "name=value" of a stage among the orders and returns the value. */
static const char *find(const char *name, enum stage stage) {
	size_t length = strlen(name);
	if (during[0] && access(during, F_OK) != 0)
		return NULL;
	for (const char *at = orders; at != NULL && *at != 0; at = strchr(at, ';') ? strchr(at, ';') + 1 : NULL) {
		if (!begins(at, name) || (at[length] != '=' && at[length] != ';' && at[length] != 0))
			continue;
		const char *value = at[length] == '=' ? at + length + 1 : "";
		if (is_for(stage, value))
			return value;
	}
	return NULL;
}

static const char *order(const char *name) { return find(name, ANY); }

static CK_ULONG number(const char *name) {
	const char *value = order(name);
	return value == NULL ? 0 : strtoul(value, NULL, 0);
}

/* count returns how often a call was made, this time included, and logs it. */
static unsigned count(const char *name) {
	FILE *log = logfile[0] ? fopen(logfile, "a") : NULL;
	if (log != NULL) {
		fprintf(log, "%s\n", name);
		fclose(log);
	}
	for (int i = 0; i < MAX_CALLS; i++) {
		if (calls[i].name == NULL)
			calls[i].name = name;
		if (strcmp(calls[i].name, name) == 0)
			return ++calls[i].count;
	}
	return 0;
}

/* hang returns when HSMTEST_SHIM_RELEASE exists. */
static void hang(void) {
	int pipe = open(hung, O_RDWR); /* lets the reader's open return, and does not wait for it */
	while (access(release, F_OK) != 0)
		usleep(2000);
	close(pipe);
}

static void nap(unsigned long milliseconds) {
	struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	while (nanosleep(&left, &left) != 0)
		;
}

/* act does what an order says, and returns what the call is to return: rv, or what the
 * order says. */
static CK_RV act(const char *what, CK_RV rv) {
	if (begins(what, "sleep:")) {
		nap(strtoul(what + strlen("sleep:"), NULL, 10));
		return rv;
	}
	if (begins(what, "hang")) {
		hang();
		return CKR_DEVICE_ERROR;
	}
	if (begins(what, "crash"))
		raise(SIGSEGV);
	if (begins(what, "abort"))
		abort();
	if (begins(what, "kill"))
		raise(SIGKILL);
	if (begins(what, "exit"))
		exit(0);
	return strtoul(what, NULL, 0);
}

/* find_nth finds the order for the nth call of a function: "C_Sign@2", or else "C_Sign". */
static const char *find_nth(const char *name, unsigned nth, enum stage stage) {
	char numbered[80];
	snprintf(numbered, sizeof numbered, "%s@%u", name, nth);
	const char *what = find(numbered, stage);
	return what == NULL ? find(name, stage) : what;
}

/* before does what the orders say of a call before it is passed on. It is not, unless
 * this returns CKR_OK. */
static CK_RV before(const char *name, unsigned *nth) {
	*nth = count(name);
	const char *what = find_nth(name, *nth, BEFORE);
	return what == NULL ? CKR_OK : act(what, CKR_OK);
}

/* after does what the orders say of a call that was passed on and answered with rv. */
static CK_RV after(const char *name, unsigned nth, CK_RV rv) {
	const char *what = find_nth(name, nth, AFTER);
	if (what == NULL)
		return rv;
	if (begins(what, "after:"))
		return act(what + strlen("after:"), rv);
	return rv == CKR_PIN_INCORRECT ? act(what + strlen("refusal:"), rv) : rv;
}

#define WRAP(name, parameters, arguments)                                     \
	static CK_RV my_##name parameters {                                       \
		unsigned nth;                                                         \
		CK_RV rv = before(#name, &nth);                                       \
		return rv ? rv : after(#name, nth, real->name arguments);             \
	}

WRAP(C_Logout, (CK_SESSION_HANDLE h), (h))
WRAP(C_CloseSession, (CK_SESSION_HANDLE h), (h))
WRAP(C_FindObjectsInit, (CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n), (h, a, n))
WRAP(C_FindObjectsFinal, (CK_SESSION_HANDLE h), (h))

/* With the order keepsobjects nothing is destroyed, and said to be. */
static CK_RV my_C_DestroyObject(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o) {
	unsigned nth;
	CK_RV rv = before("C_DestroyObject", &nth);
	if (rv || order("keepsobjects") != NULL)
		return rv;
	return after("C_DestroyObject", nth, real->C_DestroyObject(h, o));
}

/* With the order rwonly there are read/write sessions only, and with roonly none. */
static CK_RV my_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS f, CK_VOID_PTR p, CK_NOTIFY n, CK_SESSION_HANDLE_PTR h) {
	unsigned nth;
	CK_RV rv = before("C_OpenSession", &nth);
	if (rv == CKR_OK && order("rwonly") != NULL && !(f & CKF_RW_SESSION))
		rv = CKR_SESSION_READ_WRITE_SO_EXISTS;
	if (rv == CKR_OK && order("roonly") != NULL && (f & CKF_RW_SESSION))
		rv = CKR_TOKEN_WRITE_PROTECTED;
	return rv ? rv : after("C_OpenSession", nth, real->C_OpenSession(slot, f, p, n, h));
}

/* With the order findone a search gives one object at a time, however many are asked for. */
static CK_RV my_C_FindObjects(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE_PTR o, CK_ULONG m, CK_ULONG_PTR n) {
	unsigned nth;
	CK_RV rv = before("C_FindObjects", &nth);
	if (order("findone") != NULL && m > 1)
		m = 1;
	return rv ? rv : after("C_FindObjects", nth, real->C_FindObjects(h, o, m, n));
}

/* choose puts what the device chooses in the place of what a template asks for: newid=00 and
 * newlabel=6b6579, in hexadecimal. */
static void choose(CK_ATTRIBUTE_PTR a, CK_ULONG n) {
	static CK_BYTE values[2][64];
	const char *names[] = {"newid", "newlabel"};
	CK_ATTRIBUTE_TYPE types[] = {CKA_ID, CKA_LABEL};
	for (int which = 0; which < 2; which++) {
		const char *hex = order(names[which]);
		size_t length = 0;
		unsigned byte;
		while (hex != NULL && length < sizeof values[which] && sscanf(hex + 2 * length, "%2x", &byte) == 1)
			values[which][length++] = byte;
		for (CK_ULONG i = 0; hex != NULL && i < n; i++)
			if (a[i].type == types[which])
				a[i].pValue = values[which], a[i].ulValueLen = length;
	}
}

/* With the order nocreate1=0x13 no objects of class 1 are made. */
static CK_RV my_C_CreateObject(CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_OBJECT_HANDLE_PTR o) {
	unsigned nth;
	CK_RV rv = before("C_CreateObject", &nth);
	char name[32];
	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++)
		if (a[i].type == CKA_CLASS) {
			snprintf(name, sizeof name, "nocreate%lu", *(CK_OBJECT_CLASS *)a[i].pValue);
			rv = number(name);
			if (*(CK_OBJECT_CLASS *)a[i].pValue != CKO_CERTIFICATE)
				choose(a, n);
		}
	return rv ? rv : after("C_CreateObject", nth, real->C_CreateObject(h, a, n, o));
}

/* has reports whether a template has an attribute. */
static int has(CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_ATTRIBUTE_TYPE type) {
	for (CK_ULONG i = 0; i < n; i++)
		if (a[i].type == type)
			return 1;
	return 0;
}

/* With the order nogenerate=0x162 no key pair is made with that attribute. */
static CK_RV my_C_GenerateKeyPair(CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_ATTRIBUTE_PTR a, CK_ULONG n,
                                  CK_ATTRIBUTE_PTR b, CK_ULONG o, CK_OBJECT_HANDLE_PTR p, CK_OBJECT_HANDLE_PTR q) {
	unsigned nth;
	CK_RV rv = before("C_GenerateKeyPair", &nth);
	if (rv == CKR_OK && order("nogenerate") != NULL && (has(a, n, number("nogenerate")) || has(b, o, number("nogenerate"))))
		rv = order("nogeneraterv") == NULL ? CKR_ATTRIBUTE_TYPE_INVALID : number("nogeneraterv");
	choose(a, n);
	choose(b, o);
	return rv ? rv : after("C_GenerateKeyPair", nth, real->C_GenerateKeyPair(h, m, a, n, b, o, p, q));
}

/* put writes all of it, in one write where the system takes it. */
static void put(int fd, const void *data, size_t n) {
	for (ssize_t done; n > 0 && (done = write(fd, data, n)) > 0; n -= done)
		data = (const char *)data + done;
}

/* output returns where an order such as "printpin=stderr" has something printed, -1 for
 * nowhere. */
static int output(const char *name) {
	const char *value = order(name);
	if (value == NULL)
		return -1;
	return begins(value, "stdout") ? STDOUT_FILENO : STDERR_FILENO;
}

/* print_banner prints by stdio, as modules do that are chatty. */
static void print_banner(void) {
	int fd = output("print");
	if (fd < 0)
		return;
	FILE *stream = fd == STDOUT_FILENO ? stdout : stderr;
	fprintf(stream, "pkcs11shim: this module prints a banner\n");
	fflush(stream);
}

/* print_hex prints a line of hexadecimal, with a separator between the bytes unless it is 0. */
static void print_hex(int fd, const char *digits, char separator, const CK_BYTE *data, size_t n) {
	char line[3 * MAX_PRINTED + 1];
	size_t at = 0;
	for (size_t i = 0; i < n && i < MAX_PRINTED; i++) {
		if (i > 0 && separator != 0)
			line[at++] = separator;
		line[at++] = digits[data[i] >> 4];
		line[at++] = digits[data[i] & 15];
	}
	line[at++] = '\n';
	put(fd, line, at);
}

#define LOWER "0123456789abcdef"
#define UPPER "0123456789ABCDEF"

static void print_utf16(int fd, const CK_BYTE *text, size_t n) {
	char line[2 * MAX_PRINTED + 1];
	size_t at = 0;
	for (size_t i = 0; i < n && i < MAX_PRINTED; i++) {
		line[at++] = text[i];
		line[at++] = 0;
	}
	line[at++] = '\n';
	put(fd, line, at);
}

/* The PIN that was last sent, for C_Finalize to print. */
static CK_BYTE kept[MAX_PRINTED];
static size_t kept_length;

/* print_pin prints a PIN in every form in which a careless module might. */
static void print_pin(CK_UTF8CHAR_PTR p, CK_ULONG n) {
	int fd = output("printpin");
	if (fd < 0 || p == NULL)
		return;
	kept_length = n < sizeof kept ? n : sizeof kept;
	memcpy(kept, p, kept_length);
	dprintf(fd, "C_Login %.*s\n", (int)n, (const char *)p);
	print_utf16(fd, p, n);
	print_hex(fd, LOWER, 0, p, n);
	print_hex(fd, UPPER, 0, p, n);
	print_hex(fd, LOWER, ' ', p, n);
	print_hex(fd, LOWER, ':', p, n);
	put(fd, p, n / 2);
	put(fd, p + n / 2, n - n / 2);
	put(fd, "\n", 1);
}

static void print_kept_pin(void) {
	int fd = output("printpin");
	if (fd >= 0 && kept_length > 0)
		dprintf(fd, "C_Finalize %.*s\n", (int)kept_length, (const char *)kept);
}

/* configure reads the environment. */
static void configure(void) {
	copy(during, sizeof during, "HSMTEST_SHIM_WHILE");
	copy(hung, sizeof hung, "HSMTEST_SHIM_HUNG");
	copy(release, sizeof release, "HSMTEST_SHIM_RELEASE");
	copy(logfile, sizeof logfile, "HSMTEST_SHIM_LOG");
	copy(logins, sizeof logins, "HSMTEST_SHIM_LOGINS");
	copy(pin, sizeof pin, "HSMTEST_SHIM_PIN");
	read_orders();
}

/* manners are what a module does to the process that it is loaded into, and wants of it:
 * nullonly takes no arguments of C_Initialize, and nooslocking no locks of the system's, to which it
 * answers CKR_CANT_LOCK or, as nooslocking=0x9, a code. */
static CK_RV manners(CK_C_INITIALIZE_ARGS_PTR arguments) {
	if (arguments != NULL && order("nullonly") != NULL)
		return CKR_ARGUMENTS_BAD;
	if (arguments != NULL && order("nooslocking") != NULL && (arguments->flags & CKF_OS_LOCKING_OK))
		return number("nooslocking") ? number("nooslocking") : CKR_CANT_LOCK;
	if (order("chdir") != NULL && chdir("/") != 0)
		return CKR_GENERAL_ERROR;
	if (order("sigpipe") != NULL)
		signal(SIGPIPE, SIG_DFL);
	return CKR_OK;
}

static CK_RV my_C_Initialize(CK_VOID_PTR p) {
	configure();
	memset(calls, 0, sizeof calls);
	print_banner();
	unsigned nth;
	CK_RV rv = before("C_Initialize", &nth);
	if (rv == CKR_OK)
		rv = manners(p);
	return rv ? rv : after("C_Initialize", nth, real->C_Initialize(p));
}

/* C_Finalize does its work, whatever it is told to return. */
static CK_RV my_C_Finalize(CK_VOID_PTR p) {
	unsigned nth;
	CK_RV rv = before("C_Finalize", &nth);
	print_kept_pin();
	CK_RV real_rv = after("C_Finalize", nth, real->C_Finalize(p));
	return rv ? rv : real_rv;
}

/* With the order claimsloggedin each session says that the user has logged in, and with
 * claimspublic that nobody has. */
static CK_RV my_C_GetSessionInfo(CK_SESSION_HANDLE h, CK_SESSION_INFO_PTR info) {
	unsigned nth;
	CK_RV rv = before("C_GetSessionInfo", &nth);
	if (rv)
		return rv;
	rv = real->C_GetSessionInfo(h, info);
	if (rv == CKR_OK && order("claimsloggedin") != NULL)
		info->state = info->flags & CKF_RW_SESSION ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
	if (rv == CKR_OK && order("claimspublic") != NULL)
		info->state = info->flags & CKF_RW_SESSION ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
	return after("C_GetSessionInfo", nth, rv);
}

static CK_RV slots_with_bad(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR n) {
	if (slots != NULL && *n > 0) {
		slots[0] = BAD_SLOT;
		(*n)--;
	}
	CK_RV rv = real->C_GetSlotList(present, slots == NULL ? NULL : slots + 1, n);
	(*n)++;
	return rv;
}

/* late_slots lists no slot with a token, until somebody has asked for all slots. */
static CK_RV late_slots(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR n) {
	static int looked;
	looked |= !present;
	if (looked)
		return real->C_GetSlotList(present, slots, n);
	*n = 0;
	return CKR_OK;
}

/* With the order badslot a slot comes first that has a token and does not say which. With
 * lateslots tokens are seen only after all slots were asked for, and with newslot=2 one comes
 * after the second question of how many there are; goneslot=2 has one gone in between. */
static CK_RV my_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR n) {
	unsigned nth;
	CK_RV rv = before("C_GetSlotList", &nth);
	if (rv)
		return rv;
	if (order("badslot") != NULL)
		rv = slots_with_bad(present, slots, n);
	else if (order("lateslots") != NULL)
		rv = late_slots(present, slots, n);
	else
		rv = real->C_GetSlotList(present, slots, n);
	if (rv == CKR_OK && slots == NULL && nth == number("newslot") && *n > 0)
		(*n)--;
	if (rv == CKR_OK && slots == NULL && nth == number("goneslot"))
		(*n)++;
	return after("C_GetSlotList", nth, rv);
}

/* fill writes the bytes that an order gives in hexadecimal, and blanks behind them. */
static void fill(const char *name, CK_UTF8CHAR *field, size_t size) {
	const char *hex = order(name);
	unsigned byte;
	if (hex == NULL)
		return;
	memset(field, ' ', size);
	for (size_t i = 0; i < size && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
		field[i] = byte;
}

/* pad_nul ends a field with zero bytes in place of blanks. */
static void pad_nul(CK_UTF8CHAR *field, size_t size) {
	while (size > 0 && field[size - 1] == ' ')
		field[--size] = 0;
}

/* With the order library=HEX the module says that of its maker and of itself. */
static CK_RV my_C_GetInfo(CK_INFO_PTR info) {
	unsigned nth;
	CK_RV rv = before("C_GetInfo", &nth);
	if (rv)
		return rv;
	rv = real->C_GetInfo(info);
	if (rv == CKR_OK) {
		fill("library", info->manufacturerID, sizeof info->manufacturerID);
		fill("library", info->libraryDescription, sizeof info->libraryDescription);
	}
	return after("C_GetInfo", nth, rv);
}

/* name_token makes of what a token says of itself what the orders say. */
static void name_token(CK_TOKEN_INFO_PTR info) {
	fill("label", info->label, sizeof info->label);
	fill("serial", info->serialNumber, sizeof info->serialNumber);
	fill("model", info->model, sizeof info->model);
	fill("maker", info->manufacturerID, sizeof info->manufacturerID);
	if (order("padnul") != NULL) {
		pad_nul(info->label, sizeof info->label);
		pad_nul(info->serialNumber, sizeof info->serialNumber);
		pad_nul(info->model, sizeof info->model);
		pad_nul(info->manufacturerID, sizeof info->manufacturerID);
	}
	if (order("pinlength") != NULL)
		info->ulMinPinLen = info->ulMaxPinLen = number("pinlength");
}

/* With the order notpresent no slot says that there is a token in it. */
static CK_RV my_C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info) {
	unsigned nth;
	CK_RV rv = before("C_GetSlotInfo", &nth);
	if (rv)
		return rv;
	rv = real->C_GetSlotInfo(slot, info);
	if (rv == CKR_OK && order("notpresent") != NULL)
		info->flags &= ~CKF_TOKEN_PRESENT;
	return after("C_GetSlotInfo", nth, rv);
}

static CK_RV my_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
	unsigned nth;
	CK_RV rv = before("C_GetTokenInfo", &nth);
	if (rv || slot == BAD_SLOT)
		return rv ? rv : CKR_DEVICE_ERROR;
	rv = real->C_GetTokenInfo(slot, info);
	if (rv == CKR_OK && (info->flags & CKF_TOKEN_INITIALIZED)) {
		info->flags |= number("setflags");
		info->flags &= ~number("clearflags");
		if (order("pinpad") != NULL)
			info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
		if (order("maxrw") != NULL)
			info->ulMaxRwSessionCount = number("maxrw");
		name_token(info);
	}
	return after("C_GetTokenInfo", nth, rv);
}

/* hash returns FNV-1a of a PIN, which tells PINs of a test apart and does not show them. */
static unsigned hash(const CK_BYTE *p, size_t n) {
	unsigned h = 2166136261u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h;
}

/* note_login appends a line to HSMTEST_SHIM_LOGINS, whole, even if others write there. */
static void note_login(const char *line) {
	int log = logins[0] ? open(logins, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (log < 0)
		return;
	put(log, line, strlen(line));
	close(log);
}

/* log_in passes a login on. It is noted down before and after, so that one is seen that
 * was never answered. */
static CK_RV log_in(CK_SESSION_HANDLE h, CK_USER_TYPE user, CK_UTF8CHAR_PTR p, CK_ULONG n) {
	static unsigned passed;
	char line[128];
	unsigned id = __atomic_add_fetch(&passed, 1, __ATOMIC_RELAXED);
	snprintf(line, sizeof line, "sent %ld.%u %lu %08x\n", (long)getpid(), id, user, hash(p, p == NULL ? 0 : n));
	note_login(line);
	CK_RV rv = real->C_Login(h, user, p, n);
	snprintf(line, sizeof line, "got %ld.%u 0x%lx\n", (long)getpid(), id, rv);
	note_login(line);
	return rv;
}

/* With the order pinpad the PIN is typed "on the device": NULL is taken, and nothing
 * else. With userpass the PIN has a user's name before it. With alreadyloggedin a login that succeeds is said to have been in vain. */
static CK_RV my_C_Login(CK_SESSION_HANDLE h, CK_USER_TYPE user, CK_UTF8CHAR_PTR p, CK_ULONG n) {
	unsigned nth;
	print_pin(p, n);
	CK_RV rv = before("C_Login", &nth);
	if (rv)
		return rv;
	if (order("pinpad") != NULL) {
		if (p != NULL)
			return CKR_ARGUMENTS_BAD;
		p = (CK_UTF8CHAR_PTR)pin;
		n = strlen(pin);
	}
	if (order("userpass") != NULL && p != NULL) {
		CK_UTF8CHAR_PTR colon = memchr(p, ':', n);
		if (colon == NULL)
			return CKR_ARGUMENTS_BAD;
		n -= colon + 1 - p;
		p = colon + 1;
	}
	rv = log_in(h, user, p, n);
	if (rv == CKR_OK && order("alreadyloggedin") != NULL)
		rv = CKR_USER_ALREADY_LOGGED_IN;
	return after("C_Login", nth, rv);
}

/* withholding returns what a call returns that withheld an attribute: noattributerv=0x6, or else
 * CKR_ATTRIBUTE_TYPE_INVALID. */
static CK_RV withholding(void) { return order("noattributerv") == NULL ? CKR_ATTRIBUTE_TYPE_INVALID : number("noattributerv"); }

/* pass_for_session has the objects with the id of one byte that the order sessionid=9 names say
 * that they are the session's. */
static void pass_for_session(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n) {
	CK_BYTE id[64];
	CK_ATTRIBUTE ask = {CKA_ID, id, sizeof id};
	if (order("sessionid") == NULL || real->C_GetAttributeValue(h, o, &ask, 1) != CKR_OK || ask.ulValueLen != 1 || id[0] != number("sessionid"))
		return;
	for (CK_ULONG i = 0; i < n; i++)
		if (a[i].type == CKA_TOKEN && a[i].pValue != NULL)
			*(CK_BBOOL *)a[i].pValue = CK_FALSE;
}

/* withhold tells nothing of some attributes, and reports whether there was one: hidemodulus is
 * for private keys, and noattribute=0x3 for all objects. */
static int withhold(CK_OBJECT_CLASS class, CK_ATTRIBUTE_PTR a, CK_ULONG n) {
	int withheld = 0;
	for (CK_ULONG i = 0; i < n; i++)
		if ((order("noattribute") != NULL && a[i].type == number("noattribute")) ||
		    (order("hidemodulus") != NULL && class == CKO_PRIVATE_KEY && a[i].type == CKA_MODULUS)) {
			a[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
			withheld = 1;
		}
	return withheld;
}

/* spoil changes values: badcertificate those of certificates, and cutattribute=0x120 has one
 * of half the length that was told before. */
static void spoil(CK_OBJECT_CLASS class, CK_ATTRIBUTE_PTR a, CK_ULONG n) {
	for (CK_ULONG i = 0; i < n; i++) {
		if (a[i].pValue == NULL || a[i].ulValueLen == CK_UNAVAILABLE_INFORMATION)
			continue;
		if (order("badcertificate") != NULL && class == CKO_CERTIFICATE && a[i].type == CKA_VALUE && a[i].ulValueLen > 8)
			memset(a[i].pValue, 0, 8);
		if (order("cutattribute") != NULL && a[i].type == number("cutattribute"))
			a[i].ulValueLen /= 2;
	}
}

/* With the order oneattribute objects tell one attribute at a time. */
static CK_RV my_C_GetAttributeValue(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n) {
	unsigned nth;
	CK_RV rv = before("C_GetAttributeValue", &nth);
	CK_OBJECT_CLASS class = 0;
	CK_ATTRIBUTE ask = {CKA_CLASS, &class, sizeof class};
	if (rv)
		return rv;
	for (CK_ULONG i = 0; i < n; i++)
		if (a[i].type == CKA_EC_PARAMS)
			count("CKA_EC_PARAMS");
	if (order("oneattribute") != NULL && n > 1)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	rv = real->C_GetAttributeValue(h, o, a, n);
	real->C_GetAttributeValue(h, o, &ask, 1);
	spoil(class, a, n);
	pass_for_session(h, o, a, n);
	if (withhold(class, a, n))
		rv = withholding();
	return after("C_GetAttributeValue", nth, rv);
}

/* The mechanism of the signature that has begun. */
static CK_MECHANISM_TYPE signing;

/* With the order nomechanism=0x1 the token does not know that mechanism; nomechanismrv=0x63 is
 * what it returns then. */
static CK_RV my_C_SignInit(CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key) {
	unsigned nth;
	CK_RV rv = before("C_SignInit", &nth);
	if (rv == CKR_OK && order("nomechanism") != NULL && m->mechanism == number("nomechanism"))
		rv = order("nomechanismrv") == NULL ? CKR_MECHANISM_INVALID : number("nomechanismrv");
	signing = m->mechanism;
	return rv ? rv : after("C_SignInit", nth, real->C_SignInit(h, m, key));
}

/* end_signing ends the real module's operation: an error ends it (PKCS#11 section 5.11),
 * and the real module knows of none. */
static void end_signing(CK_SESSION_HANDLE h, CK_BYTE_PTR d, CK_ULONG n) {
	CK_BYTE lost[1024];
	CK_ULONG size = sizeof lost;
	real->C_Sign(h, d, n, lost, &size);
}

/* With the order badsign one bit of each signature is wrong, and with shortsign it is half a
 * signature. With lengthends the question how long it will be ends the operation. With norawsign=0x20 a
 * signature by CKM_RSA_PKCS is refused at its end. */
static CK_RV my_C_Sign(CK_SESSION_HANDLE h, CK_BYTE_PTR d, CK_ULONG n, CK_BYTE_PTR s, CK_ULONG_PTR m) {
	unsigned nth;
	CK_RV rv = before("C_Sign", &nth);
	if (rv == CKR_OK && s != NULL && signing == CKM_RSA_PKCS)
		rv = number("norawsign");
	if (rv) {
		end_signing(h, d, n);
		return rv;
	}
	CK_RV real_rv = real->C_Sign(h, d, n, s, m);
	if (real_rv == CKR_OK && s == NULL && order("lengthends") != NULL)
		end_signing(h, d, n);
	if (real_rv == CKR_OK && s != NULL && order("shortsign") != NULL)
		*m /= 2;
	if (real_rv == CKR_OK && s != NULL && order("badsign") != NULL)
		s[*m / 2] ^= 1;
	if (real_rv == CKR_OK && s != NULL && output("printsignature") >= 0)
		print_hex(output("printsignature"), LOWER, 0, s, *m);
	rv = after("C_Sign", nth, real_rv);
	if (rv && real_rv == CKR_OK && s == NULL) /* its length was asked for, and it has not ended */
		end_signing(h, d, n);
	return rv;
}

/* unloaded is what a module does last, when the loader takes it out of the process. */
__attribute__((destructor)) static void unloaded(void) {
	const char *what = order("unload");
	if (what != NULL)
		act(what, CKR_OK);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out) {
	void *library = dlopen(getenv("HSMTEST_SHIM_MODULE"), RTLD_NOW);
	CK_C_GetFunctionList get = library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
	if (get == NULL || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	configure();
	list = *real;
#define PUT(name) list.name = my_##name
	PUT(C_Initialize), PUT(C_Finalize), PUT(C_GetInfo), PUT(C_GetSlotList), PUT(C_GetSlotInfo), PUT(C_GetTokenInfo);
	PUT(C_OpenSession), PUT(C_CloseSession), PUT(C_Logout), PUT(C_GetSessionInfo), PUT(C_Login);
	PUT(C_FindObjectsInit), PUT(C_FindObjects), PUT(C_FindObjectsFinal), PUT(C_GetAttributeValue);
	PUT(C_SignInit), PUT(C_Sign), PUT(C_GenerateKeyPair), PUT(C_CreateObject), PUT(C_DestroyObject);
	if (order("version") != NULL)
		list.version.major = number("version");
	if (order("nullfunctions") != NULL)
		list.C_WaitForSlotEvent = NULL, list.C_GetMechanismList = NULL, list.C_Logout = NULL;
	*out = &list;
	return CKR_OK;
}
