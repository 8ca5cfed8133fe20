package certfile

// Object identifiers, by the documents that have them.
const (
	// RFC 5652 sections 4 to 8, PKCS#7.
	oidData          = "1.2.840.113549.1.7.1"
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidEnvelopedData = "1.2.840.113549.1.7.3"
	oidEncryptedData = "1.2.840.113549.1.7.6"

	// RFC 7292 appendix D, PKCS#12.
	oidKeyBag          = "1.2.840.113549.1.12.10.1.1"
	oidShroudedKeyBag  = "1.2.840.113549.1.12.10.1.2"
	oidCertBag         = "1.2.840.113549.1.12.10.1.3"
	oidSafeContentsBag = "1.2.840.113549.1.12.10.1.6"
	oidFriendlyName    = "1.2.840.113549.1.9.20"   // RFC 2985 section 5.5.1
	oidX509Certificate = "1.2.840.113549.1.9.22.1" // RFC 2985 section 5.5.2

	// RFC 8018 appendix C, PKCS#5, and RFC 7914 section 7.1, scrypt.
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidPBMAC1 = "1.2.840.113549.1.5.14"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"

	// RFC 8017 appendix C, RFC 5480 section 2.1.1 and others: kinds of keys.
	oidRSA = "1.2.840.113549.1.1.1"
	oidEC  = "1.2.840.10045.2.1"
)
