/*
 * A PKCS#11 module for Windows with one token, for tests of the program under Wine: .ci/wine builds it.
 *
 * In the directory that ANAPLAN_AGENT_TEST_TOKEN names the test has put the token's key (key.blob, a
 * BCRYPT_RSAFULLPRIVATE_BLOB) and certificate (certificate.der). The PIN is 4711, the token's label is
 * "wine", and its objects' label "login" and CKA_ID 01. It signs by CKM_RSA_PKCS, with Windows' own RSA.
 * ANAPLAN_AGENT_TEST_CRASH has it end badly: "yes" crashes when it is to sign, "exit" calls exit then;
 * "close", "close-exit", "close-heap" and "close-hang" do what they say when it closes, and "unload"
 * crashes when the process ends.
 */
#include <windows.h>
#include <bcrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CK_PTR *
#define CK_DEFINE_FUNCTION(type, name) type __declspec(dllexport) name
#define CK_DECLARE_FUNCTION(type, name) type __declspec(dllexport) name
#define CK_DECLARE_FUNCTION_POINTER(type, name) type(*name)
#define CK_CALLBACK_FUNCTION(type, name) type(*name)
#ifndef NULL_PTR
#define NULL_PTR 0
#endif
#pragma pack(push, 1)
#include "pkcs11.h"
#pragma pack(pop)

enum { CERTIFICATE = 1, PRIVATE_KEY, PUBLIC_KEY, END };

static unsigned char key[8192], certificate[8192];
static DWORD key_size, certificate_size;
static int logged_in, next_found;
static CK_OBJECT_HANDLE found[END];
static CK_ULONG found_count;

static DWORD read_file(const char *name, unsigned char *to, size_t most) {
	char path[MAX_PATH];
	const char *dir = getenv("ANAPLAN_AGENT_TEST_TOKEN");
	snprintf(path, sizeof path, "%s\\%s", dir == NULL ? "." : dir, name);
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return 0;
	DWORD size = fread(to, 1, most, file);
	fclose(file);
	return size;
}

/* The blob: a BCRYPT_RSAKEY_BLOB, the public exponent, the modulus, and what is secret. */
static unsigned char *exponent(CK_ULONG *size) {
	*size = ((BCRYPT_RSAKEY_BLOB *)key)->cbPublicExp;
	return key + sizeof(BCRYPT_RSAKEY_BLOB);
}

static unsigned char *modulus(CK_ULONG *size) {
	CK_ULONG before;
	unsigned char *at = exponent(&before);
	*size = ((BCRYPT_RSAKEY_BLOB *)key)->cbModulus;
	return at + before;
}

static void pad(unsigned char *to, size_t size, const char *text) {
	memset(to, ' ', size);
	memcpy(to, text, strlen(text));
}

static int is_to(const char *what) {
	const char *order = getenv("ANAPLAN_AGENT_TEST_CRASH");
	return order != NULL && strcmp(order, what) == 0;
}

static CK_RV finalize(CK_VOID_PTR reserved) {
	if (is_to("close"))
		*(volatile int *)8 = 1;
	if (is_to("close-exit"))
		exit(0);
	if (is_to("close-heap")) /* as Windows does when it finds a heap damaged: no handler is asked */
		TerminateProcess(GetCurrentProcess(), 0xC0000374);
	if (is_to("close-hang"))
		Sleep(INFINITE);
	return CKR_OK;
}

BOOL WINAPI DllMain(HINSTANCE library, DWORD why, LPVOID ends) {
	if (why == DLL_PROCESS_DETACH && is_to("unload"))
		*(volatile int *)8 = 1;
	return TRUE;
}

static CK_RV unsupported(void) { return CKR_FUNCTION_NOT_SUPPORTED; }
static CK_RV done(void) { return CKR_OK; }

static CK_RV initialize(CK_VOID_PTR arguments) {
	/* As a library says hello whose C library is its own. */
	static const char hello[] = "token.dll says hello\n";
	DWORD written;
	WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), hello, sizeof hello - 1, &written, NULL);
	key_size = read_file("key.blob", key, sizeof key);
	certificate_size = read_file("certificate.der", certificate, sizeof certificate);
	return key_size > 0 && certificate_size > 0 ? CKR_OK : CKR_FUNCTION_FAILED;
}

