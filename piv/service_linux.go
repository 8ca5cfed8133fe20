package piv

// daemon is what people call the computer's smartcard service.
const daemon = "pcscd"
