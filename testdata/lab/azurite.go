package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An AzureBlobs is a blob service of Azure's, with the key of its one account.
type AzureBlobs struct {
	Endpoint     string // the account is part of its path
	Addr         string // where it listens
	Account, Key string
	Certificate  string // the file of the certificate that it shows over https: nobody else vouches for it
}

// Azurite starts Microsoft's emulator of Azure Storage: its blobs. It takes the
// account's key, and signatures made with it.
func Azurite(t testing.TB) AzureBlobs {
	t.Helper()
	p := azurite.start(t)
	return AzureBlobs{Endpoint: "http://" + p.addr + "/" + azuriteAccount, Addr: p.addr, Account: azuriteAccount, Key: azuriteKey(p)}
}

// AzuriteTLS starts Azurite over https, where it shows a certificate for
// lab.blob.core.windows.net, whose name says the account. It takes bearer tokens
// too, of which it looks at the claims and not at the signature.
func AzuriteTLS(t testing.TB) AzureBlobs {
	t.Helper()
	p := azuriteTLS.start(t)
	return AzureBlobs{Endpoint: "https://" + azuriteHost, Addr: p.addr, Account: azuriteAccount, Key: azuriteKey(p), Certificate: filepath.Join(p.dir, "cert.pem")}
}

const (
	azuriteAccount = "lab"
	azuriteHost    = azuriteAccount + ".blob.core.windows.net"
)

func azuriteKey(p *process) string { return base64.StdEncoding.EncodeToString([]byte(p.secret)) }

var (
	azurite    = azuriteOver("http")
	azuriteTLS = azuriteOver("https")
)

func azuriteOver(scheme string) *server {
	return &server{
		name:    "azurite",
		version: "3.37.0", // its package asks for Node 22, and it runs on 18

		install: func(home string) error {
			if err := apt(home, "npm", "nodejs", "npm"); err != nil {
				return err
			}
			return run(home, nil, "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "azurite@3.37.0")
		},

		command: func(home string, p *process) *exec.Cmd {
			host, port, _ := net.SplitHostPort(p.addr)
			cmd := exec.Command("node", filepath.Join(home, "node_modules", "azurite", "dist", "src", "blob", "main.js"),
				"--blobHost", host, "--blobPort", port, "--location", p.dir, "--silent", "--disableTelemetry",
				"--loose") // or it refuses what it does not know: CRC-64s
			if scheme == "https" {
				cert, key := filepath.Join(p.dir, "cert.pem"), filepath.Join(p.dir, "key.pem")
				_ = selfSigned(azuriteHost, cert, key) // if not, the server says so
				cmd.Args = append(cmd.Args, "--oauth", "basic", "--cert", cert, "--key", key)
			}
			cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+azuriteAccount+":"+azuriteKey(p))
			return cmd
		},

		// It says this when the port is its own.
		ready: func(p *process) error {
			if !strings.Contains(string(p.log()), "successfully listens on "+scheme+"://"+p.addr) {
				return errors.New("it has not said that it runs")
			}
			return nil
		},
	}
}

// selfSigned writes a certificate for a host, which vouches for itself, and its key.
func selfSigned(host, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "lab"}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}