static CK_RV get_info(CK_INFO_PTR info) {
	memset(info, 0, sizeof *info);
	info->cryptokiVersion.major = 2, info->cryptokiVersion.minor = 40;
	pad(info->manufacturerID, sizeof info->manufacturerID, "anaplan-agent");
	pad(info->libraryDescription, sizeof info->libraryDescription, "a test's");
	return CKR_OK;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID_PTR list, CK_ULONG_PTR count) {
	if (list != NULL_PTR)
		list[0] = 1;
	*count = 1;
	return CKR_OK;
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info) {
	memset(info, 0, sizeof *info);
	pad(info->slotDescription, sizeof info->slotDescription, "slot");
	pad(info->manufacturerID, sizeof info->manufacturerID, "anaplan-agent");
	info->flags = CKF_TOKEN_PRESENT;
	return CKR_OK;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
	memset(info, 0, sizeof *info);
	pad(info->label, sizeof info->label, "wine");
	pad(info->manufacturerID, sizeof info->manufacturerID, "anaplan-agent");
	pad(info->model, sizeof info->model, "test");
	pad(info->serialNumber, sizeof info->serialNumber, "1");
	info->flags = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED;
	info->ulMinPinLen = 4, info->ulMaxPinLen = 16;
	return CKR_OK;
}

static CK_RV get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR list, CK_ULONG_PTR count) {
	if (list != NULL_PTR)
		list[0] = CKM_RSA_PKCS;
	*count = 1;
	return CKR_OK;
}

static CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info) {
	if (type != CKM_RSA_PKCS)
		return CKR_MECHANISM_INVALID;
	info->ulMinKeySize = 2048, info->ulMaxKeySize = 4096, info->flags = CKF_SIGN;
	return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR app, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session) {
	*session = 1;
	return CKR_OK;
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info) {
	memset(info, 0, sizeof *info);
	info->slotID = 1, info->flags = CKF_SERIAL_SESSION;
	info->state = logged_in ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
	return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE type, CK_UTF8CHAR_PTR pin, CK_ULONG size) {
	if (size != 4 || memcmp(pin, "4711", 4) != 0)
		return CKR_PIN_INCORRECT;
	logged_in = 1;
	return CKR_OK;
}

static CK_RV logout(CK_SESSION_HANDLE session) {
	logged_in = 0;
	return CKR_OK;
}

/* give answers one attribute. */
static CK_RV give(CK_ATTRIBUTE_PTR to, const void *value, CK_ULONG size) {
	CK_ULONG room = to->ulValueLen;
	to->ulValueLen = size;
	if (to->pValue == NULL_PTR)
		return CKR_OK;
	if (room < size)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(to->pValue, value, size);
	return CKR_OK;
}

static CK_RV attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR to) {
	static const CK_OBJECT_CLASS classes[END] = {0, CKO_CERTIFICATE, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
	const CK_KEY_TYPE rsa = CKK_RSA;
	const CK_CERTIFICATE_TYPE x509 = CKC_X_509;
	const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG size;
	unsigned char *at;
	switch (to->type) {
	case CKA_CLASS: return give(to, &classes[object], sizeof classes[object]);
	case CKA_TOKEN: return give(to, &yes, 1);
	case CKA_LABEL: return give(to, "login", 5);
	case CKA_ID: return give(to, "\1", 1);
	}
	if (object == CERTIFICATE && to->type == CKA_VALUE)
		return give(to, certificate, certificate_size);
	if (object == CERTIFICATE && to->type == CKA_CERTIFICATE_TYPE)
		return give(to, &x509, sizeof x509);
	if (object != CERTIFICATE)
		switch (to->type) {
		case CKA_KEY_TYPE: return give(to, &rsa, sizeof rsa);
		case CKA_MODULUS: at = modulus(&size); return give(to, at, size);
		case CKA_PUBLIC_EXPONENT: at = exponent(&size); return give(to, at, size);
		}
	if (object == PRIVATE_KEY)
		switch (to->type) {
		case CKA_PRIVATE: case CKA_SIGN: case CKA_SENSITIVE: return give(to, &yes, 1);
		case CKA_ALWAYS_AUTHENTICATE: case CKA_EXTRACTABLE: return give(to, &no, 1);
		}
	to->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR list, CK_ULONG count) {
	CK_RV result = CKR_OK;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_RV one = attribute(object, &list[i]);
		if (one != CKR_OK)
			result = one;
	}
	return result;
}

