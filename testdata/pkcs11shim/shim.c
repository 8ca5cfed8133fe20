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

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST list;
static char orders[1024], hung[512], release[512], logfile[512], pin[64];

static struct {
	const char *name;
	unsigned count;
} calls[MAX_CALLS];

static void copy(char *to, size_t size, const char *variable) {
	const char *value = getenv(variable);
	snprintf(to, size, "%s", value == NULL ? "" : value);
}

/* order finds "name=value" among the orders and returns the value. */
static const char *order(const char *name) {
	size_t length = strlen(name);
	for (const char *at = orders; at != NULL && *at != 0; at = strchr(at, ';') ? strchr(at, ';') + 1 : NULL)
		if (strncmp(at, name, length) == 0 && (at[length] == '=' || at[length] == ';' || at[length] == 0))
			return at[length] == '=' ? at + length + 1 : "";
	return NULL;
}

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

/* fault does what the orders say of a call: "C_Sign=hang", "C_Sign@2=0x32". */
static CK_RV fault(const char *name) {
	char nth[80];
	snprintf(nth, sizeof nth, "%s@%u", name, count(name));
	const char *what = order(nth);
	if (what == NULL)
		what = order(name);
	if (what == NULL)
		return CKR_OK;
	if (strncmp(what, "crash", 5) == 0)
		raise(SIGSEGV);
	if (strncmp(what, "hang", 4) == 0) {
		int pipe = open(hung, O_RDWR); /* lets the reader's open return, and does not wait for it */
		while (access(release, F_OK) != 0)
			usleep(2000);
		close(pipe);
		return CKR_DEVICE_ERROR;
	}
	return strtoul(what, NULL, 0);
}

#define WRAP(name, parameters, arguments)     \
	static CK_RV my_##name parameters {       \
		CK_RV rv = fault(#name);              \
		return rv ? rv : real->name arguments; \
	}

WRAP(C_GetInfo, (CK_INFO_PTR i), (i))
WRAP(C_OpenSession, (CK_SLOT_ID s, CK_FLAGS f, CK_VOID_PTR p, CK_NOTIFY n, CK_SESSION_HANDLE_PTR h), (s, f, p, n, h))
WRAP(C_CloseSession, (CK_SESSION_HANDLE h), (h))
WRAP(C_GetSessionInfo, (CK_SESSION_HANDLE h, CK_SESSION_INFO_PTR i), (h, i))
WRAP(C_FindObjectsInit, (CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n), (h, a, n))
WRAP(C_FindObjects, (CK_SESSION_HANDLE h, CK_OBJECT_HANDLE_PTR o, CK_ULONG m, CK_ULONG_PTR n), (h, o, m, n))
WRAP(C_FindObjectsFinal, (CK_SESSION_HANDLE h), (h))
WRAP(C_CreateObject, (CK_SESSION_HANDLE h, CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_OBJECT_HANDLE_PTR o), (h, a, n, o))
WRAP(C_GenerateKeyPair,
     (CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_ATTRIBUTE_PTR a, CK_ULONG n, CK_ATTRIBUTE_PTR b, CK_ULONG o,
      CK_OBJECT_HANDLE_PTR p, CK_OBJECT_HANDLE_PTR q),
     (h, m, a, n, b, o, p, q))

static CK_RV my_C_Initialize(CK_VOID_PTR p) {
	copy(orders, sizeof orders, "HSMTEST_SHIM");
	copy(hung, sizeof hung, "HSMTEST_SHIM_HUNG");
	copy(release, sizeof release, "HSMTEST_SHIM_RELEASE");
	copy(logfile, sizeof logfile, "HSMTEST_SHIM_LOG");
	copy(pin, sizeof pin, "HSMTEST_SHIM_PIN");
	memset(calls, 0, sizeof calls);
	CK_RV rv = fault("C_Initialize");
	return rv ? rv : real->C_Initialize(p);
}

/* C_Finalize does its work, whatever it is told to return. */
static CK_RV my_C_Finalize(CK_VOID_PTR p) {
	CK_RV rv = fault("C_Finalize");
	CK_RV real_rv = real->C_Finalize(p);
	return rv ? rv : real_rv;
}

