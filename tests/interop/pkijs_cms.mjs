// PKI.js behind four verbs: seal CERT CIPHER [OAEP-HASH], open CERT KEY, sign CERT KEY HASH, verify CA. CMS in DER and PEM
// files; data is standard input. PKIJS: where its modules are.
import { readFileSync } from 'node:fs'
import { webcrypto } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { createRequire } from 'node:module'

const require = createRequire(process.env.PKIJS + '/')
const asn1 = require('asn1js')
const pki = require('pkijs')
pki.setEngine('node', new pki.CryptoEngine({ name: 'node', crypto: webcrypto }))

const exact = (b) => b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength)
const pem = (path) => exact(Buffer.from(readFileSync(path, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64'))
const cert = (path) => pki.Certificate.fromBER(pem(path))
const data = async () => exact(await buffer(process.stdin))
const content = async () => pki.ContentInfo.fromBER(await data())
const out = (contentType, c) => Buffer.from(new pki.ContentInfo({ contentType, content: c.toSchema(true) }).toSchema().toBER())

const VERBS = {
  async seal (path, cipher, hash) {
    const e = new pki.EnvelopedData()
    e.addRecipientByCertificate(cert(path), hash ? { oaepHashAlgorithm: hash } : {})
    const [name, length] = /^(AES-...)-(\d+)$/.exec(cipher).slice(1)
    await e.encrypt({ name, length: Number(length) }, await data())
    return Buffer.from(new pki.ContentInfo({ contentType: pki.ContentInfo.ENVELOPED_DATA, content: e.toSchema() })
      .toSchema().toBER())
  },
  async open (path, key) {
    const e = new pki.EnvelopedData({ schema: (await content()).content })
    return Buffer.from(await e.decrypt(0, { recipientCertificate: cert(path), recipientPrivateKey: pem(key) }))
  },
  async sign (path, key, hash) {
    const c = cert(path)
    const text = await data()
    const digest = await webcrypto.subtle.digest(hash, text)
    const attribute = (type, value) => new pki.Attribute({ type, values: [value] })
    const s = new pki.SignedData({
      version: 1,
      encapContentInfo: new pki.EncapsulatedContentInfo({
        eContentType: pki.ContentInfo.DATA, eContent: new asn1.OctetString({ valueHex: text }),
      }),
      signerInfos: [new pki.SignerInfo({
        version: 1,
        sid: new pki.IssuerAndSerialNumber({ issuer: c.issuer, serialNumber: c.serialNumber }),
        signedAttrs: new pki.SignedAndUnsignedAttributes({
          type: 0,
          attributes: [
            attribute('1.2.840.113549.1.9.3', new asn1.ObjectIdentifier({ value: pki.ContentInfo.DATA })),
            attribute('1.2.840.113549.1.9.5', new asn1.UTCTime({ valueDate: new Date() })),
            attribute('1.2.840.113549.1.9.4', new asn1.OctetString({ valueHex: digest })),
          ],
        }),
      })],
      certificates: [c],
    })
    const jwk = c.subjectPublicKeyInfo.algorithm.algorithmId === '1.2.840.10045.2.1'
      ? { name: 'ECDSA', namedCurve: 'P-256' } : { name: 'RSASSA-PKCS1-v1_5', hash }
    await s.sign(await webcrypto.subtle.importKey('pkcs8', pem(key), jwk, false, ['sign']), 0, hash, text)
    return out(pki.ContentInfo.SIGNED_DATA, s)
  },
  async verify (ca) {
    const s = new pki.SignedData({ schema: (await content()).content })
    const good = await s.verify({ signer: 0, trustedCerts: [cert(ca)], checkChain: true })
    if (!good) throw new Error('the signature is bad')
    return Buffer.from(s.encapContentInfo.eContent.getValue())
  },
}

const [verb, ...words] = process.argv.slice(2)
try {
  process.stdout.write(await VERBS[verb](...words))
} catch (e) {
  console.error(e.message ?? e)
  process.exitCode = 1
}