static int fits(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR list, CK_ULONG count) {
	unsigned char value[8192];
	if (object == PRIVATE_KEY && !logged_in)
		return 0;
	for (CK_ULONG i = 0; i < count; i++) {
		CK_ATTRIBUTE is = {list[i].type, value, sizeof value};
		if (attribute(object, &is) != CKR_OK || is.ulValueLen != list[i].ulValueLen || memcmp(value, list[i].pValue, is.ulValueLen) != 0)
			return 0;
	}
	return 1;
}

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR list, CK_ULONG count) {
	found_count = next_found = 0;
	for (CK_OBJECT_HANDLE object = CERTIFICATE; object < END; object++)
		if (fits(object, list, count))
			found[found_count++] = object;
	return CKR_OK;
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG most, CK_ULONG_PTR count) {
	for (*count = 0; *count < most && (CK_ULONG)next_found < found_count; (*count)++)
		objects[*count] = found[next_found++];
	return CKR_OK;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE object) {
	if (!logged_in)
		return CKR_USER_NOT_LOGGED_IN;
	return mechanism->mechanism == CKM_RSA_PKCS ? CKR_OK : CKR_MECHANISM_INVALID;
}

/* sign signs a DigestInfo, whose last bytes are the digest: bcrypt makes the rest anew. */
static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR signature, CK_ULONG_PTR signature_size) {
	CK_ULONG needed;
	modulus(&needed);
	if (signature == NULL_PTR) {
		*signature_size = needed;
		return CKR_OK;
	}
	if (is_to("exit"))
		exit(0);
	if (is_to("yes"))
		*(volatile int *)8 = 1;
	BCRYPT_ALG_HANDLE rsa;
	BCRYPT_KEY_HANDLE handle;
	BCRYPT_PKCS1_PADDING_INFO padding = {size == 83 ? BCRYPT_SHA512_ALGORITHM : BCRYPT_SHA256_ALGORITHM};
	ULONG digest = size == 83 ? 64 : 32, written = 0;
	if (size != 83 && size != 51)
		return CKR_DATA_LEN_RANGE;
	NTSTATUS failed = BCryptOpenAlgorithmProvider(&rsa, BCRYPT_RSA_ALGORITHM, NULL, 0);
	if (failed == 0)
		failed = BCryptImportKeyPair(rsa, NULL, BCRYPT_RSAFULLPRIVATE_BLOB, &handle, key, key_size, 0);
	if (failed == 0)
		failed = BCryptSignHash(handle, &padding, data + size - digest, digest, signature, *signature_size, &written, BCRYPT_PAD_PKCS1);
	*signature_size = written;
	return failed == 0 ? CKR_OK : CKR_DEVICE_ERROR;
}

static CK_FUNCTION_LIST list;

__declspec(dllexport) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR to) {
	CK_VOID_PTR *functions = (CK_VOID_PTR *)((unsigned char *)&list + sizeof list.version);
	for (size_t i = 0; i < (sizeof list - sizeof list.version) / sizeof *functions; i++)
		functions[i] = unsupported;
	list.version.major = 2, list.version.minor = 40;
	list.C_Initialize = initialize;
	list.C_Finalize = finalize;
	list.C_GetInfo = get_info;
	list.C_GetFunctionList = C_GetFunctionList;
	list.C_GetSlotList = get_slot_list;
	list.C_GetSlotInfo = get_slot_info;
	list.C_GetTokenInfo = get_token_info;
	list.C_GetMechanismList = get_mechanism_list;
	list.C_GetMechanismInfo = get_mechanism_info;
	list.C_OpenSession = open_session;
	list.C_CloseSession = (CK_C_CloseSession)done;
	list.C_CloseAllSessions = (CK_C_CloseAllSessions)done;
	list.C_GetSessionInfo = get_session_info;
	list.C_Login = login;
	list.C_Logout = logout;
	list.C_GetAttributeValue = get_attribute_value;
	list.C_FindObjectsInit = find_objects_init;
	list.C_FindObjects = find_objects;
	list.C_FindObjectsFinal = (CK_C_FindObjectsFinal)done;
	list.C_SignInit = sign_init;
	list.C_Sign = sign;
	*to = &list;
	return CKR_OK;
}