/* With the order badslot a slot comes first that has a token and does not say which. */
static CK_RV my_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR n) {
	CK_RV rv = fault("C_GetSlotList");
	if (rv || order("badslot") == NULL)
		return rv ? rv : real->C_GetSlotList(present, slots, n);
	if (slots != NULL && *n > 0) {
		slots[0] = BAD_SLOT;
		(*n)--;
	}
	rv = real->C_GetSlotList(present, slots == NULL ? NULL : slots + 1, n);
	(*n)++;
	return rv;
}

static CK_RV my_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
	CK_RV rv = fault("C_GetTokenInfo");
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
	}
	return rv;
}

/* With the order pinpad the PIN is typed "on the device": NULL is taken, and nothing else. */
static CK_RV my_C_Login(CK_SESSION_HANDLE h, CK_USER_TYPE user, CK_UTF8CHAR_PTR p, CK_ULONG n) {
	CK_RV rv = fault("C_Login");
	if (rv || order("pinpad") == NULL)
		return rv ? rv : real->C_Login(h, user, p, n);
	return p != NULL ? CKR_ARGUMENTS_BAD : real->C_Login(h, user, (CK_UTF8CHAR_PTR)pin, strlen(pin));
}

/* With the order hidemodulus private keys do not tell their modulus. */
static CK_RV my_C_GetAttributeValue(CK_SESSION_HANDLE h, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_PTR a, CK_ULONG n) {
	CK_RV rv = fault("C_GetAttributeValue");
	CK_OBJECT_CLASS class = 0;
	CK_ATTRIBUTE ask = {CKA_CLASS, &class, sizeof class};
	if (rv)
		return rv;
	if (order("hidemodulus") != NULL && real->C_GetAttributeValue(h, o, &ask, 1) == CKR_OK && class == CKO_PRIVATE_KEY)
		for (CK_ULONG i = 0; i < n; i++)
			if (a[i].type == CKA_MODULUS)
				return CKR_ATTRIBUTE_TYPE_INVALID;
	return real->C_GetAttributeValue(h, o, a, n);
}

/* With the order nomechanism=0x1 the token does not know that mechanism. */
static CK_RV my_C_SignInit(CK_SESSION_HANDLE h, CK_MECHANISM_PTR m, CK_OBJECT_HANDLE key) {
	CK_RV rv = fault("C_SignInit");
	if (rv == CKR_OK && order("nomechanism") != NULL && m->mechanism == number("nomechanism"))
		rv = CKR_MECHANISM_INVALID;
	return rv ? rv : real->C_SignInit(h, m, key);
}

/* With the order badsign one bit of each signature is wrong. */
static CK_RV my_C_Sign(CK_SESSION_HANDLE h, CK_BYTE_PTR d, CK_ULONG n, CK_BYTE_PTR s, CK_ULONG_PTR m) {
	CK_RV rv = fault("C_Sign");
	if (rv) { /* an error ends the operation (PKCS#11 section 5.11) */
		CK_BYTE lost[1024];
		CK_ULONG size = sizeof lost;
		real->C_Sign(h, d, n, lost, &size);
		return rv;
	}
	rv = real->C_Sign(h, d, n, s, m);
	if (rv == CKR_OK && s != NULL && order("badsign") != NULL)
		s[*m / 2] ^= 1;
	return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR out) {
	void *library = dlopen(getenv("HSMTEST_SHIM_MODULE"), RTLD_NOW);
	CK_C_GetFunctionList get = library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
	if (get == NULL || get(&real) != CKR_OK)
		return CKR_GENERAL_ERROR;
	list = *real;
#define PUT(name) list.name = my_##name
	PUT(C_Initialize), PUT(C_Finalize), PUT(C_GetInfo), PUT(C_GetSlotList), PUT(C_GetTokenInfo);
	PUT(C_OpenSession), PUT(C_CloseSession), PUT(C_GetSessionInfo), PUT(C_Login);
	PUT(C_FindObjectsInit), PUT(C_FindObjects), PUT(C_FindObjectsFinal), PUT(C_GetAttributeValue);
	PUT(C_SignInit), PUT(C_Sign), PUT(C_GenerateKeyPair), PUT(C_CreateObject);
	*out = &list;
	return CKR_OK;
}
