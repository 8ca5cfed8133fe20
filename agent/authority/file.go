package authority

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
)

const (
	certificateType = "CERTIFICATE"
	keyType         = "PRIVATE KEY" // PKCS#8
)

func encodeCertificate(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certificateType, Bytes: cert.Raw})
}

// encode writes CAs as PEM: each certificate, and its key behind it if it has one.
func encode(to io.Writer, pairs []pair) error {
	for _, pair := range pairs {
		if _, err := to.Write(encodeCertificate(pair.cert)); err != nil {
			return err
		}
		if pair.key == nil {
			continue
		}
		der, err := x509.MarshalPKCS8PrivateKey(pair.key)
		if err != nil {
			return err
		}
		err = pem.Encode(to, &pem.Block{Type: keyType, Bytes: der})
		clear(der)
		if err != nil {
			return err
		}
	}
	return nil
}

// parse reads what encode has written. No error shows any of it.
func parse(text []byte) (pairs []pair, err error) {
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		switch {
		case block == nil && len(bytes.TrimSpace(text)) > 0:
			return nil, errors.New("there is something in it that is not PEM")
		case block == nil && len(pairs) == 0:
			return nil, errors.New("there is no certificate in it")
		case block == nil:
			return pairs, nil
		case block.Type == certificateType:
			pairs, err = addCertificate(pairs, block.Bytes)
		case block.Type == keyType:
			err = addKey(pairs, block.Bytes)
			clear(block.Bytes)
		default:
			err = errors.New("there is something in it that is neither a certificate nor a key")
		}
		if err != nil {
			return nil, err
		}
	}
}

func addCertificate(pairs []pair, der []byte) ([]pair, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil || !cert.IsCA || !cert.PermittedDNSDomainsCritical {
		return nil, errors.New("a certificate in it is not one of a CA that is constrained by name")
	}
	return append(pairs, pair{cert: cert}), nil
}

// addKey gives the last CA its key.
func addKey(pairs []pair, der []byte) error {
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || len(pairs) == 0 || !key.PublicKey.Equal(pairs[len(pairs)-1].cert.PublicKey) {
		return errors.New("a key in it does not fit its certificate")
	}
	pairs[len(pairs)-1].key = key
	return nil
}

// write writes the file, for its owner alone. first: an error that is fs.ErrExist if there is one.
func write(path string, text []byte, first bool) (fs.FileInfo, error) {
	if err := atomicfile.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := atomicfile.Create(context.Background(), path, atomicfile.Options{New: first, Give: atomicfile.Private})
	if err != nil {
		return nil, err
	}
	if err := file.Finish(text); err != nil {
		return nil, err
	}
	if file.Info() == nil {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return file.Info(), nil
}
